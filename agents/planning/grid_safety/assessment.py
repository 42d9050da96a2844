"""The DSO's grid safety analysis: how far a congestion point is from its limits, and what change would mend it.

A job (see `agents.planning.jobs`): it runs power flows, so it is never called inside a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cim.codec.codec import wire
from cim.model.arrays import Floats
from environment.feeder import Feeder, FlowResult, Limits, Network, QvInverter, settled_flow

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_PASSES = 12
_ENOUGH_W = 100.0
_HALVINGS = 8


@wire("safety.Point")
@dataclass(frozen=True, slots=True)
class PointGrid:
    """The part of the grid that belongs to a congestion point, without those of points below it.

    Attributes:
        branch: the one that limits it.
        below: nodes fed through that branch (points below included).
        nodes, branches: what is watched on behalf of this point.
    """

    identity: str
    branch: str
    below: tuple[str, ...]
    nodes: tuple[str, ...]
    branches: tuple[str, ...]


@wire("safety.Assessment")
@dataclass(frozen=True, slots=True)
class Assessment:
    """What an analysis found for one congestion point, [T] watts.

    Attributes:
        need_w: change of the point's net power that mends its violations (+ = less export), 0 where there is none.
        room_down_w, room_up_w: how far its net power may fall (<= 0) and rise (>= 0) within the limits of its branch and of
            those above it; 0 where a need is likely enough.
        loading_pct: of its branch, as expected.
    """

    identity: str
    need_w: Floats
    room_down_w: Floats
    room_up_w: Floats
    loading_pct: Floats


def assess(
    network: Network,
    limits: Limits,
    margin_pct: float,
    point: PointGrid,
    nodes: tuple[str, ...],
    p_w: tuple[Floats, ...],
    q_var: tuple[Floats, ...] | None = None,
    sure_w: tuple[Floats, ...] | None = None,
    above: tuple[PointGrid, ...] = (),
    most_w: tuple[Floats, ...] | None = None,
    carries: Mapping[str, Floats] = MappingProxyType({}),
    inverters: tuple[QvInverter, ...] = (),
) -> Assessment:
    """Find the smallest change at the point's own nodes that brings all it watches within limits less a margin.

    Args:
        nodes, p_w: expected net power [T] of each node with connections, watts.
        margin_pct: how far below the loading limit the DSO wants to stay: prognoses are not exact.
        q_var: expected net reactive power [T] of each node, vars; none where it is left out.
        sure_w: net power [T] of each node as it will be almost surely, nearer to zero than what is expected: what is needed
            then is needed almost surely. What is expected, where it is left out.
        above: the points above this one: what has no room there is no room here, or it would have to be bought back.
        most_w: net power [T] of each node as far from zero as it may well be: only what that leaves is room. What is expected,
            where it is left out.
        carries: by branch, the share [T] of what it may carry otherwise, while works go on at it; 1 of all others.
        inverters: that answer voltage with reactive power by themselves: what that mends is not asked for.
    """
    feeder = _feeder(network)
    expected, q = _by_node(feeder, nodes, p_w), _by_node(feeder, nodes, q_var or tuple(np.zeros_like(p) for p in p_w))
    base = expected if sure_w is None else _by_node(feeder, nodes, sure_w)
    below = [feeder.node_index[name] for name in point.below]
    own = [feeder.node_index[name] for name in point.nodes if name in nodes]
    weights = _weights(base, own or below)  # a feeder may have no connections but those of the grids below it
    most = limits.max_loading_pct - margin_pct
    allowed = {name: np.broadcast_to(carries.get(name, 1.0), len(base)) * most for name in feeder.branch_names}
    need = np.zeros(len(base))
    first = settled_flow(feeder, expected, q, inverters)[0]
    result = first if sure_w is None else settled_flow(feeder, base, q, inverters)[0]
    step = _step(feeder, result, allowed, limits, point, base[:, below].sum(axis=1))

    def still(rows: Indices, change_w: Array) -> Array:
        """The next step of some instants after a change of theirs."""
        flow = settled_flow(feeder, base[rows] + change_w[:, None] * weights[rows], q[rows], inverters)[0]
        here = {name: row[rows] for name, row in allowed.items()}
        return _step(feeder, flow, here, limits, point, base[rows][:, below].sum(axis=1) + change_w)

    broken = np.flatnonzero(step)  # instants are calculated each for itself: what is within the limits stays there
    step = step[broken]
    for _ in range(_PASSES):
        if not len(broken) or np.abs(step).max() < _ENOUGH_W:
            break
        need[broken] += step
        step = still(broken, need[broken])
    need = np.where(np.abs(need) < _ENOUGH_W, 0.0, need)
    moved = np.flatnonzero(need)
    enough, little = np.ones(len(moved)), np.zeros(len(moved))
    for _ in range(_HALVINGS if len(moved) else 0):
        # The steps may have gone too far (losses fall faster than power): nobody is asked for more than mends it.
        share = (enough + little) / 2
        mended = np.abs(still(moved, share * need[moved])) < _ENOUGH_W
        enough, little = np.where(mended, share, enough), np.where(mended, little, share)
    need[moved] *= enough
    likely = expected if most_w is None else _by_node(feeder, nodes, most_w)
    down, up = np.full(len(need), -np.inf), np.full(len(need), np.inf)
    for limiting in (point, *above):
        nodes_below = [feeder.node_index[name] for name in limiting.below]
        allowed_va = rated_va(network, limiting.branch) * allowed[limiting.branch] / 100
        rated = np.sqrt(np.maximum(allowed_va**2 - q[:, nodes_below].sum(axis=1) ** 2, 0.0))
        nets = [power[:, nodes_below].sum(axis=1) for power in (expected, likely)]
        least, largest = np.minimum(*nets), np.maximum(*nets)
        down, up = np.maximum(down, np.minimum(-rated - least, 0.0)), np.minimum(up, np.maximum(rated - largest, 0.0))
    index = feeder.branch_names.index(point.branch)
    return Assessment(point.identity, need, down, up, first.loading_pct[:, index])


@lru_cache(maxsize=64)  # a point is looked at every hour and oftener
def _feeder(network: Network) -> Feeder:
    return Feeder(network)


def _by_node(feeder: Feeder, nodes: tuple[str, ...], rows: tuple[Floats, ...]) -> Array:
    """[T, N] of what is given for some nodes; 0 for the others."""
    found = np.zeros((len(rows[0]), len(feeder.node_names)))
    for name, row in zip(nodes, rows, strict=True):
        found[:, feeder.node_index[name]] += row
    return found


def _weights(base: Array, own: list[int]) -> Array:
    """Where a change is expected to happen: at the point's own nodes that move most power now, [T, N] summing to 1."""
    weights = np.zeros_like(base)
    weights[:, own] = np.abs(base[:, own]) + 1.0
    normed: Array = weights / weights.sum(axis=1, keepdims=True)
    return normed


