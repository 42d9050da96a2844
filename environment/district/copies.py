"""Copies of a packed low-voltage grid below 20 kV feeders, as the `network` and `congestion_points` of a site file.

Each copy hangs at a node of its own, behind a transformer of its own, which is a congestion point; each feeder leaves the
same busbar by a line of its own, which is the point above. So copies share nothing but their feeder's voltage, and the
district's power flow is one power flow over all of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from environment.feeder.elements import Network

Raw = dict[str, object]  # a part of a site file

GRIDS_A_FEEDER = 8  # assumed: 8 transformers of 160 kVA are 1.3 MVA, a rural feeder
_SPACING_KM = 1.5  # assumed: from one transformer to the next
_CABLE = {"r_ohm_per_km": 0.206, "x_ohm_per_km": 0.116, "c_nf_per_km": 250, "rated_a": 319}  # source: cable


def node_of(copy: int, node: str) -> str:
    """The name in a district of a pack's node, for example `g3-bus-14`."""
    return f"g{copy}-{_short(node)}"


def point_of(prefix: str, copy: int) -> str:
    """The congestion point of a copy."""
    return f"{prefix}:grid-{copy}"


def network_of(packed: Network, copies: int, slack_voltage_pu: float) -> dict[str, object]:
    """The site file's `network` with so many copies, numbered from 1."""
    nodes: list[Raw] = [{"name": "busbar", "nominal_v": _assumed(20_000)}]
    lines: list[Raw] = []
    transformers: list[Raw] = []
    for copy in range(1, copies + 1):
        feeder, place = divmod(copy - 1, GRIDS_A_FEEDER)
        before = "busbar" if place == 0 else f"f{feeder + 1}-n{place}"
        here = f"f{feeder + 1}-n{place + 1}"
        nodes.append({"name": here, "nominal_v": _assumed(20_000)})
        cable = {name: _from("cable", value) for name, value in _CABLE.items()}
        lines.append(_line(f"f{feeder + 1}-l{place + 1}", before, here, _assumed(_SPACING_KM), cable))
        _add_copy(packed, copy, here, (nodes, lines, transformers))
    return {
        "slack_node": "busbar",
        "slack_voltage_pu": _assumed(slack_voltage_pu),
        "low_voltage": None,
        "nodes": nodes,
        "lines": lines,
        "transformers": transformers,
    }


def points_of(prefix: str, copies: int) -> list[Raw]:
    """The site file's `congestion_points`: the head of each feeder, then each copy's transformer below it."""
    feeders = -(-copies // GRIDS_A_FEEDER)
    found: list[Raw] = [
        {
            "id": f"{prefix}:feeder-{number}",
            "title": f"20 kV feeder {number}",
            "branch": f"f{number}-l1",
            "parent": None,
        }
        for number in range(1, feeders + 1)
    ]
    for copy in range(1, copies + 1):
        above = f"{prefix}:feeder-{(copy - 1) // GRIDS_A_FEEDER + 1}"
        title = f"Low-voltage grid {copy}"
        found.append({"id": point_of(prefix, copy), "title": title, "branch": f"g{copy}-trafo-1", "parent": above})
    return found


def _add_copy(packed: Network, copy: int, at: str, into: tuple[list[Raw], list[Raw], list[Raw]]) -> None:
    nodes, lines, transformers = into

    def name(node: str) -> str:
        return at if node == packed.slack_node else node_of(copy, node)

    for node in packed.nodes:
        if node.name != packed.slack_node:
            nodes.append({"name": name(node.name), "nominal_v": _from("simbench", node.nominal_v)})
    for number, line in enumerate(packed.lines, start=1):
        values = {
            "r_ohm_per_km": line.r_ohm,
            "x_ohm_per_km": line.x_ohm,
            "c_nf_per_km": line.c_nf,
            "rated_a": line.rated_a,
        }
        rated = {key: _from("simbench", value) for key, value in values.items()}
        # The pack gives a line's impedance as a whole: here per km of a line of one km.
        lines.append(
            _line(f"g{copy}-line-{number}", name(line.from_node), name(line.to_node), _from("simbench", 1.0), rated)
        )
    for number, trafo in enumerate(packed.transformers, start=1):
        values = {
            "rated_va": trafo.rated_va, "hv_v": trafo.hv_v, "lv_v": trafo.lv_v, "uk_pct": trafo.uk_pct,
            "copper_loss_w": trafo.copper_loss_w, "iron_loss_w": trafo.iron_loss_w, "i0_pct": trafo.i0_pct,
            "tap_step_pct": trafo.tap_step_pct,
        }  # fmt: skip
        ends = {"name": f"g{copy}-trafo-{number}", "hv_node": name(trafo.hv_node), "lv_node": name(trafo.lv_node)}
        ratings = {key: _from("simbench", value) for key, value in values.items()}
        transformers.append({**ends, **ratings, "clock": trafo.clock, "tap_position": trafo.tap_position})


def _line(name: str, start: str, end: str, length: Raw, rated: Mapping[str, Raw]) -> Raw:
    return {"name": name, "from_node": start, "to_node": end, "length_km": length, **rated}


def _short(node: str) -> str:
    """`LV1.101 Bus 14` as `bus-14`."""
    return "-".join(node.lower().split()[1:])


def _assumed(value: float) -> Raw:
    return {"value": value, "assumed": True}


def _from(source: str, value: float) -> Raw:
    return {"value": value, "source": source}
