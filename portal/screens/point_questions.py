"""A congestion point's bands of loading and voltage, who loads it, and what so many kilowatts more at a connection would do."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.platform.publications.site import WatchedPoint
from portal.screens.grid import isp_shown, state_line
from portal.screens.grid_bands import band_lines, grid_bands
from portal.screens.grid_day import GridDay
from portal.screens.grid_questions import below, branch_place, contributions, node_place, over_limit, reddest, with_more
from portal.screens.markup import Asked, Choice, Figure, Html, Line, chart, digits, figures, note, section, table
from portal.screens.safety_cases import bands
from portal.screens.seen import Seen
from portal.sources import Drawing, GridSource

_MORE_KW = ("3.7", "11", "22", "50", "150", "-5", "-10", "-30", "-100")  # a wallbox, chargers; plants that feed in


def loading_bands(seen: Seen, point: WatchedPoint) -> list[Line]:
    """The loading of a point's branch with all forecasts at 10, 50 and 90 %; of a site that tells no bands, as cases tell it."""
    grid = seen.sources.grid
    found = None if grid is None else grid_bands(seen, grid, seen.day)
    if grid is None or found is None:
        return bands(seen, point)
    try:
        place = branch_place(grid.drawing, point.branch)
    except BadInput:  # the site file is another one than that of the run
        return bands(seen, point)
    return band_lines(seen, found, found.loading_pct[:, :, place], "forecasts at ")


def voltages(seen: Seen, grid: GridSource, found: GridDay, point: WatchedPoint) -> Html:
    """The voltage of a node below the point, measured and in quantiles; the one furthest from nominal unless one is asked for."""
    drawing = grid.drawing
    nodes = list(dict.fromkeys(drawing.node_of[name] for name in below(drawing, point.congestion_point)))
    if not nodes:
        return section("Voltage", note("No connection hangs below this point."), name="voltage")
    band = grid_bands(seen, grid, found.day)
    node = seen.query.get("node") or _furthest(
        drawing, nodes, found.flow.voltage_pu, None if band is None else band.voltage_pu[1]
    )
    place = node_place(drawing, node)
    row = found.flow.voltage_pu[:, place]
    measured = np.array([sort == "measured" for sort in found.sort])
    lines = [Line("by the meters", np.where(measured, row, np.nan))] if measured.any() else []
    foreseen = np.where(measured, np.nan, row)
    if np.isfinite(foreseen).any():
        lines.append(Line("by the newest prognoses", foreseen, "quiet"))
    lines += band_lines(seen, band, np.zeros((3, 0)) if band is None else band.voltage_pu[:, :, place])
    asked = Asked(
        (Choice("node", "Node", [(one, one) for one in nodes], node),),
        "Show",
        {"point": point.congestion_point, "day": found.day.key},
    )
    keep = Html(f'<div data-keep="voltage">{asked.html()}</div>')
    if not lines:
        return section("Voltage", keep, note(f"Nothing is known of {found.day.key} yet."), name="voltage")
    lines += [
        Line(f"limit {edge:g} pu", [edge] * found.day.count, "limit")
        for edge in (drawing.min_voltage_pu, drawing.max_voltage_pu)
    ]
    words = (
        "What comes is below a line with its chance: the DSO's bands of every seller's power, all at once, as power flows with "
        "balanced phases."
        if band is not None
        else "No band was told of this day: the DSO tells one with its safety analysis, when prognoses come."
    )
    return section(
        "Voltage",
        keep,
        chart("point-voltage", f"Voltage at {node} on {found.day.key}", "pu", seen.starts(found.day), lines, words),
        name="voltage",
    )


def _furthest(drawing: Drawing, nodes: list[str], *rows: Floats | None) -> str:
    """The node whose voltage is furthest from nominal in any of these [ISPs, nodes]; the first where nothing is known."""
    places = [node_place(drawing, node) for node in nodes]
    far = np.zeros(len(nodes))
    for row in rows:
        if row is not None:
            far = np.maximum(far, np.nan_to_num(np.abs(row[:, places] - 1)).max(axis=0))
    return nodes[int(far.argmax())]


