"""A network as power-grid-model's input arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from environment.feeder.elements import Network, Transformer

if TYPE_CHECKING:
    from power_grid_model import ComponentType

# power-grid-model wants one number space over all components.
_LINE_ID, _TRAFO_ID, LOAD_ID, _SOURCE_ID = 1_000_000, 2_000_000, 3_000_000, 4_000_000


def model_input(network: Network, node_index: dict[str, int]) -> dict[ComponentType, NDArray[np.void]]:
    """The input data of `PowerGridModel` for `network`, one zero load at each node."""
    from power_grid_model import ComponentType, DatasetType, LoadGenType, initialize_array

    node = initialize_array(DatasetType.input, ComponentType.node, len(network.nodes))
    node["id"] = np.arange(len(network.nodes))
    node["u_rated"] = [item.nominal_v for item in network.nodes]

    load = initialize_array(DatasetType.input, ComponentType.sym_load, len(network.nodes))
    load["id"] = LOAD_ID + np.arange(len(network.nodes))
    load["node"] = node["id"]
    load["status"] = 1
    load["type"] = LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0.0

    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"] = _SOURCE_ID
    source["node"] = node_index[network.slack_node]
    source["status"] = 1
    source["u_ref"] = network.slack_voltage_pu
    source["sk"] = 1e20  # an ideal source: the grid above is not part of this study

    data = {ComponentType.node: node, ComponentType.sym_load: load, ComponentType.source: source}
    if network.lines:
        line = initialize_array(DatasetType.input, ComponentType.line, len(network.lines))
        line["id"] = _LINE_ID + np.arange(len(network.lines))
        line["from_node"] = [node_index[item.from_node] for item in network.lines]
        line["to_node"] = [node_index[item.to_node] for item in network.lines]
        line["from_status"] = line["to_status"] = 1
        line["r1"] = [item.r_ohm for item in network.lines]
        line["x1"] = [item.x_ohm for item in network.lines]
        line["c1"] = [item.c_nf * 1e-9 for item in network.lines]
        line["tan1"] = 0.0
        line["i_n"] = [item.rated_a for item in network.lines]
        data[ComponentType.line] = line
    if network.transformers:
        data[ComponentType.transformer] = _transformers(network.transformers, node_index)
    return data


def _transformers(items: tuple[Transformer, ...], node_index: dict[str, int]) -> NDArray[np.void]:
    from power_grid_model import BranchSide, ComponentType, DatasetType, initialize_array

    trafo: NDArray[np.void] = initialize_array(DatasetType.input, ComponentType.transformer, len(items))
    trafo["id"] = _TRAFO_ID + np.arange(len(items))
    trafo["from_node"] = [node_index[item.hv_node] for item in items]
    trafo["to_node"] = [node_index[item.lv_node] for item in items]
    trafo["from_status"] = trafo["to_status"] = 1
    trafo["u1"] = [item.hv_v for item in items]
    trafo["u2"] = [item.lv_v for item in items]
    trafo["sn"] = [item.rated_va for item in items]
    trafo["uk"] = [item.uk_pct / 100 for item in items]
    trafo["pk"] = [item.copper_loss_w for item in items]
    trafo["i0"] = [item.i0_pct / 100 for item in items]
    trafo["p0"] = [item.iron_loss_w for item in items]
    # The clock number alone shifts phases; winding kinds matter only for faults, but must fit an odd or even clock.
    trafo["winding_from"] = [2 if item.clock % 2 else 1 for item in items]
    trafo["winding_to"] = 1
    trafo["clock"] = [item.clock for item in items]
    trafo["tap_side"] = BranchSide.from_side
    trafo["tap_pos"] = [item.tap_position for item in items]
    trafo["tap_min"] = [min(item.tap_position, 0) for item in items]
    trafo["tap_max"] = [max(item.tap_position, 0) for item in items]
    trafo["tap_nom"] = 0
    trafo["tap_size"] = [item.tap_step_pct / 100 * item.hv_v for item in items]
    return trafo
