"""What the DSO's wider safety analysis tried of a congestion point's day, beside what is expected."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from cim.platform.publications.grid import SafetyAnalysed, SafetyCaseFound
from cim.platform.publications.site import WatchedPoint
from portal.screens.markup import Cell, Html, Line, digits, mark, note, section, table
from portal.screens.seen import Seen


def cases_section(seen: Seen, point: WatchedPoint) -> Html:
    """The newest of each case of the day shown, those that break most first."""
    newest = {one.case: one for one in _of_day(seen) if one.congestion_point == point.congestion_point}
    told = list(newest.values())
    told.sort(key=lambda one: (-len(one.broken), -max(one.loading_pct)))
    analysed = max(
        (one.at for one in seen.of_day(SafetyAnalysed) if one.congestion_point == point.congestion_point), default=None
    )
    return section(
        "What if something is lost",
        table(
            f"Cases of {seen.day.key}, each in its worst ISP",
            (
                "case",
                "ISPs beyond a limit",
                "worst ISP from (local)",
                "branch",
                "loading, %",
                "node",
                "voltage, pu",
                "state",
            ),
            (_row(seen, one) for one in told),
            "The DSO tries its cases when prognoses for a day come; none has come for this one.",
            seen.rows and 12,
        ),
        note(_when(seen, told, analysed)),
        note(
            "10 % and 90 %: all forecasts at once at that quantile of their errors, the wide side. Power flows of the DSO's own "
            "network model with balanced phases; nobody is asked for anything because of this table."
        ),
        name="cases",
    )


def _of_day(seen: Seen) -> list[SafetyCaseFound]:
    """What was found of the day shown: cases are tried the day before and on the day, so no fortnight of them is gone through."""
    told = seen.store.told(SafetyCaseFound, seen.day.start - timedelta(days=2), seen.day.end, {"period": seen.day.day})
    return [one.publication for one in told]


def _when(seen: Seen, told: list[SafetyCaseFound], analysed: datetime | None) -> str:
    """When the cases were tried, and that what is expected is newer; nothing where there is none."""
    if not told:
        return ""
    tried = max(one.at for one in told)
    words = (
        f"Tried on what was foretold at {seen.local(tried):%Y-%m-%d %H:%M} (local); the DSO tries them every few hours."
    )
    if analysed is None or analysed <= tried:
        return words
    return f"{words} What is expected above is of {seen.local(analysed):%Y-%m-%d %H:%M}, so the two may differ."


def bands(seen: Seen, point: WatchedPoint) -> list[Line]:
    """The loading of a point's branch with all forecasts at their 10 % and 90 %, nothing being lost, as they were tried last.

    ISPs in which another branch was loaded more are gaps: of them no more is told.
    """
    found = []
    for quantile in ("10 %", "90 %"):
        told = [
            one
            for one in _of_day(seen)
            if one.congestion_point == point.congestion_point and one.case == f"nothing lost, {quantile}"
        ]
        if told and len(told[-1].loading_pct) == seen.day.count:
            last = told[-1]
            row = [
                loading if branch == point.branch else math.nan
                for branch, loading in zip(last.branch, last.loading_pct, strict=True)
            ]
            found.append(Line(f"forecasts at {quantile}, {seen.local(last.at):%d %b %H:%M}", row, "quiet"))
    return found


def _row(seen: Seen, one: SafetyCaseFound) -> tuple[Cell, ...]:
    worst = one.worst - 1
    return (
        seen.titled(one.case),
        len(one.broken),
        seen.local(seen.day.isp_start(worst + 1)),
        one.branch[worst],
        one.loading_pct[worst],
        one.node[worst],
        digits(one.voltage_pu[worst], 4),
        mark("beyond a limit", "bad") if one.broken else mark("within", "good"),
    )
