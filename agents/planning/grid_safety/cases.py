"""The DSO's safety analysis over many cases at once: what may come, what may be lost, and what that does to each ISP.

A job (see `agents.planning.jobs`): it runs power flows, so it is never called inside a role. All cases with the same branches
in service are one batch of power flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.grid_safety.assessment import PointGrid
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.feeder import Feeder, FlowResult, Limits, Line, Network, QvInverter, settled_flow


@wire("safety.Case")
@dataclass(frozen=True, slots=True)
class SafetyCase:
    """Something that may come: the net power of each node then, and which branches are in service.

    Attributes:
        name: in words.
        p_w, q_var: [T] watts and vars of each node with connections, + = consumption.
        without: a branch out of service; empty: none.
        over: the line that is closed in its place.
    """

    name: str
    p_w: tuple[Floats, ...]
    q_var: tuple[Floats, ...]
    without: str = ""
    over: Line | None = None


@wire("safety.CaseFound")
@dataclass(frozen=True, slots=True)
class CaseFound:
    """What a case does to what is watched on behalf of a congestion point, by ISP.

    Attributes:
        case, point: which.
        branch: [T] the branch that is loaded most.
        loading_pct: [T] of that branch, percent of its rating.
        node: [T] the node whose voltage is nearest to its limit, or furthest beyond.
        voltage_pu: [T] there.
        broken: [T] 1 where a limit is broken, else 0.
    """

    case: str
    point: str
    branch: tuple[str, ...]
    loading_pct: Floats
    node: tuple[str, ...]
    voltage_pu: Floats
    broken: Floats

    @property
    def worst(self) -> int:
        """The ISP (from 0) that is furthest beyond a limit, or loaded most where none is."""
        return int(np.argmax(self.loading_pct + 1e3 * self.broken))


def analyse_cases(
    network: Network,
    limits: Limits,
    points: tuple[PointGrid, ...],
    nodes: tuple[str, ...],
    cases: tuple[SafetyCase, ...],
    inverters: tuple[QvInverter, ...] = (),
) -> tuple[CaseFound, ...]:
    """What each case does at each congestion point: by point, then by case.

    Args:
        nodes: the order of the rows in each case.
        inverters: that answer voltage with reactive power by themselves, in every case.

    Raises:
        BadInput: a case has other nodes or ISPs than the others, or names a branch that is not there.
        FlowFailed: the grid cannot carry a case.
    """
    if not cases:
        return ()
    count = len(cases[0].p_w[0]) if cases[0].p_w else 0
    for case in cases:
        rows = (*case.p_w, *case.q_var)
        if len(case.p_w) != len(nodes) or len(case.q_var) != len(nodes) or any(len(row) != count for row in rows):
            raise BadInput(
                f"case {case.name!r}: {len(case.p_w)} and {len(case.q_var)} rows; expected {len(nodes)} of {count} ISPs each"
            )
    results = _flows(network, nodes, cases, count, inverters)
    found = []
    for point in points:
        for case, (feeder, result, start) in zip(cases, results, strict=True):
            found.append(_found(case, point, feeder, result, slice(start, start + count), limits))
    return tuple(found)


def reconnected(network: Network, without: str, over: Line) -> Network:
    """The network with a branch out of service and a normally open line closed in its place.

    Raises:
        BadInput: there is no such branch, or nodes are left without supply.
    """
    if without not in network.branch_names:
        raise BadInput(f"without: {without!r} is no branch; expected one of {', '.join(network.branch_names)}")
    lines = (*(line for line in network.lines if line.name != without), over)
    changed = replace(
        network, lines=lines, transformers=tuple(item for item in network.transformers if item.name != without)
    )
    dark = sorted(set(network.node_names) - _supplied(changed))
    if dark:
        raise BadInput(f"over: with {over.name} closed and {without} out {dark[0]} has no supply; expected a way there")
    return changed


def restores(network: Network, without: str, over: Line) -> bool:
    """Whether a normally open line gives every node its supply back when a branch is out."""
    try:
        reconnected(network, without, over)
    except BadInput:
        return False
    return True


def _supplied(network: Network) -> set[str]:
    ways: dict[str, list[str]] = {name: [] for name in network.node_names}
    ends = [(line.from_node, line.to_node) for line in network.lines]
    for one, other in (*ends, *((item.hv_node, item.lv_node) for item in network.transformers)):
        ways[one].append(other)
        ways[other].append(one)
    reached, waiting = {network.slack_node}, [network.slack_node]
    while waiting:
        for node in ways[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached


def _flows(
    network: Network,
    nodes: tuple[str, ...],
    cases: Sequence[SafetyCase],
    count: int,
    inverters: tuple[QvInverter, ...],
) -> list[tuple[Feeder, FlowResult, int]]:
    """Of each case its feeder, a result that holds it, and its first row there."""
    groups: dict[tuple[str, Line | None], list[int]] = {}
    for number, case in enumerate(cases):
        groups.setdefault((case.without, case.over), []).append(number)
    found: dict[int, tuple[Feeder, FlowResult, int]] = {}
    for (without, over), members in groups.items():
        feeder = Feeder(network if over is None else reconnected(network, without, over))
        columns = [feeder.node_index[name] for name in nodes]
        p_w, q_var = np.zeros((2, len(members) * count, len(feeder.node_names)))
        for place, number in enumerate(members):
            rows = slice(place * count, (place + 1) * count)
            p_w[rows, columns] = np.stack(cases[number].p_w, axis=1)
            q_var[rows, columns] = np.stack(cases[number].q_var, axis=1)
        result = settled_flow(feeder, p_w, q_var, inverters)[0]
        found |= {number: (feeder, result, place * count) for place, number in enumerate(members)}
    return [found[number] for number in range(len(cases))]


def _found(
    case: SafetyCase, point: PointGrid, feeder: Feeder, result: FlowResult, rows: slice, limits: Limits
) -> CaseFound:
    places = [feeder.node_index[node] for node in point.nodes]
    watched = set(point.branches) | ({case.over.name} if case.over is not None else set())
    there = [k for k, branch in enumerate(feeder.branch_names) if branch in watched]
    if not there or not places:
        raise BadInput(
            f"case {case.name!r}: nothing of {point.identity} is left; expected a branch and a node that are watched"
        )
    loading, voltage = result.loading_pct[rows][:, there], result.voltage_pu[rows][:, places]
    beyond = np.maximum(voltage - limits.max_voltage_pu, limits.min_voltage_pu - voltage)
    most, nearest, all_rows = loading.argmax(axis=1), beyond.argmax(axis=1), np.arange(len(loading))
    broken = (loading[all_rows, most] > limits.max_loading_pct) | (beyond[all_rows, nearest] > 0)
    return CaseFound(
        case.name,
        point.identity,
        tuple(feeder.branch_names[there[k]] for k in most.tolist()),
        loading[all_rows, most],
        tuple(point.nodes[k] for k in nearest.tolist()),
        voltage[all_rows, nearest],
        broken.astype(np.float64),
    )
