"""The heavy jobs for the local cluster's small market: its grid is one line, whose loading is plain arithmetic.

A simulation tests messages, crashes and money; the power flow and the solver have tests of their own. What comes out is
what the jobs of `agents.planning` give: the same need to within the line's losses, the same choice.
"""

# ruff: noqa: ARG001 - a job keeps the signature of the one it stands for

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from agents.planning.grid_safety.assessment import Assessment, PointGrid
from agents.planning.grid_safety.offer_selection import SHORTAGE_E4
from agents.planning.jobs import run
from cim.model.arrays import Floats
from environment.feeder import Limits, Network, QvInverter


async def inline(job: str, arguments: tuple[Any, ...]) -> Any:
    """A job, at once."""
    if job == "safety":
        return assess_line(*arguments)
    if job == "selection" and len(arguments[1]) == 1:
        return select_one(*arguments)
    return run(job, arguments)


def assess_line(
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
    """`assess` of `agents.planning.grid_safety` for a single line without losses: its current is its power over its voltage.

    No point lies above it, and no inverter gives reactive power by a curve.
    """
    (line,) = network.lines
    nominal = {node.name: node.nominal_v for node in network.nodes}
    rated = math.sqrt(3) * nominal[line.from_node] * line.rated_a
    net: Floats = np.sum(p_w, axis=0)
    q: Floats = np.zeros_like(net) if q_var is None else np.sum(q_var, axis=0)
    sure: Floats = net if sure_w is None else np.sum(sure_w, axis=0)
    likely: Floats = net if most_w is None else np.sum(most_w, axis=0)
    allowed_va = rated * carries.get(line.name, 1.0) * (limits.max_loading_pct - margin_pct) / 100
    allowed = np.sqrt(np.maximum(allowed_va**2 - q**2, 0.0))
    need = np.clip(sure, -allowed, allowed) - sure
    need = np.where(np.abs(need) < 100.0, 0.0, need)
    down = np.minimum(-allowed - np.minimum(net, likely), 0.0)
    up = np.maximum(allowed - np.maximum(net, likely), 0.0)
    return Assessment(point.identity, need, down, up, np.hypot(net, q) / rated * 100)


def select_one(
    need_kw: Floats,
    options: tuple[Floats, ...],
    prices: tuple[int, ...],
    minimum_pct: tuple[int, ...],
    offers: tuple[int, ...] | None = None,
    outside_e4_per_kw: Floats | None = None,
) -> tuple[int, ...]:
    """`select` of `agents.planning.grid_safety` where one option at most is ordered: the cheapest, by its cheapest factor.

    The cost is the option's share of its price and, by other means, what it leaves uncovered: between the factors at which
    an ISP is just covered it is straight, so the cheapest is one of these, the least or the greatest that may be ordered.
    """
    asked = np.flatnonzero(need_kw)
    if not len(asked) or not options:
        return (0,) * len(options)
    wanted = np.abs(need_kw[asked])
    outside = np.full(len(asked), SHORTAGE_E4) if outside_e4_per_kw is None else outside_e4_per_kw[asked]
    best = (float(outside @ wanted), 0, 0.0)
    for number, option in enumerate(options):
        helps, least = option[asked] * np.sign(need_kw[asked]), minimum_pct[number] / 100
        covering = wanted[helps > 0] / helps[helps > 0]
        for factor in sorted({least, 1.0, *(float(f) for f in covering if least < f < 1)}):
            cost = prices[number] * factor + float(outside @ np.maximum(wanted - helps * factor, 0.0))
            best = min(best, (cost, number, factor))
    chosen = [0] * len(options)
    if best[2] > 0:
        chosen[best[1]] = max(min(math.ceil(best[2] * 100 - 1e-6), 100), minimum_pct[best[1]])
    return tuple(chosen)
