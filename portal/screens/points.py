"""Congestion points: expected and measured loading and voltage with their bands, what is needed, why one is red, what if."""

from __future__ import annotations

import numpy as np

from cim.model.errors import BadInput
from cim.platform.publications.grid import FeedInAccounted, FeedInLimited, SafetyAnalysed
from cim.platform.publications.site import WatchedPoint
from cim.platform.store import values
from portal.screens.feeder_drawing import loading_class
from portal.screens.grid import no_grid, state_mark
from portal.screens.grid_day import grid_day
from portal.screens.markup import (
    Asked,
    Choice,
    Html,
    Line,
    chart,
    money,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.point_days import days_section
from portal.screens.point_questions import loading_bands, voltages, what_if, why
from portal.screens.safety_cases import cases_section
from portal.screens.seen import Seen


def make(seen: Seen) -> Parts:
    """The page."""
    points = seen.site.points
    if not points:
        return (note("The DSO watches no congestion point at this site."),)
    asked = seen.query.get("point", points[0].congestion_point)
    point = next((one for one in points if one.congestion_point == asked), None)
    if point is None:
        raise BadInput(f"point: {asked[:60]!r} is no congestion point of this site")
    choices = [(one.congestion_point, seen.title(one.congestion_point)) for one in points]
    form = Asked((Choice("point", "Point", choices, asked), Choice("day", "Day", seen.days(), seen.day.key)))
    parts = [Html(f'<div data-keep="asked">{form.html()}</div>'), _overview(seen), _course(seen, point)]
    parts += [cases_section(seen, point), days_section(seen, point)]
    grid = seen.sources.grid
    if grid is None:
        return (*parts, note(no_grid(seen)))
    found = grid_day(seen, grid, seen.day)
    return (
        *parts,
        voltages(seen, grid, found, point),
        why(seen, grid, found, point),
        what_if(seen, grid, found, point),
        _limits(seen),
    )


def _analysis(seen: Seen, point: str) -> SafetyAnalysed | None:
    told = [one for one in seen.of_day(SafetyAnalysed) if one.congestion_point == point]
    return told[-1] if told else None


def _overview(seen: Seen) -> Html:
    rows = []
    for point in seen.site.points:
        told = _analysis(seen, point.congestion_point)
        worst = max(told.loading_pct) if told else None
        needed = sum(1 for need in told.need_w if need) if told else None
        most = max(map(abs, told.need_w)) / 1000 if told else None
        state = loading_class(worst, point.limit_pct) if worst is not None else "unknown"
        rows.append(
            (
                seen.title(point.congestion_point),
                point.branch,
                float(point.limit_pct),
                worst,
                needed,
                most,
                state_mark(state),
            )
        )
    return section(
        "Congestion points",
        table(
            f"The DSO's last analysis of {seen.day.key}",
            (
                "point",
                "limiting branch",
                "limit, %",
                "highest expected loading, %",
                "ISPs in need",
                "most needed, kW",
                "state",
            ),
            rows,
            "The DSO watches no congestion point.",
        ),
        note(
            ""
            if any(row[3] is not None for row in rows)
            else f"{seen.day.key} has not been analysed: the DSO analyses a day when prognoses for it come."
        ),
        name="points",
    )


def _course(seen: Seen, point: WatchedPoint) -> Html:
    told, day = _analysis(seen, point.congestion_point), seen.day
    lines = []
    if seen.sources.grid is not None:
        found = grid_day(seen, seen.sources.grid, day)
        names = [branch.name for branch in seen.sources.grid.drawing.branches]
        if point.branch in names:
            measured = np.array([sort == "measured" for sort in found.sort])
            row = np.where(measured, found.flow.loading_pct[:, names.index(point.branch)], np.nan)
            if measured.any():
                lines.append(Line("measured", row))
    if told is not None and len(told.loading_pct) == day.count:
        lines.append(Line("expected by the last analysis", told.loading_pct, "quiet"))
    lines += loading_bands(seen, point)
    if not lines:
        return section("Loading", note(f"Nothing is known of {day.key} yet."), name="loading")
    lines.append(Line("limit the DSO plans with", [point.limit_pct] * day.count, "limit"))
    parts = [chart("point-loading", f"Loading of {point.branch} on {day.key}", "% of rating", seen.starts(), lines)]
    if told is not None and any(told.need_w):
        need = [Line("needed change of net power", np.array(told.need_w) / 1000, "bar")]
        parts.append(
            chart(
                "need",
                f"Needed at {seen.title(point.congestion_point)}",
                "kW",
                seen.starts(),
                need,
                "Above zero: more consumption or less feed-in.",
            )
        )
    elif told is not None:
        parts.append(note(_no_need(told, point)))
    return section(seen.title(point.congestion_point), *parts, name="loading")


def _no_need(told: SafetyAnalysed, point: WatchedPoint) -> str:
    if max(told.loading_pct) <= point.limit_pct:
        return "The last analysis asks for no change: the point is expected within its limit in every ISP."
    return (
        "The last analysis asks for no change, although some ISPs are expected above the limit: only what is needed almost "
        "surely is bought, the rest is left to the DSO's own limits."
    )


def _limits(seen: Seen) -> Html:
    told, paid = seen.of_day(FeedInLimited), seen.of_day(FeedInAccounted)
    currency = next((c for c in currencies(seen)), "")
    return section(
        "Feed-in limits",
        table(
            f"The DSO's own limits on {seen.day.key}",
            ("told at (local)", "connection", "point", "ISP", "limit, kW"),
            (
                (
                    seen.local(one.at),
                    seen.title(one.usage_point),
                    seen.title(one.congestion_point),
                    one.isp,
                    "lifted" if one.limit_w is None else one.limit_w / 1000,
                )
                for one in reversed(told)
            ),
            "The DSO has limited nobody's feed-in on this day.",
            seen.rows and 12,
        ),
        table(
            "What the limits took, and what the DSO pays for it",
            ("connection", "curtailed, kWh", "own use lost, kWh", "compensation"),
            (
                (
                    seen.title(one.usage_point),
                    one.curtailed_wh / 1000,
                    one.lost_own_use_wh / 1000,
                    money(one.compensation_e4, currency),
                )
                for one in paid
            ),
            "Nothing was accounted for on this day.",
        ),
        name="limits",
    )


def currencies(seen: Seen) -> list[str]:
    """The currency of the site's market, as its contracts name it."""
    from cim.platform.publications.agreements import ContractAgreed

    return list(dict.fromkeys(one.currency for one in values(seen.store, ContractAgreed)))
