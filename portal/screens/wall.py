"""The wall display: the grid now, what is ordered and what is wrong, to be read from five metres; nobody touches it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from portal.screens.feeder_drawing import drawn, loading_class, voltage_class
from portal.screens.frame import mark_of
from portal.screens.grid import isp_shown, no_grid
from portal.screens.grid_day import GridDay, grid_day
from portal.screens.markup import Html, Line, chart, digits, tag, text
from portal.screens.operation import Alarm, alarms
from portal.screens.page import DSO_ROLES, Parts, Screen
from portal.screens.seen import Seen
from portal.screens.trading import orders_with_state, span_of
from portal.sources import GridSource

PATH: Final = "/wall"
_ROWS = 4  # of a list: more cannot be read from afar
_BAR = 400.0  # a bar's width in its own units, up to twice the limit


def make(seen: Seen) -> Parts:
    """What is on the wall; each part is put in by itself when it has changed."""
    wrong = alarms(seen, seen.until - timedelta(days=1))
    grid = seen.sources.grid
    head = _head(seen, wrong)
    if grid is None:
        return (head, tag("p", no_grid(seen), class_="wall-note"), _orders(seen), _alarms(seen, wrong))
    found = grid_day(seen, grid, seen.today)
    isp = isp_shown(seen, found)
    return (
        head,
        _figures(seen, grid, found, isp),
        _feeder(seen, grid, found, isp),
        _points(seen, grid, found, isp),
        _orders(seen),
        _alarms(seen, wrong),
        _course(seen, grid, found),
    )


def _head(seen: Seen, wrong: Sequence[Alarm]) -> Html:
    open_ = sum(one.open for one in wrong)
    state = tag("span", "all devices answer", class_="good")
    if open_:
        state = tag("span", f"{open_} device{'s' if open_ > 1 else ''} lost", class_="bad")
    return Html(
        f"<strong>{text(seen.site.site)}</strong> <time>{seen.local(seen.now):%H:%M}</time> "
        f"<span>{seen.local(seen.now):%Y-%m-%d}</span> {state}"
    )


def _figures(seen: Seen, grid: GridSource, found: GridDay, isp: int) -> Html:
    drawing, orders = grid.drawing, orders_with_state(seen)
    if not found.sort[isp]:
        return tag("p", "Nothing is known of the grid in this quarter-hour.", class_="wall-note")
    loading, voltage = found.flow.loading_pct[isp], found.flow.voltage_pu[isp]
    worst = float(loading.max())
    low, high = float(voltage.min()), float(voltage.max())
    shown = (
        ("highest loading", digits(worst, 0), "%", loading_class(worst, drawing.max_loading_pct)),
        ("lowest voltage", digits(low, 3), "pu", voltage_class(low, drawing)),
        ("highest voltage", digits(high, 3), "pu", voltage_class(high, drawing)),
        ("from the grid above", digits(float(found.flow.slack_w[isp]) / 1000, 0), "kW", ""),
        ("orders running", digits(sum(state == "active" for _, state in orders), 0), "", ""),
    )
    return Html(
        "".join(
            f'<div class="big {state}"><b>{value}</b> <i>{unit}</i><span>{label}</span></div>'
            for label, value, unit, state in shown
        )
    )


def _feeder(seen: Seen, grid: GridSource, found: GridDay, isp: int) -> Html:
    start = seen.local(found.day.isp_start(isp + 1))
    picture = drawn(
        grid.drawing, found.flow.voltage_pu[isp], found.flow.loading_pct[isp], f"Feeder of {seen.site.site}"
    )
    words = f"{found.sort[isp] or 'not known'}, {found.day.key} from {start:%H:%M} on"
    return Html(f"{picture}<p>{text(words)}</p>")


def _points(seen: Seen, grid: GridSource, found: GridDay, isp: int) -> Html:
    names = [branch.name for branch in grid.drawing.branches]
    rows = []
    for point in seen.site.points[:_ROWS]:
        if point.branch not in names:
            continue
        now = float(found.flow.loading_pct[isp, names.index(point.branch)])
        known = np.isfinite(now)
        state = loading_class(now, point.limit_pct)
        wide, limit = min(now if known else 0.0, 2 * point.limit_pct), _BAR / 2
        rows.append(
            f'<li class="{state}"><span>{text(seen.title(point.congestion_point))}</span> '
            f"<b>{digits(now, 0) if known else '–'} %</b>"
            f'<svg viewBox="0 0 {_BAR:.0f} 26" role="img"><title>{digits(now, 1) if known else "not known"} of '
            f'{point.limit_pct:g} %</title><rect class="all" width="{_BAR:.0f}" height="26"/>'
            f'<rect class="now" width="{_BAR * wide / (2 * point.limit_pct):.1f}" height="26"/>'
            f'<path d="M{limit:.1f} 0 V26"/></svg></li>'
        )
    return Html(f"<h2>Loading now</h2><ul>{''.join(rows) or '<li>No congestion point is watched.</li>'}</ul>")


def _orders(seen: Seen) -> Html:
    told = [(one, state) for one, state in orders_with_state(seen) if state in ("active", "upcoming")]
    told.sort(key=lambda pair: (pair[1] != "active", span_of(seen, pair[0])[0]))
    rows = []
    for one, state in told[:_ROWS]:
        begin, end = (seen.local(at) for at in span_of(seen, one))
        most = max((isp.power_w for isp in one.isps), key=abs) / 1000
        rows.append(
            f'<li class="{state}"><b>{digits(most, 0, plus=True)} kW</b> {begin:%H:%M}–{end:%H:%M} '
            f"<span>{text(seen.name(one.seller))}, {text(seen.title(one.congestion_point))}</span></li>"
        )
    rest = f"<li>and {len(told) - _ROWS} more</li>" if len(told) > _ROWS else ""
    return Html(f"<h2>Orders</h2><ul>{''.join(rows) + rest or '<li>None runs, none is to come.</li>'}</ul>")


def _alarms(seen: Seen, wrong: Sequence[Alarm]) -> Html:
    shown = sorted(wrong, key=lambda one: (not one.open, not one.grave))[:_ROWS]  # each newest first
    rows = "".join(
        f'<li class="{"bad" if one.open or one.grave else ""}"><b>{seen.local(one.at):%H:%M}</b> {text(one.what)} '
        f"<span>{text(seen.titled(one.words))}</span></li>"
        for one in shown
    )
    rest = f"<li>and {len(wrong) - _ROWS} more</li>" if len(wrong) > _ROWS else ""
    return Html(f"<h2>Alarms of 24 h</h2><ul>{rows + rest or '<li>None.</li>'}</ul>")


def _course(seen: Seen, grid: GridSource, found: GridDay) -> Html:
    names = [branch.name for branch in grid.drawing.branches]
    lines = [
        Line(seen.title(point.congestion_point), found.flow.loading_pct[:, names.index(point.branch)])
        for point in seen.site.points[:_ROWS]
        if point.branch in names
    ]
    limit = Line("limit", np.full(found.day.count, grid.drawing.max_loading_pct), "limit")
    return chart("wall-loading", "Loading today", "%", seen.starts(found.day), [*lines, limit])


WALL: Final = Screen("dso", "wall", "Wall display", DSO_ROLES, make)


def wall_framed(site: str, parts: Sequence[str], zone: str) -> str:
    """The whole page: dark, without a menu, and fetched again whenever something has changed."""
    body = "".join(f'<div class="wall-part" data-part="{number}">{part}</div>' for number, part in enumerate(parts))
    return f"""<!doctype html>
<html lang="en" data-theme="dark">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark">
<title>Wall · {text(site)} · ILES</title>
<link rel="icon" href="/pages/icon.svg?v={mark_of("icon.svg")}" type="image/svg+xml">
<link rel="stylesheet" href="/pages/screens.css?v={mark_of("screens.css")}">
<link rel="stylesheet" href="/pages/wall.css?v={mark_of("wall.css")}">
<script src="/pages/wall.js?v={mark_of("wall.js")}" type="module"></script>
</head>
<body class="wall" data-wall="{len(parts)}" data-zone="{text(zone)}">
<main id="main" aria-label="Wall display">{body}</main>
<p id="live-state" role="status"></p>
</body>
</html>
"""
