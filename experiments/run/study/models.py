"""What a study keeps of a run, and what it comes down to."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from experiments.run.columns.column import ColumnName
from experiments.run.columns.models import (
    BillFigures,
    ColumnFigures,
    Figures,
    MadeWhole,
    Relief,
    SettledAndTrue,
    Undelivered,
)
from experiments.run.dispatch.figures import Dispatch

SCHEMA: Literal["iles.study/1"] = "iles.study/1"


class StudyRun(Figures):
    """One day with one seed."""

    program: str = Field(description="digest of the site and the source it was run with")
    day: date
    seed: int
    columns: dict[ColumnName, ColumnFigures] = Field(description="`market` and `local`; all with the first seed")
    ordered_wh: int
    delivered_wh: int
    deficiency_wh: int
    undelivered: Undelivered | None = None
    orders: int
    disputes: int
    bills: dict[str, BillFigures]
    made_whole: MadeWhole
    settled_vs_true: dict[str, SettledAndTrue]
    relief: Relief
    dispatch: Dispatch | None = None
    cpu_s: float


class Quantiles(Figures):
    """A figure over runs."""

    lowest: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    highest: float
    mean: float


class Check(Figures):
    """Something a DSO would want of a market, and whether all runs together hold it."""

    words: str
    value: float
    wanted: float = Field(description="at least, where `least`, else at most")
    least: bool
    held: bool


class Study(Figures):
    """All runs. Energies in watt-hours, money in ten-thousandths of the currency unit."""

    schema_: Literal["iles.study/1"] = Field(SCHEMA, alias="schema")
    site: str
    days: list[date]
    seeds: list[int]
    runs: int
    without_violations: float = Field(description="share of the runs in which the market leaves no limit broken")
    checks: list[Check]
    figures: dict[str, Quantiles] = Field(description="over all runs")
    by_day: dict[date, dict[str, Quantiles]]
    columns: dict[date, dict[ColumnName, ColumnFigures]] = Field(description="of the first seed")
    cpu_s: float

    def json_text(self) -> str:
        """As `study.json` holds it."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"
