"""The columns of a run as a table: one row a figure, one column a way to run the same days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.report.tables import Amount, table

ROWS: dict[str, tuple[str, float]] = {  # a column's figure -> words, and what its value is divided by
    "violations": ("limits broken, (bus or branch, ISP)", 1),
    "over_limit_wh": ("above limits, each kVAh once, kVAh", 1000),
    "over_limit_at_points_wh": ("… each congestion point for itself, kVAh", 1000),
    "max_loading_pct": ("highest loading, quarter-hour mean, %", 1),
    "peak_loading_pct": ("highest over a control interval, %", 1),
    "generation_lost_wh": ("sun and wind not used, kWh", 1000),
    "curtailed_wh": ("… of it curtailed by the DSO's own right, kWh", 1000),
    "held_back_wh": ("… of it held back unasked, kWh", 1000),
    "held_back_worth": ("what that would have earned", 0),
    "chp_not_made_wh": ("CHP energy not made (beside sun and wind), kWh", 1000),
    "dso_cost": ("the DSO's cost", 0),
    "bills_sum": ("all members' bills", 0),
    "welfare": ("welfare: energy by tariff, wear, what is stored, warmth", 0),
    "stored_change_wh": ("batteries hold more at the end, kWh", 1000),
    "warmth_saves_wh": ("heat pumps draw less the day after, kWh", 1000),
    "unserved_ev_wh": ("vehicles left without, kWh", 1000),
    "comfort_kh": ("rooms away from their set temperature, K h", 1),
    "import_wh": ("taken from the grid, kWh", 1000),
    "export_wh": ("fed into the grid, kWh", 1000),
    "self_consumed_pct": ("generation used behind its connection, %", 1),
    "co2_kg": ("CO2 of what was taken, kg", 1),
}


def columns_table(caption: str, columns: Mapping[str, Mapping[str, Any]]) -> str:
    """All figures of all columns; money in the currency unit."""
    rows = [
        (words, *(_shown(figures[name], unit) for figures in columns.values()))
        for name, (words, unit) in ROWS.items()
        if all(name in figures for figures in columns.values())
    ]
    return table(caption, ("", *(str(name) for name in columns)), rows)


def _shown(value: float | None, unit: float) -> object:
    if value is None:
        return None
    return Amount(round(value)) if unit == 0 else value if unit == 1 else value / unit
