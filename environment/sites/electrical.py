"""Numbers of a site file that no grid has: units mistaken for others, before a power flow fails on them or, worse, does not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from environment.feeder.elements import Network
from environment.sites.network import build_ties
from environment.sites.schema import Site

_PU = (0.5, 1.5)  # a voltage per unit is within; one in per cent or in kilovolts is not
_LOADING_PCT = (10.0, 300.0)  # a limit in per cent is within; a share is not
_SAME_VOLTAGE = 0.01  # two ends of a line differ by no more of it
_RATIO = 0.25  # a transformer's own voltages differ by no more from those of its nodes
_MOST_OF_BRANCH = 3.0  # assumed: no single load or plant is rated above so many times the branch that it stands behind


def electrical_faults(site: Site, network: Network) -> list[str]:
    """One sentence each: limits and voltages that are no per-unit values, a line between two voltage levels, a transformer
    of others than its nodes', a line that could not carry its own rated current, a branch of two congestion points, and a
    load or plant that its branch could never supply.
    """
    wrong = list(_voltages(site, network))
    if not wrong:  # what a branch carries is judged by voltages that are right
        wrong = list(_impedances(network)) or list(_oversized(site, network))
    return [*_limits(site), *_shared_branches(site), *wrong]


def _limits(site: Site) -> Iterator[str]:
    band = site.limits
    voltages = {
        "limits.min_voltage_pu": band.min_voltage_pu.value,
        "limits.max_voltage_pu": band.max_voltage_pu.value,
        "network.slack_voltage_pu": site.network.slack_voltage_pu.value,
    }
    wrong = {place: value for place, value in voltages.items() if not _PU[0] <= value <= _PU[1]}
    for place, value in wrong.items():
        yield f"{place}: {value:g} is no voltage per unit; expected {_PU[0]:g} to {_PU[1]:g}, such as 1.02"
    slack = voltages["network.slack_voltage_pu"]
    if not wrong and not band.min_voltage_pu.value <= slack <= band.max_voltage_pu.value:
        yield (
            f"network.slack_voltage_pu: {slack:g} is outside the limits, {band.min_voltage_pu.value:g} to "
            f"{band.max_voltage_pu.value:g}, so the grid breaks them without any load; expected it between them"
        )
    most = band.max_loading_pct.value
    if not _LOADING_PCT[0] <= most <= _LOADING_PCT[1]:
        yield f"limits.max_loading_pct: {most:g} is no limit in per cent; expected {_LOADING_PCT[0]:g} to {_LOADING_PCT[1]:g}"


def _voltages(site: Site, network: Network) -> Iterator[str]:
    nominal = {node.name: node.nominal_v for node in network.nodes}
    for line in (*network.lines, *build_ties(site)):
        one, other = nominal[line.from_node], nominal[line.to_node]
        if abs(one - other) > _SAME_VOLTAGE * max(one, other):
            yield (
                f"network: {line.name} joins {line.from_node} ({one:g} V) and {line.to_node} ({other:g} V); expected one "
                "nominal_v, or a transformer between them"
            )
    for trafo in network.transformers:
        for node, own in ((trafo.hv_node, trafo.hv_v), (trafo.lv_node, trafo.lv_v)):
            if abs(own - nominal[node]) > _RATIO * nominal[node]:
                yield (
                    f"network: transformer {trafo.name} has {own:g} V at {node}, whose nominal_v is {nominal[node]:g} V; "
                    f"expected them within {100 * _RATIO:g} %"
                )


def _impedances(network: Network) -> Iterator[str]:
    nominal = {node.name: node.nominal_v for node in network.nodes}
    for line in network.lines:
        drop = math.sqrt(3) * math.hypot(line.r_ohm, line.x_ohm) * line.rated_a / nominal[line.from_node]
        if drop > 1:
            yield (
                f"network.lines: {line.name} at its rated {line.rated_a:g} A would lose {100 * drop:.0f} % of the voltage, so it "
                "has no power flow; expected ohms for each kilometre, kilometres and amperes"
            )


def _shared_branches(site: Site) -> Iterator[str]:
    owners: dict[str, str] = {}
    for point in site.congestion_points:
        first = owners.setdefault(point.branch, point.id)
        if first != point.id:
            yield f"congestion_points: {point.branch} is the branch of {first} and of {point.id}; expected one point for a branch"


def _oversized(site: Site, network: Network) -> Iterator[str]:
    """Single loads and plants beyond what the branch of their congestion point could ever carry."""
    nominal = {node.name: node.nominal_v for node in network.nodes}
    carried = {trafo.name: trafo.rated_va for trafo in network.transformers}
    carried |= {line.name: math.sqrt(3) * nominal[line.from_node] * line.rated_a for line in network.lines}
    branches = {point.id: point.branch for point in site.congestion_points}
    for prosumer in site.prosumers:
        branch = branches[prosumer.congestion_point]
        powers = {f"{prosumer.name}.{device.name}": device.rated_w.value for device in prosumer.devices}
        if prosumer.base_load is not None:
            powers[f"{prosumer.name}'s base load"] = prosumer.base_load.peak_w.value
        for name, watts in powers.items():
            if watts > _MOST_OF_BRANCH * carried[branch]:
                yield (
                    f"prosumers: {name} of {watts:.0f} W is more than {_MOST_OF_BRANCH:g} times what {branch} carries "
                    f"({carried[branch]:.0f} VA), so it has no power flow; expected watts"
                )