def _step(
    feeder: Feeder, result: FlowResult, allowed_pct: Mapping[str, Array], limits: Limits, point: PointGrid, net_w: Array
) -> Array:
    """One secant step [T]: the largest change any watched element still asks for."""
    step = np.zeros(len(net_w))
    direction = np.where(net_w < 0, 1.0, -1.0)
    for name in point.branches:
        k = feeder.branch_names.index(name)
        loading = result.loading_pct[:, k]
        over = np.maximum(loading - allowed_pct[name], 0.0) / np.maximum(loading, 1e-9)
        wanted = direction * over * np.abs(result.branch_p_w[:, k])
        step = np.where(np.abs(wanted) > np.abs(step), wanted, step)
    for name in point.nodes:
        k = feeder.node_index[name]
        voltage = result.voltage_pu[:, k]
        high = np.maximum(voltage - limits.max_voltage_pu, 0.0)
        low = np.maximum(limits.min_voltage_pu - voltage, 0.0)
        # Voltage rises roughly in proportion to the power behind it, measured from the source's voltage.
        per_unit = np.abs(net_w) / np.maximum(np.abs(voltage - feeder.network.slack_voltage_pu), 1e-4)
        wanted = (high - low) * per_unit
        step = np.where(np.abs(wanted) > np.abs(step), wanted, step)
    return step


def rated_va(network: Network, branch: str) -> float:
    """The rating of a transformer, or of a line at its nominal voltage, volt-amperes."""
    for transformer in network.transformers:
        if transformer.name == branch:
            return transformer.rated_va
    nominal = {node.name: node.nominal_v for node in network.nodes}
    line = next(line for line in network.lines if line.name == branch)
    return float(np.sqrt(3) * nominal[line.from_node] * line.rated_a)
