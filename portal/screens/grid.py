"""The grid now, later, and at its worst: the feeder drawn, voltages and loadings, in any ISP of a day."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from cim.model.errors import BadInput
from portal.screens.feeder_drawing import LEGEND, drawn, loading_class, voltage_class
from portal.screens.grid_bands import edge_lines, grid_bands
from portal.screens.grid_day import GridDay, grid_day
from portal.screens.grid_questions import highest, lowest, over_limit
from portal.screens.markup import (
    Asked,
    Cell,
    Choice,
    Digits,
    Figure,
    Html,
    Line,
    chart,
    digits,
    figures,
    mark,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen
from portal.sources import Drawing, GridSource

_SPANS = (("1", "the day shown"), ("3", "3 days to it"), ("7", "7 days to it"), ("14", "14 days to it"))


def make(seen: Seen) -> Parts:
    """The page."""
    grid = seen.sources.grid
    if grid is None:
        return (note(no_grid(seen)),)
    found = grid_day(seen, grid, seen.day)
    isp = isp_shown(seen, found)
    return (
        _asked(seen, found, isp),
        _drawing(seen, grid, found, isp),
        _course(seen, grid, found),
        _nodes(seen, grid, found, isp),
        _worst(seen, grid),
    )


def no_grid(seen: Seen) -> str:
    """Why there is no drawing."""
    return seen.sources.missing.get("grid", "the network of this site is not known here") + "; so no grid is drawn."


def isp_shown(seen: Seen, found: GridDay) -> int:
    """The ISP (from 0) that is asked for, else the last that was measured, else the first that is expected.

    Raises:
        BadInput: it is no ISP of the day.
    """
    asked = seen.query.get("isp")
    if asked:
        if not asked.isdecimal() or len(asked) > 3 or not 1 <= int(asked) <= found.day.count:
            raise BadInput(f"isp: {asked[:20]!r} is none of {found.day.key}; expected 1 to {found.day.count}")
        return int(asked) - 1
    known = [place for place, sort in enumerate(found.sort) if sort == "measured"]
    return known[-1] if known else next((place for place, sort in enumerate(found.sort) if sort), 0)


def state_line(seen: Seen, found: GridDay, isp: int) -> str:
    """Which ISP this is, in words."""
    start = seen.local(found.day.isp_start(isp + 1))
    end = start + timedelta(minutes=found.day.isp_minutes)
    sort = found.sort[isp] or "nothing known"
    words = f"{found.day.key}, {start:%H:%M} to {end:%H:%M} (ISP {isp + 1}), {sort}"
    if found.unseen[isp]:
        words += f"; {found.unseen[isp]} of {len(found.power_w)} meters were not seen and count as 0 kW"
    return words


def _asked(seen: Seen, found: GridDay, isp: int) -> Html:
    slider = (
        f'<label class="slider">Time <input type="range" name="isp" id="time" min="1" max="{found.day.count}" '
        f'value="{isp + 1}" aria-label="quarter-hour of the day"></label>'
    )
    day = Asked(
        (
            Choice("day", "Day", seen.days(), found.day.key),
            Choice("span", "Worst over", _SPANS, seen.query.get("span", "1")),
        )
    ).html()
    # The slider's value goes with the same form.
    return Html(f'<div data-keep="asked">{day.replace("<button>", slider + "<button>")}</div>')


def _drawing(seen: Seen, grid: GridSource, found: GridDay, isp: int) -> Html:
    drawing = grid.drawing
    words = state_line(seen, found, isp)
    figure = drawn(
        drawing, found.flow.voltage_pu[isp], found.flow.loading_pct[isp], f"Feeder of {seen.site.site}: {words}"
    )
    loading, voltage = found.flow.loading_pct[isp], found.flow.voltage_pu[isp]
    shown = [Figure("state", Html(f"<small>{words}</small>"))]
    if found.sort[isp]:
        worst = int(np.argmax(loading))
        shown += [
            Figure(
                "highest loading",
                float(loading[worst]),
                "%",
                _tone(loading_class(loading[worst], drawing.max_loading_pct)),
            ),
            Figure("lowest voltage", digits(voltage.min(), 4), "pu", _tone(voltage_class(voltage.min(), drawing))),
            Figure("highest voltage", digits(voltage.max(), 4), "pu", _tone(voltage_class(voltage.max(), drawing))),
            Figure("from the grid above", found.flow.slack_w[isp] / 1000, "kW"),
            Figure("losses", found.flow.losses_w[isp] / 1000, "kW"),
        ]
    return section(
        "Feeder",
        figures(*shown),
        figure,
        LEGEND,
        note(
            f"{places_words(drawing)} "
            "What is measured comes from the connections' meters; what is expected are the sellers' prognoses, spread "
            "over each point's connections as on the last measured day (on the first day by what is registered). Voltages and "
            "loadings are a power flow on them."
        ),
        name="feeder",
    )


def places_words(drawing: Drawing) -> str:
    """Where the drawing's nodes stand, and who says so."""
    others = [node.name for node in drawing.nodes if not node.surveyed]
    if len(others) == len(drawing.nodes):
        return "A plan of how it is connected, from left to right; no coordinates are published."
    words = f"Nodes stand where {drawing.placed_by} places them; branches are drawn straight."
    if not others:
        return words
    named = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if len(others) > 6 else "")
    return f"{words} Of {named} no coordinates are published: they stand beside the map as a plan."


