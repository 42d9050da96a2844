"""Makes what `/dso/forecast`, `/dso/worst`, `/dso/why` and `/dso/what-if` answer, from what the pages are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput, IlesError
from cim.model.intervals import LocalDay
from portal.models.grid import (
    AtForecasts,
    BranchCourse,
    Contributor,
    Extreme,
    GridDayShown,
    GridForecast,
    Known,
    NodeCourse,
    Outcome,
    PointCourse,
    Quantiles,
    Row,
    WhatIf,
    WhyRed,
    WorstState,
)
from portal.screens.grid_bands import GridBands, grid_bands
from portal.screens.grid_day import GridDay, grid_day
from portal.screens.grid_questions import Extreme as Found
from portal.screens.grid_questions import (
    below,
    branch_place,
    contributions,
    highest,
    lowest,
    node_place,
    over_limit,
    reddest,
    with_more,
)
from portal.screens.seen import Seen
from portal.sources import Drawing, GridFlow, GridSource

MOST_DAYS = 14


def forecast(
    seen: Seen, grid: GridSource, *, last: date | None, nodes: Sequence[str], branches: Sequence[str]
) -> GridForecast:
    """The days from that shown to the last, with the courses of these nodes and branches.

    Raises:
        BadInput: the span, a node or a branch makes no sense.
    """
    drawing = grid.drawing
    node_places = [node_place(drawing, name) for name in dict.fromkeys(nodes)]
    branch_places = [branch_place(drawing, name) for name in dict.fromkeys(branches)]
    return GridForecast(
        now=seen.now,
        min_voltage_pu=drawing.min_voltage_pu,
        max_voltage_pu=drawing.max_voltage_pu,
        max_loading_pct=drawing.max_loading_pct,
        days=tuple(_day(seen, grid, day, nodes=node_places, branches=branch_places) for day in _span(seen, last)),
    )


def worst_state(seen: Seen, grid: GridSource, *, last: date | None) -> WorstState:
    """The worst of the days from that shown to the last.

    Raises:
        BadInput: the span makes no sense.
    """
    drawing, span = grid.drawing, _span(seen, last)
    days, bands = [grid_day(seen, grid, day) for day in span], [grid_bands(seen, grid, day) for day in span]
    node_names, branch_names = [n.name for n in drawing.nodes], [b.name for b in drawing.branches]
    loadings, voltages = [day.flow.loading_pct for day in days], [day.flow.voltage_pu for day in days]
    likely = [_to_come(day, band) for day, band in zip(days, bands, strict=True) if band is not None]
    of = [number for number, band in enumerate(bands) if band is not None]

    def told(found: Found | None, edge: str, place: Sequence[int] = range(len(days))) -> Extreme | None:
        return None if found is None else _extreme(days[place[found.day]], drawing, found, edge)

    return WorstState(
        now=seen.now,
        first=span[0].day,
        last=span[-1].day,
        loading_pct=told(highest(branch_names, loadings), "loading"),
        highest_voltage_pu=told(highest(node_names, voltages), "voltage"),
        lowest_voltage_pu=told(lowest(node_names, voltages), "voltage"),
        loading_at_forecasts_pct=told(highest(branch_names, [one[0] for one in likely]), "loading", of),
        highest_voltage_90_pu=told(highest(node_names, [one[2] for one in likely]), "voltage", of),
        lowest_voltage_10_pu=told(lowest(node_names, [one[1] for one in likely]), "voltage", of),
        isps_over=sum(over_limit(loading, drawing.max_loading_pct) for loading in loadings),
    )


def why_red(seen: Seen, grid: GridSource, *, point: str, isp: int | None) -> WhyRed:
    """Who loads a congestion point's branch in an ISP (from 1) of the day shown, in its worst unless said.

    Raises:
        BadInput: there is no such point or ISP, or nothing is known of it.
    """
    watched = next((one for one in seen.site.points if one.congestion_point == point), None)
    if watched is None:
        raise BadInput(f"point: {point[:60]!r} is no congestion point of this site")
    found = grid_day(seen, grid, seen.day)
    if isp is not None and isp > found.day.count:
        raise BadInput(f"isp: {isp} is none of {found.day.key}; expected 1 to {found.day.count}")
    place = reddest(found, grid.drawing, watched.branch) if isp is None else isp - 1
    if place is None or not found.sort[place]:
        raise BadInput(f"day: nothing is known of {found.day.key}{'' if isp is None else f', ISP {isp}'}")
    loading, told = contributions(grid, found, place, branch=watched.branch, point=point)
    return WhyRed(
        point=point,
        branch=watched.branch,
        limit_pct=watched.limit_pct,
        period=found.day.day,
        isp=place + 1,
        start=found.day.isp_start(place + 1),
        known=_known(found)[place],
        loading_pct=round(loading, 3),
        connections=len(below(grid.drawing, point)),
        contributors=tuple(
            Contributor(
                connection=one.connection,
                title=seen.title(one.connection),
                power_w=round(one.power_w),
                sensitivity_pct_per_kw=round(one.slope_pct_per_kw, 5),
                contribution_pct=round(one.pct, 3),
            )
            for one in told
        ),
    )


def what_if(seen: Seen, grid: GridSource, *, node: str, power_w: int) -> WhatIf:
    """So much more at a node (or at a connection's) on the day shown.

    Raises:
        BadInput: there is no such node, or the grid cannot carry it.
    """
    drawing = grid.drawing
    node = drawing.node_of.get(node, node)
    place = node_place(drawing, node)
    found = grid_day(seen, grid, seen.day)
    try:
        after = with_more(grid, found, node, power_w)
    except IlesError as error:
        raise BadInput(f"power_w: the grid cannot carry {power_w:,} W more at {node} ({error})") from error
    return WhatIf(
        node=node,
        power_w=power_w,
        period=found.day.day,
        known=_known(found),
        before=_outcome(found, drawing, found.flow, place),
        after=_outcome(found, drawing, after, place),
    )


def _outcome(day: GridDay, drawing: Drawing, flow: GridFlow, node: int) -> Outcome:
    node_names, branch_names = [n.name for n in drawing.nodes], [b.name for b in drawing.branches]

    def told(found: Found | None, edge: str) -> Extreme | None:
        return None if found is None else _extreme(day, drawing, found, edge)

    return Outcome(
        isps_over=over_limit(flow.loading_pct, drawing.max_loading_pct),
        highest_loading_pct=told(highest(branch_names, [flow.loading_pct]), "loading"),
        highest_voltage_pu=told(highest(node_names, [flow.voltage_pu]), "voltage"),
        lowest_voltage_pu=told(lowest(node_names, [flow.voltage_pu]), "voltage"),
        loading_pct=_row(flow.loading_pct.max(axis=1), 3),
        node_voltage_pu=_row(flow.voltage_pu[:, node], 6),
    )


def _span(seen: Seen, last: date | None) -> list[LocalDay]:
    first = seen.day
    days = 1 if last is None else (last - first.day).days + 1
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"last: {last} is the {days}. day from {first.day}; expected the 1. to the {MOST_DAYS}.")
    return [first.next(number) for number in range(days)]


def _day(seen: Seen, grid: GridSource, day: LocalDay, *, nodes: Sequence[int], branches: Sequence[int]) -> GridDayShown:
    drawing, found, band = grid.drawing, grid_day(seen, grid, day), grid_bands(seen, grid, day)
    flow, places = found.flow, {branch.name: place for place, branch in enumerate(drawing.branches)}
    likely_pu = None if band is None else band.voltage_pu
    likely_pct = None if band is None else band.loading_pct
    return GridDayShown(
        period=day.day,
        start=day.start,
        isp_minutes=day.isp_minutes,
        known=_known(found),
        unseen_meters=found.unseen,
        exchange_w=_row(flow.slack_w, 0),
        losses_w=_row(flow.losses_w, 0),
        highest_loading_pct=_row(flow.loading_pct.max(axis=1), 3),
        lowest_voltage_pu=_row(flow.voltage_pu.min(axis=1), 6),
        highest_voltage_pu=_row(flow.voltage_pu.max(axis=1), 6),
        bands_told_at=None if band is None else band.told_at,
        lowest_voltage_quantiles=None if likely_pu is None else _quantiles(likely_pu.min(axis=2)),
        highest_voltage_quantiles=None if likely_pu is None else _quantiles(likely_pu.max(axis=2)),
        points=tuple(
            PointCourse(
                point=one.congestion_point,
                branch=one.branch,
                limit_pct=one.limit_pct,
                loading_pct=_row(flow.loading_pct[:, places[one.branch]], 3),
                at_forecasts=_at(likely_pct, places[one.branch]),
            )
            for one in seen.site.points
            if one.branch in places
        ),
        nodes=tuple(
            NodeCourse(
                node=drawing.nodes[place].name,
                voltage_pu=_row(flow.voltage_pu[:, place], 6),
                quantiles=None if likely_pu is None else _quantiles(likely_pu[:, :, place]),
            )
            for place in nodes
        ),
        branches=tuple(
            BranchCourse(
                branch=drawing.branches[place].name,
                loading_pct=_row(flow.loading_pct[:, place], 3),
                at_forecasts=_at(likely_pct, place),
            )
            for place in branches
        ),
    )


def _to_come(day: GridDay, band: GridBands) -> tuple[Floats, Floats, Floats]:
    """([ISPs, branches] the higher loading at 10 or 90 %, [ISPs, nodes] voltage at 10 %, at 90 %), without what was measured."""
    loading, voltage = band.loading_pct, band.voltage_pu
    found = [np.maximum(loading[0], loading[2]), voltage[0], voltage[2]]
    for row in found:
        row[day.measured] = np.nan
    return found[0], found[1], found[2]


def _extreme(day: GridDay, drawing: Drawing, found: Found, edge: str) -> Extreme:
    value = found.value
    within = (
        value <= drawing.max_loading_pct
        if edge == "loading"
        else drawing.min_voltage_pu <= value <= drawing.max_voltage_pu
    )
    return Extreme(
        where=found.where,
        value=round(value, 6),
        period=day.day.day,
        isp=found.isp + 1,
        start=day.day.isp_start(found.isp + 1),
        known=_known(day)[found.isp],
        within=within,
    )


def _known(day: GridDay) -> tuple[Known, ...]:
    return tuple(Known(sort or Known.NOT_KNOWN) for sort in day.sort)


def _row(values: Floats, places: int) -> Row:
    return tuple(round(float(value), places) if math.isfinite(value) else None for value in values)


def _quantiles(rows: Floats) -> Quantiles:
    low, median, high = (_row(row, 6) for row in rows)
    return Quantiles(low=low, median=median, high=high)


def _at(loading_pct: Floats | None, place: int) -> AtForecasts | None:
    if loading_pct is None:
        return None
    low, median, high = (_row(row, 3) for row in loading_pct[:, :, place])
    return AtForecasts(at_10_pct=low, at_50_pct=median, at_90_pct=high)
