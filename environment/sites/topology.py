"""What a site's grid and its congestion points must be to one another, before anything runs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from cim.model.intervals import local_day_of
from environment.feeder.elements import Network
from environment.profiles.library import QUARTER, load
from environment.sites.electrical import electrical_faults
from environment.sites.network import build_network
from environment.sites.schema import Site

_LONGEST_KM = 200.0  # assumed: no medium- or low-voltage line is longer; one that is was given in metres


def topology_faults(site: Site) -> list[str]:
    """One sentence each: a ring of congestion points, a node without a way to the source or not behind its point, a line
    so long that no power flow can be found, a control interval that does not divide an ISP, numbers that no grid has.
    """
    too_long = list(_lengths(site))
    faults = [*_intervals(site), *too_long, *_outside(site)]
    rings = list(_rings(site))
    network = build_network(site)
    if not too_long:  # else the same is said in other words
        faults += electrical_faults(site, network)
    fed = _reached(network, None)
    cut_off = list(_grouped(site, {node.name for node in network.nodes} - fed))
    faults += rings
    faults += [
        f"{node} has no way to {network.slack_node}; expected lines or transformers that lead there" for node in cut_off
    ]
    if not rings and not cut_off:
        faults += _not_behind(site, network)
    return faults


def _intervals(site: Site) -> Iterator[str]:
    isp_s, interval_s = 60 * site.isp_minutes, site.control_interval_s
    if isp_s % interval_s:
        yield f"control_interval_s: {interval_s} s does not divide {isp_s} s, the length of an ISP"


def _outside(site: Site) -> Iterator[str]:
    profiles = load(site.profiles)
    first, last = (local_day_of(at, site.timezone).day for at in (profiles.first, profiles.last - QUARTER))
    if not first <= site.default_day <= last:
        yield f"default_day: {site.default_day} is outside the profiles {site.profiles}; expected {first} to {last}"


def _lengths(site: Site) -> Iterator[str]:
    for line in site.network.lines:
        if line.length_km.value > _LONGEST_KM:
            yield (
                f"network.lines: with {line.name} of {line.length_km.value:g} km the day has no power flow; expected at most "
                f"{_LONGEST_KM:g} km"
            )


def _rings(site: Site) -> Iterator[str]:
    parents = {point.id: point.parent for point in site.congestion_points}
    told: set[str] = set()
    for start, above in parents.items():
        way, at = [start], above
        while at is not None and at in parents and at not in way:
            way.append(at)
            at = parents[at]
        if at == start and start not in told:
            told.update(way)
            yield f"congestion_points: their parents form a ring: {' -> '.join([*way, start])}"


def _reached(network: Network, without: str | None) -> set[str]:
    """The nodes that have a way to the source, with one branch taken out, and those in parallel with it."""
    ways: dict[str, list[str]] = defaultdict(list)
    ends = [(line.name, line.from_node, line.to_node) for line in network.lines]
    ends += [(trafo.name, trafo.hv_node, trafo.lv_node) for trafo in network.transformers]
    out = next(({one, other} for name, one, other in ends if name == without), set[str]())
    for _, one, other in ends:
        if {one, other} != out:
            ways[one].append(other)
            ways[other].append(one)
    found, waiting = {network.slack_node}, deque([network.slack_node])
    while waiting:
        for node in ways[waiting.popleft()]:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found


def _grouped(site: Site, nodes: set[str]) -> Iterator[str]:
    """Each of the nodes with who is connected there."""
    for node in sorted(nodes):
        names = ", ".join(prosumer.name for prosumer in site.prosumers if prosumer.node == node)
        yield f"node {node} ({names})" if names else f"node {node}"


def _not_behind(site: Site, network: Network) -> Iterator[str]:
    before = {point.id: _reached(network, point.branch) for point in site.congestion_points}
    branch = {point.id: point.branch for point in site.congestion_points}
    ends = {line.name: {line.from_node, line.to_node} for line in network.lines}
    ends |= {trafo.name: {trafo.hv_node, trafo.lv_node} for trafo in network.transformers}
    for point in site.congestion_points:
        here = {prosumer.node for prosumer in site.prosumers if prosumer.congestion_point == point.id}
        wrong = here & before[point.id]
        if wrong:
            own = [p for p in site.prosumers if p.congestion_point == point.id]
            for node in sorted(wrong):
                names = ", ".join(prosumer.name for prosumer in own if prosumer.node == node)
                yield f"node {node} ({names}) is not behind {point.branch}, the branch of {point.id}"
        if point.parent is not None and ends[point.branch] <= before[point.parent]:
            yield f"congestion point {point.id}: its branch is not behind {branch[point.parent]}, that of its parent"
