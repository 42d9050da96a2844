"""The heavy jobs for the local cluster's small market: its grid is one line, whose loading is plain arithmetic.

A simulation tests messages, crashes and money; the power flow and the solver have tests of their own. What comes out is
what the jobs of `agents.planning` give: the same need to within the line's losses, the same choice.
"""

# ruff: noqa: ARG001 - a job keeps the signature of the one it stands for

from __future__ import annotations

import math
from typing import Any

import numpy as np

from agents.planning.grid_safety.assessment import Assessment, PointGrid
from agents.planning.jobs import run
from cim.model.arrays import Floats
from environment.feeder import Limits, Network


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
) -> Assessment:
    """`assess` of `agents.planning.grid_safety` for a single line without losses: its current is its power over its voltage."""
    (line,) = network.lines
    nominal = {node.name: node.nominal_v for node in network.nodes}
    rated = math.sqrt(3) * nominal[line.from_node] * line.rated_a
    allowed = rated * (limits.max_loading_pct - margin_pct) / 100
    net: Floats = np.sum(p_w, axis=0)
    need = np.clip(net, -allowed, allowed) - net
    need = np.where(np.abs(need) < 100.0, 0.0, need)
    down, up = np.minimum(-allowed - net, 0.0), np.maximum(allowed - net, 0.0)
    return Assessment(point.identity, need, down, up, np.abs(net) / rated * 100)


def select_one(
    need_kw: Floats, offers: tuple[Floats, ...], prices: tuple[int, ...], minimum_pct: tuple[int, ...]
) -> tuple[int, ...]:
    """`select` of `agents.planning.grid_safety` for a single offer: as much of it as the ISP that it helps least asks for."""
    asked = np.flatnonzero(need_kw)
    helps = offers[0][asked] * np.sign(need_kw[asked])
    wanted = np.abs(need_kw[asked])[helps > 0] / helps[helps > 0]
    factor = min(float(wanted.max()), 1.0) if len(wanted) else 0.0
    return (max(min(math.ceil(factor * 100 - 1e-6), 100), minimum_pct[0]) if factor > 0 else 0,)
