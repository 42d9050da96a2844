"""Where a feeder's nodes stand in a drawing: at their coordinates, and those that have none in a plan made from the topology."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from environment.feeder import Network

_DEGREE_M = 111_195.0  # of latitude, on a sphere of the earth's mean radius


def feeder_plan(network: Network) -> dict[str, tuple[float, float]]:
    """Node -> (x, y) in steps: x counts branches from the source, y tells apart what ends in different leaves.

    A meshed network is drawn along the shortest ways from its source; what hangs on nothing stands in a row of its own.
    """
    return _plan(network.node_names, _ends(network), network.slack_node)


def plan_of_others(network: Network, placed: Collection[str]) -> dict[str, tuple[float, float]]:
    """The same of the nodes that have no place of their own, by the branches among them; x and y exchanged: it stands beside a map.

    Depths are those of the whole network, so that a gap shows where the map's part lies between.
    """
    others = [name for name in network.node_names if name not in placed]
    if not others:
        return {}
    depth = {name: x for name, (x, _) in feeder_plan(network).items()}
    ends = [(one, other) for one, other in _ends(network) if one in depth and {one, other}.isdisjoint(placed)]
    root = network.slack_node if network.slack_node in others else min(others, key=lambda name: depth[name])
    plan = _plan(others, ends, root)
    found: dict[str, tuple[float, float]] = {}
    for name in others:
        place = plan[name][1], depth[name]
        while place in found.values():  # parts that only the map joins
            place = place[0] + 1, place[1]
        found[name] = place
    return found


def metres(coordinates: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """(longitude, latitude) in degrees as (x, y) in metres east and south of the north-west corner of all of them.

    Of a feeder, some kilometres at most, so that the earth is flat: at 50 km it is wrong by a few metres.
    """
    if not coordinates:
        return {}
    west = min(lon for lon, _ in coordinates.values())
    north = max(lat for _, lat in coordinates.values())
    middle = (north + min(lat for _, lat in coordinates.values())) / 2
    across = _DEGREE_M * math.cos(math.radians(middle))
    return {name: ((lon - west) * across, (north - lat) * _DEGREE_M) for name, (lon, lat) in coordinates.items()}


def _plan(names: Collection[str], ends: Iterable[tuple[str, str]], root: str) -> dict[str, tuple[float, float]]:
    beside: dict[str, list[str]] = {name: [] for name in names}
    for start, end in ends:
        beside[start].append(end)
        beside[end].append(start)
    depth, children = {root: 0}, {name: list[str]() for name in names}
    order = [root]
    for name in order:
        for other in beside[name]:
            if other not in depth:
                depth[other] = depth[name] + 1
                children[name].append(other)
                order.append(other)
    rows: dict[str, float] = {}
    free = 0.0
    leaves = _leaves_in_order(root, children)
    for leaf in leaves:
        rows[leaf] = free
        free += 1.0
    for name in reversed(order):
        if name not in rows:
            rows[name] = sum(rows[child] for child in children[name]) / len(children[name])
    places = {name: (float(depth[name]), rows[name]) for name in order}
    for number, name in enumerate(name for name in names if name not in places):
        places[name] = (float(number), free + 1.0)
    return places


def _ends(network: Network) -> list[tuple[str, str]]:
    lines = [(line.from_node, line.to_node) for line in network.lines]
    return lines + [(trafo.hv_node, trafo.lv_node) for trafo in network.transformers]


def _leaves_in_order(root: str, children: dict[str, list[str]]) -> list[str]:
    """Depth first, without recursion: a feeder may be longer than Python's stack."""
    found, waiting = [], [root]
    while waiting:
        name = waiting.pop()
        if children[name]:
            waiting += reversed(children[name])
        else:
            found.append(name)
    return found