def why(seen: Seen, grid: GridSource, found: GridDay, point: WatchedPoint) -> Html:
    """Who loads the point's branch in the day's worst ISP, or in the one that is asked for."""
    worst = reddest(found, grid.drawing, point.branch)
    if worst is None or not below(grid.drawing, point.congestion_point):
        return section("Why red", note("Nothing is known of this day's flows yet."), name="why")
    isp = isp_shown(seen, found) if seen.query.get("isp") else worst
    if not found.sort[isp]:
        return section("Why red", note(f"Nothing is known of {state_line(seen, found, isp)}."), name="why")
    base, told = contributions(grid, found, isp, branch=point.branch, point=point.congestion_point)
    return section(
        "Why red: who loads it",
        figures(
            Figure("loading", base, "%", "bad" if base > point.limit_pct + 0.05 else ""),
            Figure("limit", float(point.limit_pct), "%"),
        ),
        table(
            f"Main contributors at {state_line(seen, found, isp)}",
            ("connection", "net power, kW", "sensitivity, % per kW more", "contribution, %"),
            (
                (
                    seen.title(one.connection),
                    one.power_w / 1000,
                    digits(one.slope_pct_per_kw, 3, plus=True),
                    float(one.pct),
                )
                for one in told
            ),
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


def what_if(seen: Seen, grid: GridSource, found: GridDay, point: WatchedPoint) -> Html:
    """What so many kilowatts more at a connection would do all day."""
    drawing = grid.drawing
    homes = below(drawing, point.congestion_point)
    if not homes:
        return note("No connection hangs below this point.")
    connection, kw = seen.query.get("connection", homes[0]), seen.query.get("kw", "11")
    if connection not in drawing.node_of:
        raise BadInput(f"connection: {connection[:60]!r} is none of this site")
    if kw not in _MORE_KW:
        raise BadInput(f"kw: {kw[:20]!r}; expected {', '.join(_MORE_KW)}")
    more = f"{kw} kW more" if not kw.startswith("-") else f"{kw[1:]} kW less (feed-in)"
    title = f"What if {more} here"
    asked = Asked(
        (
            Choice("connection", "At", [(name, seen.title(name)) for name in homes], connection),
            Choice("kw", "kW more", [(one, one.replace("-", "−")) for one in _MORE_KW], kw),
        ),
        "What if",
        {"point": point.congestion_point, "day": found.day.key},
    )
    keep = Html(f'<div data-keep="what-if">{asked.html()}</div>')
    if not any(found.sort):
        return section(title, keep, note("Nothing is known of this day's flows yet."), name="what-if")
    node, before = drawing.node_of[connection], found.flow
    after = with_more(grid, found, node, float(kw) * 1000)
    at, branch, limit = node_place(drawing, node), branch_place(drawing, point.branch), drawing.max_loading_pct
    over = over_limit(before.loading_pct, limit), over_limit(after.loading_pct, limit)
    shown = (
        Figure(
            "ISPs with a branch above its limit", f"{over[0]} → {over[1]}", "", "bad" if over[1] > over[0] else "good"
        ),
        Figure(
            "highest loading of any branch",
            f"{np.nanmax(before.loading_pct):.1f} → {np.nanmax(after.loading_pct):.1f}",
            "%",
        ),
        *(
            Figure(
                f"{words} voltage at {node}",
                f"{edge(before.voltage_pu[:, at]):.4f} → {edge(after.voltage_pu[:, at]):.4f}",
                "pu",
            )
            for words, edge in (("lowest", np.nanmin), ("highest", np.nanmax))
        ),
    )
    lines = [
        Line("as it is", before.loading_pct[:, branch], "quiet"),
        Line(f"with {more}", after.loading_pct[:, branch]),
        Line("limit", [limit] * found.day.count, "limit"),
    ]
    return section(
        title,
        keep,
        figures(*shown),
        chart(
            "what-if-loading",
            f"Loading of {point.branch} with {more} at {seen.title(connection)} all day",
            "% of rating",
            seen.starts(found.day),
            lines,
        ),
        name="what-if",
    )
