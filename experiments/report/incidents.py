"""Section 6: what went wrong, and what it did to the money."""

from __future__ import annotations

from experiments.report.data import RunData
from experiments.report.tables import money, number, table
from experiments.run.incidents.reader import incidents_of

_WORDS = (
    "Read from what agents published. What is not metered is neither paid nor fined; what happened to one and the same several "
    "times is one row, with the first time and its words."
)


def section(data: RunData) -> str:
    """A row for each incident, and what all of them did to the money."""
    found = incidents_of(data.result.store, data.result.site_agents.rules, data.result.site.dso.domain)
    rows = [(data.time.local(one.at), str(one.kind), one.who, one.what, one.times, one.money) for one in found]
    head = ("first at", "what", "who", "how", "times", "what it did to the money")
    shown = table("What went wrong", head, rows)
    if not rows:
        return shown
    neither, paid = sum(one.neither_wh for one in found), sum(one.paid_e4 for one in found)
    said = (
        f"{number(neither / 1000)} kWh that the DSO had ordered are neither paid nor fined, because meters were incomplete. "
        f"The DSO paid {money(paid)} {data.result.site.currency} for what it limited itself."
    )
    return f"<p class=note>{_WORDS} {said}</p>{shown}"
