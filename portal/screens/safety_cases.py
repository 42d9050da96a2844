"""What the DSO's wider safety analysis tried of a congestion point's day, beside what is expected."""

from __future__ import annotations

from cim.platform.publications.grid import SafetyCaseFound
from cim.platform.publications.site import WatchedPoint
from cim.platform.store import latest
from portal.screens.markup import Cell, Html, digits, mark, note, section, table
from portal.screens.seen import Seen


def cases_section(seen: Seen, point: WatchedPoint) -> Html:
    """The newest of each case of the day shown, those that break most first."""
    told = [
        one
        for one in latest(seen.store, SafetyCaseFound, "congestion_point", "period", "case")
        if one.congestion_point == point.congestion_point and one.period == seen.day.day
    ]
    told.sort(key=lambda one: (-len(one.broken), -max(one.loading_pct)))
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
        note(
            "10 % and 90 %: all forecasts at once at that quantile of their errors, the wide side. Power flows of the DSO's own "
            "network model with balanced phases; nobody is asked for anything because of this table."
        ),
        name="cases",
    )


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
