"""The grid at this moment, its exchange, what is ordered, and what is wrong."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from portal.screens.exchange import exchange
from portal.screens.feeder_drawing import LEGEND, drawn
from portal.screens.grid import isp_shown, no_grid, state_line
from portal.screens.grid_day import grid_day
from portal.screens.markup import Figure, Html, figures, link, note, section
from portal.screens.operation import alarm_table, alarms
from portal.screens.page import Parts
from portal.screens.seen import Seen
from portal.screens.trading import orders_with_state


def make(seen: Seen) -> Parts:
    """The page."""
    grid = seen.sources.grid
    since = seen.until - timedelta(days=1)
    found_alarms = alarms(seen, since)
    last_day = [one for one in found_alarms if one.at >= since]
    orders = orders_with_state(seen)
    shown = [
        Figure("site's time", f"{seen.local(seen.now):%Y-%m-%d %H:%M}", seen.site.timezone),
        Figure("orders active", sum(1 for _, state in orders if state == "active")),
        Figure("orders to come", sum(1 for _, state in orders if state == "upcoming")),
        Figure(
            "devices lost",
            sum(one.open for one in found_alarms),
            "",
            "bad" if any(one.open for one in found_alarms) else "good",
        ),
    ]
    if grid is None:
        return (section("At a glance", figures(*shown), note(no_grid(seen)), name="now"),)
    found = grid_day(seen, grid, seen.day)
    isp = isp_shown(seen, found)
    drawing = grid.drawing
    if found.sort[isp]:
        loading, voltage = found.flow.loading_pct[isp], found.flow.voltage_pu[isp]
        worst = int(np.argmax(loading))
        shown[1:1] = [
            Figure(
                f"highest loading, {drawing.branches[worst].name}",
                float(loading[worst]),
                "%",
                "bad" if loading[worst] > drawing.max_loading_pct else "good",
            ),
            Figure("voltage, lowest to highest", f"{voltage.min():.3f}–{voltage.max():.3f}", "pu"),
            Figure("at the coupling point", float(found.flow.slack_w[isp] / 1000), "kW"),
        ]
    words = state_line(seen, found, isp)
    picture = drawn(
        drawing, found.flow.voltage_pu[isp], found.flow.loading_pct[isp], f"Feeder of {seen.site.site}: {words}"
    )
    return (
        section(
            "At a glance",
            figures(*shown),
            note(Html(f"The same to be read from afar: {link('wall display', '/wall')}.")),
            name="now",
        ),
        section("Feeder", Html(f'<p class="note">{words}</p>'), picture, LEGEND, name="feeder"),
        exchange(seen),
        section("Last 24 hours", alarm_table(seen, last_day[:10], "What went wrong"), name="alarms"),
    )
