"""The shift report: a page to print of what happened in the last hours and what comes."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from cim.model.errors import BadInput
from cim.platform.publications.grid import FeedInLimited, SafetyAnalysed
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import latest, values
from portal.screens.grid_day import grid_day
from portal.screens.markup import (
    Asked,
    Choice,
    Figure,
    Html,
    acting,
    digits,
    figures,
    join,
    kw,
    note,
    section,
    table,
)
from portal.screens.operation import alarm_table, alarms, amiss
from portal.screens.page import Parts
from portal.screens.quality import freshness, late_words, stale_words
from portal.screens.seen import AHEAD, Seen
from portal.screens.trading import orders_with_state, span_of
from portal.screens.works import declared

_SPANS = (("8", "8 hours"), ("12", "12 hours"), ("24", "24 hours"))


def make(seen: Seen) -> Parts:
    """The page."""
    asked = seen.query.get("hours", "8")
    if asked not in dict(_SPANS):
        raise BadInput(f"hours: {asked[:20]!r}; expected {', '.join(dict(_SPANS))}")
    until = seen.until
    since = until - timedelta(hours=int(asked))
    form = Asked((Choice("hours", "The last", _SPANS, asked),)).html()
    return (
        Html(f'<div data-keep="asked">{form}<button type="button" data-print>Print</button></div>'),
        section(
            f"Shift report of {seen.site.site}",
            note(
                f"From {seen.local(since):%Y-%m-%d %H:%M} to {seen.local(until):%Y-%m-%d %H:%M}, {seen.site.timezone}. "
                f"The site is {seen.health.status}{f': {reasons}' if (reasons := amiss(seen.health)) else ''}."
            ),
            _grid(seen, int(asked)),
            name="head",
        ),
        _market(seen, int(asked)),
        _coming(seen),
        section(
            "What went wrong",
            alarm_table(seen, [one for one in alarms(seen, since) if one.at >= since], f"In the last {asked} hours"),
            _meters(seen),
            name="wrong",
        ),
        _notes(seen, since),
        section(
            "Handed over",
            Html(
                '<p class="signature">Notes: ________________________________________________</p>'
                '<p class="signature">Handed over by: ____________________ Taken over by: ____________________</p>'
            ),
            name="signature",
        ),
    )


def _notes(seen: Seen, since: datetime) -> Html:
    """What people noted in the span, and the form to note more."""
    if seen.actions is None:
        return section("Log", note("Nobody notes anything of a finished run."), name="log")
    rows = (
        (seen.local(one.at), one.by, "an alarm" if one.about else "", one.words)
        for one in seen.actions.shift.notes()
        if one.at >= since
    )
    fields = '<label>Note <input name="words" required maxlength="500" size="60"></label>'
    return section(
        "Log",
        table(
            "What people noted, newest first",
            ("at (local)", "by", "about", "note"),
            rows,
            "Nothing was noted.",
            seen.rows,
        ),
        acting("/dso/log", "note", fields, "Note it"),
        note("A note is kept with its author and the site's time, and is never changed; a correction is another note."),
        name="log",
    )


def _grid(seen: Seen, hours: int) -> Html:
    grid, since = seen.sources.grid, seen.until - timedelta(hours=hours)
    if grid is None:
        return note("The network is not known here, so no loading is reported.")
    loading, low, high, exported = [], [], [], 0.0
    for day in dict.fromkeys((seen.today.next(-1), seen.today)):
        found = grid_day(seen, grid, day)
        for isp in found.measured:
            if day.isp_start(isp + 1) >= since:
                loading.append(found.flow.loading_pct[isp])
                low.append(found.flow.voltage_pu[isp].min())
                high.append(found.flow.voltage_pu[isp].max())
                exported += found.flow.slack_w[isp] * day.isp_minutes / 60
    if not loading:
        return note("Nothing was metered in this span.")
    highest = np.max(loading, axis=0)
    over = int((np.array(loading) > grid.drawing.max_loading_pct).any(axis=1).sum())
    worst = int(np.argmax(highest))
    return figures(
        Figure("highest loading", float(highest[worst]), "%", "bad" if over else "good"),
        Figure("of", grid.drawing.branches[worst].name),
        Figure("ISPs above a limit", over, "", "bad" if over else "good"),
        Figure("lowest voltage", digits(min(low), 4), "pu"),
        Figure("highest voltage", digits(max(high), 4), "pu"),
        Figure("from the grid above", exported / 1000, "kWh"),
    )


def _market(seen: Seen, hours: int) -> Html:
    since = seen.until - timedelta(hours=hours)
    placed = [one for one in values(seen.store, OrderPlaced, since) if one.buyer == seen.site.dso]
    limited = [one for one in values(seen.store, FeedInLimited, since) if one.limit_w is not None]
    running = [
        (one, state)
        for one, state in orders_with_state(seen)
        if one.buyer == seen.site.dso and span_of(seen, one)[1] > since
    ]
    return section(
        "Flexibility",
        figures(
            Figure("orders placed", len(placed)),
            Figure("feed-in limits set", len(limited)),
            Figure("connections limited", len({one.usage_point for one in limited})),
        ),
        table(
            "Orders that ran, run or come",
            ("from (local)", "to", "seller", "point", "highest power, kW", "state"),
            (
                (
                    seen.local(span_of(seen, one)[0]),
                    seen.local(span_of(seen, one)[1]),
                    seen.name(one.seller),
                    seen.title(one.congestion_point),
                    kw(max((isp.power_w for isp in one.isps), key=abs)),
                    state,
                )
                for one, state in running
            ),
            "No order ran in this span, and none is to come.",
        ),
        name="flexibility",
    )


def _coming(seen: Seen) -> Html:
    told = [
        one
        for one in latest(seen.store, SafetyAnalysed, "congestion_point", "period", since=seen.today.start - AHEAD)
        if one.period >= seen.today.day
    ]
    limits = {one.congestion_point: one.limit_pct for one in seen.site.points}
    rows = (
        (
            one.period,
            seen.title(one.congestion_point),
            max(one.loading_pct),
            limits.get(one.congestion_point),
            sum(1 for need in one.need_w if need),
        )
        for one in told
    )
    return section(
        "What comes",
        table(
            "Expected",
            ("day", "point", "highest loading, %", "limit, %", "ISPs in need"),
            rows,
            "No analysis of today or later has been published.",
        ),
        table(
            "Works and faults",
            ("from (local)", "to (local)", "point", "effect", "state", "what"),
            (
                (
                    seen.local(one.begin),
                    None if one.end is None else seen.local(one.end),
                    seen.title(one.congestion_point),
                    "no supply" if one.carries_pct == 0 else f"carries {one.carries_pct} %",
                    one.state,
                    one.words,
                )
                for one in declared(seen)
                if one.state in ("declared", "running")
            ),
            "No works are declared, and no fault goes on.",
        ),
        name="coming",
    )


def _meters(seen: Seen) -> Html:
    fresh = freshness(seen)
    return join((late_words(seen, fresh), stale_words(fresh)))
