"""What is kept of a day that was judged by every scenario, and what all days come to."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from experiments.run.columns.models import Figures
from experiments.run.scenarios import Kpi
from experiments.run.settings import ScenarioName

SCHEMA: Literal["iles.scenarios/1"] = "iles.scenarios/1"


class JudgedDay(Figures):
    """One day with one seed, judged by some scenarios."""

    program: str = Field(description="digest of the site and the source it was run with")
    day: date
    seed: int
    kpis: dict[ScenarioName, Kpi]
    cpu_s: float


class DayGap(Figures):
    """Scores of a day by one scenario."""

    day: date
    no_control: float
    local_control: float
    flexible: float
    perfect_foresight: float
    counted: bool = Field(description="foresight is above local by more than a hundredth of local's score")
    closed: float | None = Field(description="(flexible - local) / (foresight - local); null where not counted")


class ScenarioVerdict(Figures):
    """A scenario over all days.

    A day on which the gap is not counted is left out of the sums and of the worst day, too.
    """

    days: tuple[DayGap, ...]
    counted: int
    gap: float = Field(description="foresight less local, summed over counted days, in the score's unit")
    closed: float | None = Field(
        description="flexible less local over the gap, both summed; null without a counted day"
    )
    closes_half: bool | None
    worst_day: date | None = Field(description="the counted day with the least share closed")
    worst_closed: float | None
    days_below: tuple[date, ...] = Field(
        description="counted days on which flexible is below local by more than a tenth of that day's gap"
    )


class ScenarioStudy(Figures):
    """All scenarios over all days."""

    schema_: Literal["iles.scenarios/1"] = Field(SCHEMA, alias="schema")
    site: str
    seed: int
    days: tuple[date, ...]
    scenarios: dict[ScenarioName, ScenarioVerdict]
    cpu_s: float

    def json_text(self) -> str:
        """As `scenarios.json` holds it."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"
