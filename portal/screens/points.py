"""Congestion points: expected and measured loading, what is needed, why one is red, and what 11 kW more would do."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.platform.publications.grid import FeedInAccounted, FeedInLimited, SafetyAnalysed
from cim.platform.publications.site import WatchedPoint
from cim.platform.store import values
from portal.screens.feeder_drawing import loading_class
from portal.screens.grid import isp_shown, no_grid, state_line, state_mark
from portal.screens.grid_day import GridDay, grid_day
from portal.screens.markup import (
    Asked,
    Choice,
    Figure,
    Html,
    Line,
    chart,
    digits,
    figures,
    money,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.point_days import days_section
from portal.screens.safety_cases import bands, cases_section
from portal.screens.seen import Seen
from portal.sources import GridSource

_PROBE_W = 1_000.0
_MORE_W = 11_000.0
_ASKED = 200  # connections that are tried one by one


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
    return (*parts, _why(seen, grid, found, point), _what_if(seen, grid, found, point), _limits(seen))


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
        lines += bands(seen, point)
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


def _loading_of(grid: GridSource, found: GridDay, isp: int, branch: str, changes: list[dict[str, float]]) -> Floats:
    """The branch's loading in an ISP under each of these changes of connections' power, percent."""
    power = {
        name: np.array([np.nan_to_num(row[isp]) + change.get(name, 0.0) for change in changes])
        for name, row in found.power_w.items()
    }
    reactive = {name: np.full(len(changes), row[isp]) for name, row in found.reactive_var.items()}
    flow = grid.flow(power, reactive)
    place = [one.name for one in grid.drawing.branches].index(branch)
    loading: Floats = flow.loading_pct[:, place]
    return loading


def _reddest(found: GridDay, grid: GridSource, branch: str) -> int | None:
    place = [one.name for one in grid.drawing.branches].index(branch)
    column = found.flow.loading_pct[:, place]
    return int(np.nanargmax(column)) if np.isfinite(column).any() else None


def _why(seen: Seen, grid: GridSource, found: GridDay, point: WatchedPoint) -> Html:
    below = [name for name, points in grid.drawing.points_of.items() if point.congestion_point in points]
    worst = _reddest(found, grid, point.branch)
    if worst is None or not below:
        return section("Why red", note("Nothing is known of this day's flows yet."), name="why")
    isp = isp_shown(seen, found) if seen.query.get("isp") else worst
    if not found.sort[isp]:
        return section("Why red", note(f"Nothing is known of {state_line(seen, found, isp)}."), name="why")
    below = sorted(below, key=lambda name: -abs(found.power_w[name][isp]))[:_ASKED]
    loading = _loading_of(grid, found, isp, point.branch, [{}, *({name: _PROBE_W} for name in below)])
    base, each = float(loading[0]), loading[1:] - loading[0]
    rows = []
    for name, slope in zip(below, each, strict=True):
        power = float(np.nan_to_num(found.power_w[name][isp]))
        rows.append((seen.title(name), power / 1000, digits(slope, 3, plus=True), power / 1000 * float(slope)))
    rows.sort(key=lambda row: -row[3])
    return section(
        "Why red: who loads it",
        figures(
            Figure("loading", base, "%", "bad" if base > point.limit_pct + 0.05 else ""),
            Figure("limit", float(point.limit_pct), "%"),
        ),
        table(
            f"Main contributors at {state_line(seen, found, isp)}",
            ("connection", "net power, kW", "sensitivity, % per kW more", "contribution, %"),
            rows,
            "No connection hangs below this point.",
            seen.rows and 12,
        ),
        note(
            "Sensitivity: what one kilowatt more of consumption there changes of the branch's loading, by two power flows. "
            "Contribution: power times sensitivity; what loads it is positive, what relieves it negative. "
            + ("This is the day's worst ISP." if isp == worst else "")
        ),
        name="why",
    )


def _what_if(seen: Seen, grid: GridSource, found: GridDay, point: WatchedPoint) -> Html:
    below = [name for name, points in grid.drawing.points_of.items() if point.congestion_point in points]
    connection = seen.query.get("connection", below[0] if below else "")
    if not below:
        return note("No connection hangs below this point.")
    if connection not in grid.drawing.node_of:
        raise BadInput(f"connection: {connection[:60]!r} is none of this site")
    asked = Asked(
        (Choice("connection", "11 kW more at", [(name, seen.title(name)) for name in below], connection),),
        "What if",
        {"point": point.congestion_point, "day": found.day.key},
    )
    usable = [isp for isp, sort in enumerate(found.sort) if sort]
    if not usable:
        return section(
            "What if 11 kW more here", asked.html(), note("Nothing is known of this day's flows yet."), name="what-if"
        )
    power = {name: np.nan_to_num(row[usable]) for name, row in found.power_w.items()}
    power[connection] = power[connection] + _MORE_W
    flow = grid.flow(power, {name: row[usable] for name, row in found.reactive_var.items()})
    after = np.full_like(found.flow.loading_pct, np.nan)
    after[usable] = flow.loading_pct
    names, nodes = [one.name for one in grid.drawing.branches], [one.name for one in grid.drawing.nodes]
    node = nodes.index(grid.drawing.node_of[connection])
    limit, place = grid.drawing.max_loading_pct, names.index(point.branch)
    before_over, after_over = (
        int((np.nan_to_num(x) > limit).any(axis=1).sum()) for x in (found.flow.loading_pct, after)
    )
    shown = (
        Figure(
            "ISPs with a branch above its limit",
            f"{before_over} → {after_over}",
            "",
            "bad" if after_over > before_over else "good",
        ),
        Figure(
            "highest loading of any branch", f"{np.nanmax(found.flow.loading_pct):.1f} → {np.nanmax(after):.1f}", "%"
        ),
        Figure(
            f"lowest voltage at {nodes[node]}",
            f"{np.nanmin(found.flow.voltage_pu[:, node]):.4f} → {flow.voltage_pu[:, node].min():.4f}",
            "pu",
        ),
    )
    lines = [
        Line("as it is", found.flow.loading_pct[:, place], "quiet"),
        Line("with 11 kW more", after[:, place]),
        Line("limit", [limit] * found.day.count, "limit"),
    ]
    return section(
        "What if 11 kW more here",
        Html(f'<div data-keep="what-if">{asked.html()}</div>'),
        figures(*shown),
        chart(
            "what-if-loading",
            f"Loading of {point.branch} with a wallbox at {seen.title(connection)} all day",
            "% of rating",
            seen.starts(found.day),
            lines,
        ),
        name="what-if",
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
