"""The parts of a network that share nothing but its source: what happens in one moves no voltage in another."""

from __future__ import annotations

from collections import defaultdict

from environment.feeder.elements import Network


def parts_of(network: Network) -> dict[str, Network]:
    """By node (but for the source's own), the part that it is in: all that hangs together without the source, and the source.

    The source holds its voltage whatever is drawn, so a power flow of a part is that of the whole network there. A network
    in one piece is its own part.
    """
    ways: dict[str, list[str]] = defaultdict(list)
    for line in network.lines:
        ways[line.from_node].append(line.to_node)
        ways[line.to_node].append(line.from_node)
    for trafo in network.transformers:
        ways[trafo.hv_node].append(trafo.lv_node)
        ways[trafo.lv_node].append(trafo.hv_node)
    found: dict[str, Network] = {}
    for first in network.node_names:
        if first == network.slack_node or first in found:
            continue
        inside, waiting = {first}, [first]
        while waiting:
            for node in ways[waiting.pop()]:
                if node != network.slack_node and node not in inside:
                    inside.add(node)
                    waiting.append(node)
        part = _part(network, inside | {network.slack_node})
        found |= dict.fromkeys(inside, part)
    return found


def _part(network: Network, nodes: set[str]) -> Network:
    if len(nodes) == len(network.nodes):
        return network
    return Network(
        tuple(node for node in network.nodes if node.name in nodes),
        tuple(line for line in network.lines if line.from_node in nodes and line.to_node in nodes),
        tuple(trafo for trafo in network.transformers if trafo.hv_node in nodes and trafo.lv_node in nodes),
        network.slack_node,
        network.slack_voltage_pu,
    )
