"""`python loop.py FOLDER`: pandapower's `runpp` with its defaults for each row of FOLDER/flows.npz on FOLDER/network.json.

It prints the seconds that the loop took, compiled before the clock starts, and writes FOLDER/voltage.npy, [T, nodes] per unit.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandapower as pp

if TYPE_CHECKING:
    from pandapower import pandapowerNet


def made(folder: Path) -> pandapowerNet:
    """The grid in pandapower, with one load at each node, in the order of the nodes."""
    network = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    net = pp.create_empty_network()
    bus = {node["name"]: pp.create_bus(net, vn_kv=node["nominal_v"] / 1e3) for node in network["nodes"]}
    pp.create_ext_grid(net, bus[network["slack_node"]], vm_pu=network["slack_voltage_pu"])
    for line in network["lines"]:
        pp.create_line_from_parameters(
            net, bus[line["from_node"]], bus[line["to_node"]], length_km=1.0, r_ohm_per_km=line["r_ohm"],
            x_ohm_per_km=line["x_ohm"], c_nf_per_km=line["c_nf"], max_i_ka=line["rated_a"] / 1e3,
        )  # fmt: skip
    for item in network["transformers"]:
        pp.create_transformer_from_parameters(
            net, bus[item["hv_node"]], bus[item["lv_node"]], sn_mva=item["rated_va"] / 1e6, vn_hv_kv=item["hv_v"] / 1e3,
            vn_lv_kv=item["lv_v"] / 1e3, vk_percent=item["uk_pct"], pfe_kw=item["iron_loss_w"] / 1e3,
            vkr_percent=100 * item["copper_loss_w"] / item["rated_va"], i0_percent=item["i0_pct"],
            shift_degree=30.0 * item["clock"], tap_side="hv", tap_neutral=0, tap_min=-10, tap_max=10,
            tap_pos=int(item["tap_position"]), tap_step_percent=item["tap_step_pct"], tap_changer_type="Ratio",
        )  # fmt: skip
    for node in network["nodes"]:
        pp.create_load(net, bus[node["name"]], p_mw=0.0, q_mvar=0.0)
    return net


def main(folder: Path) -> None:
    """Time the loop."""
    net = made(folder)
    with np.load(folder / "flows.npz") as flows:
        p_mw, q_mvar = flows["p_w"] / 1e6, flows["q_var"] / 1e6
    net.load["p_mw"], net.load["q_mvar"] = p_mw[0], q_mvar[0]
    pp.runpp(net)
    voltage = np.zeros_like(p_mw)
    begun = time.perf_counter()
    for row, (active, reactive) in enumerate(zip(p_mw, q_mvar, strict=True)):
        net.load["p_mw"], net.load["q_mvar"] = active, reactive
        pp.runpp(net)
        voltage[row] = net.res_bus.vm_pu.to_numpy()
    print(time.perf_counter() - begun)
    np.save(folder / "voltage.npy", voltage)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
