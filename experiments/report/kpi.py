"""The scenario's scores as a table; nothing where a run was asked for none."""

from __future__ import annotations

from experiments.report.data import RunData
from experiments.report.tables import table

_COLUMNS = (
    ("flexible", "flexible"),
    ("local_control", "local rules"),
    ("no_control", "no control"),
    ("perfect_foresight", "perfect foresight"),
)
_ROWS = (
    ("score", "score"),
    ("own_use_pct", "generation that served the site's own need, %"),
    ("used_here_pct", "generation not exported, %"),
    ("over_limit_kwh", "above limits, kVAh"),
    ("violations", "limits broken, (bus or branch, ISP)"),
    ("not_used_kwh", "sun and wind not used, kWh"),
    ("co2_kg", "CO2 of what was taken, kg"),
    ("bills_eur", "all members' bills"),
    ("dso_cost_eur", "the DSO's cost"),
    ("not_served_kwh", "not served in an outage, kWh"),
    ("promised_not_served_kwh", "of it promised, kWh"),
    ("served_pct", "outages served of those that could be, %"),
    ("energy_eur", "energy traded, with wear, less what is kept"),
    ("day_ahead_eur", "day-ahead"),
    ("intraday_eur", "intraday"),
    ("imbalance_eur", "imbalance"),
    ("balancing_eur", "balancing energy delivered, less premiums, with penalties"),
    ("wear_eur", "wear"),
    ("kept_eur", "worth of what is kept"),
    ("balancing_earned_eur", "premiums of balancing energy"),
    ("balancing_fined_eur", "penalties of balancing energy"),
    ("balancing_offered_kwh", "balancing energy offered as needed, kWh"),
    ("balancing_called_kwh", "of it called, kWh"),
    ("balancing_delivered_kwh", "of it delivered, kWh"),
    ("balancing_calls", "calls settled"),
    ("balancing_failed", "of them, less than half came"),
)


def section(data: RunData) -> str:
    """A row a figure, a column a way to run the day, and how much of the gap is closed."""
    kpi = data.summary.get("kpi")
    if not kpi:
        return ""
    closed = kpi["gap_closed"]
    said = (
        "no gap worth a share"
        if closed is None
        else f"{100 * closed:.0f} % of the gap from local rules to foresight closed"
    )
    rows = [
        (words, *(kpi[name][figure] for name, _ in _COLUMNS))
        for figure, words in _ROWS
        if kpi["flexible"].get(figure) is not None
    ]
    return table(f"Scenario {kpi['scenario']}: {said}", ("", *(words for _, words in _COLUMNS)), rows)
