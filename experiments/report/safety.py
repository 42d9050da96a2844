"""Of section 3: what the DSO's wider safety analysis found: quantiles of the forecasts, and something lost beside each."""

from __future__ import annotations

from datetime import date

from cim.platform.publications.grid import SafetyCaseFound
from experiments.report.data import RunData
from experiments.report.tables import table

_WORDS = (
    "Power flows of the DSO's own model on its expectations, not on what really happened: with forecasts' quantiles (all at "
    "once), after the loss of the largest flexible unit, of the largest connection's meter and of communication, and over a "
    "normally open line where the site has one that supplies everybody. Phases are balanced: the grid data has none."
)


def section(data: RunData) -> str:
    """A row for each day, congestion point and case, as last looked at, in its worst ISP."""
    newest: dict[tuple[date, str, str], SafetyCaseFound] = {}
    for told in data.values(SafetyCaseFound):
        newest[told.period, told.congestion_point, told.case] = told
    days = {day.day: day for day in data.time.days}
    rows = []
    for told in newest.values():
        if told.period not in days:
            continue
        worst = told.worst - 1
        rows.append(
            (
                data.point_titles.get(told.congestion_point, told.congestion_point),
                told.case,
                len(told.broken),
                data.time.local(days[told.period].isp_start(worst + 1)),
                told.branch[worst],
                told.loading_pct[worst],
                told.node[worst],
                f"{told.voltage_pu[worst]:.4f}",
            )
        )
    head = (
        "congestion point",
        "case",
        "ISPs beyond a limit",
        "worst ISP from",
        "branch",
        "loading, %",
        "node",
        "voltage, pu",
    )
    return f"<p class=note>{_WORDS}</p>" + table("Safety analysis of what may be lost", head, rows)
