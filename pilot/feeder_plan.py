"""Where a feeder's nodes stand in a drawing: a plan made from the topology, as sites publish no coordinates."""

from __future__ import annotations

from environment.feeder import Network


def feeder_plan(network: Network) -> dict[str, tuple[float, float]]:
    """Node -> (x, y) in steps: x counts branches from the source, y tells apart what ends in different leaves.

    A meshed network is drawn along the shortest ways from its source; what hangs on nothing stands in a row of its own.
    """
    beside: dict[str, list[str]] = {name: [] for name in network.node_names}
    for start, end in _ends(network):
        beside[start].append(end)
        beside[end].append(start)
    depth, children = {network.slack_node: 0}, {name: list[str]() for name in network.node_names}
    order = [network.slack_node]
    for name in order:
        for other in beside[name]:
            if other not in depth:
                depth[other] = depth[name] + 1
                children[name].append(other)
                order.append(other)
    rows: dict[str, float] = {}
    free = 0.0
    leaves = _leaves_in_order(network.slack_node, children)
    for leaf in leaves:
        rows[leaf] = free
        free += 1.0
    for name in reversed(order):
        if name not in rows:
            rows[name] = sum(rows[child] for child in children[name]) / len(children[name])
    places = {name: (float(depth[name]), rows[name]) for name in order}
    for number, name in enumerate(name for name in network.node_names if name not in places):
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