def _tone(state: str) -> str:
    return "bad" if state == "over" else ""


def _course(seen: Seen, grid: GridSource, found: GridDay) -> Html:
    drawing, flow = grid.drawing, found.flow
    starts, limit = seen.starts(found.day), np.full(found.day.count, drawing.max_loading_pct)
    names = [branch.name for branch in drawing.branches]
    loading = [
        Line(f"{seen.title(point)}: {branch}", flow.loading_pct[:, names.index(branch)])
        for point, branch in drawing.point_branches.items()
        if branch in names
    ]
    others = np.delete(
        flow.loading_pct, [names.index(b) for b in drawing.point_branches.values() if b in names], axis=1
    )
    if others.shape[1]:
        loading.append(Line("highest of all others", others.max(axis=1), "quiet"))
    low, high = flow.voltage_pu.min(axis=1), flow.voltage_pu.max(axis=1)
    edges = (drawing.min_voltage_pu, drawing.max_voltage_pu)
    return section(
        "Over the day",
        chart(
            "loading", f"Loading on {found.day.key}", "% of rating", starts, [*loading, Line("limit", limit, "limit")]
        ),
        chart(
            "voltage",
            f"Voltage on {found.day.key}",
            "pu",
            starts,
            [
                Line("lowest node", low),
                Line("highest node", high),
                *edge_lines(seen, grid_bands(seen, grid, found.day)),
                *(Line(f"limit {edge:g} pu", np.full(found.day.count, edge), "limit") for edge in edges),
            ],
            "The loading and the voltage of congestion points in quantiles stand on their page.",
        ),
        name="course",
    )


def _nodes(seen: Seen, grid: GridSource, found: GridDay, isp: int) -> Html:
    drawing, loading, voltage = grid.drawing, found.flow.loading_pct[isp], found.flow.voltage_pu[isp]
    if not found.sort[isp]:
        return section(
            "In this ISP",
            note("Nothing is known of this ISP: it was not metered, and nobody has foretold it."),
            name="isp",
        )
    branches = sorted(range(len(loading)), key=lambda place: -loading[place])
    nodes = sorted(range(len(voltage)), key=lambda place: -abs(voltage[place] - 1))
    return section(
        "In this ISP",
        table(
            "Branches, the most loaded first",
            ("branch", "kind", "rating, kVA", "loading, %", "state"),
            (
                (
                    drawing.branches[k].name,
                    drawing.branches[k].kind,
                    drawing.branches[k].rated_va / 1000,
                    float(loading[k]),
                    state_mark(loading_class(loading[k], drawing.max_loading_pct)),
                )
                for k in branches
            ),
            "The network has no branch.",
            seen.rows and 12,
        ),
        table(
            "Nodes, the furthest from nominal voltage first",
            ("node", "nominal, kV", "voltage, pu", "state"),
            (
                (
                    drawing.nodes[k].name,
                    Digits(f"{drawing.nodes[k].nominal_v / 1000:g}"),
                    digits(voltage[k], 4),
                    state_mark(voltage_class(voltage[k], drawing)),
                )
                for k in nodes
            ),
            "The network has no node.",
            seen.rows and 12,
        ),
        name="isp",
    )


def state_mark(state: str) -> Html:
    """A branch's or node's state in a word."""
    words = {"low": "within", "some": "within", "high": "near the limit", "over": "beyond the limit"}
    return mark(words.get(state, "not known"), {"over": "bad", "high": "warn", "unknown": ""}.get(state, "good"))


def _worst(seen: Seen, grid: GridSource) -> Html:
    asked = seen.query.get("span", "1")
    if asked not in dict(_SPANS):
        raise BadInput(f"span: {asked[:20]!r}; expected {', '.join(dict(_SPANS))} (days)")
    drawing = grid.drawing
    days = [grid_day(seen, grid, seen.day.next(-back)) for back in range(int(asked))]
    days = [day for day in reversed(days) if any(day.sort)]
    if not days:
        return section("Worst", note("Nothing is known of this span yet."), name="worst")
    rows: list[tuple[Cell, ...]] = []
    nodes, branches = [n.name for n in drawing.nodes], [b.name for b in drawing.branches]
    voltages = [d.flow.voltage_pu for d in days]
    for what, worst, pct in (
        ("loading", highest(branches, [d.flow.loading_pct for d in days]), True),
        ("highest voltage", highest(nodes, voltages), False),
        ("lowest voltage", lowest(nodes, voltages), False),
    ):
        if worst is None:
            continue
        day = days[worst.day]
        start = seen.local(day.day.isp_start(worst.isp + 1))
        state = loading_class(worst.value, drawing.max_loading_pct) if pct else voltage_class(worst.value, drawing)
        shown = Digits(f"{worst.value:.1f} %" if pct else f"{worst.value:.4f} pu")
        rows.append((what, worst.where, shown, start, day.sort[worst.isp], state_mark(state)))
    over = sum(over_limit(d.flow.loading_pct, drawing.max_loading_pct) for d in days)
    return section(
        "Worst",
        table(
            f"The worst of {len(days)} day{'s' if len(days) > 1 else ''} to {seen.day.key}",
            ("what", "where", "value", "ISP from (local)", "known how", "state"),
            rows,
            "Nothing is known of this span yet.",
        ),
        note(f"In {over} ISPs of this span some branch was, or is expected to be, above its limit."),
        name="worst",
    )
