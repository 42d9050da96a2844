"""Questions to a day of the grid: who loads a branch, what a change of power would do, and what the worst of a span is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from portal.screens.grid_day import GridDay
from portal.sources import Drawing, GridFlow, GridSource

MOST_ASKED = 200  # connections that are tried one by one
_PROBE_W = 1_000.0


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a connection does to a branch in an ISP.

    Attributes:
        power_w: its net power then, + = consumption.
        slope_pct_per_kw: what one kilowatt more of consumption there changes of the branch's loading, by two power flows.
    """

    connection: str
    power_w: float
    slope_pct_per_kw: float

    @property
    def pct(self) -> float:
        """Power times slope: what loads the branch is positive, what relieves it negative."""
        return self.power_w / 1000 * self.slope_pct_per_kw


def below(drawing: Drawing, point: str) -> list[str]:
    """The connections that are fed through a congestion point."""
    return [name for name, points in drawing.points_of.items() if point in points]


def reddest(found: GridDay, drawing: Drawing, branch: str) -> int | None:
    """The ISP (from 0) in which a branch is loaded most; None where nothing is known."""
    column = found.flow.loading_pct[:, branch_place(drawing, branch)]
    return int(np.nanargmax(column)) if np.isfinite(column).any() else None


def branch_place(drawing: Drawing, branch: str) -> int:
    """Where a branch stands in arrays over branches.

    Raises:
        BadInput: there is none of this name.
    """
    for place, one in enumerate(drawing.branches):
        if one.name == branch:
            return place
    raise BadInput(f"branch: {branch[:60]!r} is none of this site's network")


def node_place(drawing: Drawing, node: str) -> int:
    """Where a node stands in arrays over nodes.

    Raises:
        BadInput: there is none of this name.
    """
    for place, one in enumerate(drawing.nodes):
        if one.name == node:
            return place
    raise BadInput(f"node: {node[:60]!r} is none of this site's network")


def contributions(
    grid: GridSource, found: GridDay, isp: int, *, branch: str, point: str
) -> tuple[float, list[Contribution]]:
    """(the branch's loading in percent, what the connections below a point do to it), those first that load it most.

    Args:
        isp: from 0; something is known of it.
    """
    asked = sorted(below(grid.drawing, point), key=lambda name: -abs(found.power_w[name][isp]))[:MOST_ASKED]
    changes: list[dict[str, float]] = [{}, *({name: _PROBE_W} for name in asked)]
    power = {
        name: np.array([np.nan_to_num(row[isp]) + change.get(name, 0.0) for change in changes])
        for name, row in found.power_w.items()
    }
    reactive = {name: np.full(len(changes), row[isp]) for name, row in found.reactive_var.items()}
    loading = grid.flow(power, reactive).loading_pct[:, branch_place(grid.drawing, branch)]
    told = [
        Contribution(name, float(np.nan_to_num(found.power_w[name][isp])), float(after - loading[0]))
        for name, after in zip(asked, loading[1:], strict=True)
    ]
    return float(loading[0]), sorted(told, key=lambda one: -one.pct)


def with_more(grid: GridSource, found: GridDay, node: str, power_w: float) -> GridFlow:
    """The day with so much more consumption (below 0: feed-in) at a node in each ISP; NaN where nothing is known."""
    usable = [isp for isp, sort in enumerate(found.sort) if sort]
    count, drawing = found.day.count, grid.drawing
    voltage = np.full((count, len(drawing.nodes)), np.nan)
    loading = np.full((count, len(drawing.branches)), np.nan)
    slack, losses = np.full(count, np.nan), np.full(count, np.nan)
    if usable:
        flow = grid.flow(
            {name: np.nan_to_num(row[usable]) for name, row in found.power_w.items()},
            {name: row[usable] for name, row in found.reactive_var.items()},
            {node: np.full(len(usable), power_w)},
        )
        voltage[usable], loading[usable] = flow.voltage_pu, flow.loading_pct
        slack[usable], losses[usable] = flow.slack_w, flow.losses_w
    return GridFlow(voltage, loading, slack, losses)


@dataclass(frozen=True, slots=True)
class Extreme:
    """The worst of a span: where, how much, in which of its days and ISPs (both from 0)."""

    where: str
    value: float
    day: int
    isp: int


def highest(names: Sequence[str], rows: Sequence[Floats]) -> Extreme | None:
    """The highest of several days' [ISPs, names] arrays; None where nothing is known."""
    known = [day for day, row in enumerate(rows) if np.isfinite(row).any()]
    if not known:
        return None
    best = max(known, key=lambda day: float(np.nanmax(rows[day])))
    isp, place = np.unravel_index(int(np.nanargmax(rows[best])), rows[best].shape)
    return Extreme(names[int(place)], float(rows[best][isp, place]), best, int(isp))


def lowest(names: Sequence[str], rows: Sequence[Floats]) -> Extreme | None:
    """The lowest, likewise."""
    found = highest(names, [-row for row in rows])
    return None if found is None else Extreme(found.where, -found.value, found.day, found.isp)


def over_limit(loading_pct: Floats, limit_pct: float) -> int:
    """In how many ISPs some branch is above its limit; what is not known is not above."""
    return int((np.nan_to_num(loading_pct) > limit_pct).any(axis=1).sum())
