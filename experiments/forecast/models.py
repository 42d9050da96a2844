"""The skill table as it is written: forecast.json."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Skill(_Model):
    """Of one series over all judged days; watts, shares of 0 to 1.

    Attributes:
        skill_pct: by how much the median's mean absolute error is below that of the better naive forecast.
        naive_1_day_mae_w: of the day before, wholly: more than is known at the hour of issue.
        naive_pinball_w: of the better naive forecast, taken for all three quantiles.
        coverage, below_10, above_90: of the quarter-hours in which anything was open; see `bands.scores`.
    """

    kind: str
    days: int
    mae_w: float
    naive_1_day_mae_w: float
    naive_7_days_mae_w: float
    skill_pct: float
    pinball_w: float
    naive_pinball_w: float
    coverage: float
    below_10: float
    above_90: float


class Flat(_Model):
    """Days, both included, on which a series stands still."""

    first: date
    last: date


class SkillTable(_Model):
    """What `iles forecast` found.

    Attributes:
        first, last: the judged days.
        series: by name; a series that never moves has none, but stands in `flat`.
        flat: by name, the days on which a series is dead; they are neither learned from nor judged.
    """

    site: str
    seed: int
    weather: bool
    issue_hour: int
    retrain_days: int
    first: date
    last: date
    better_on_all: bool
    series: dict[str, Skill]
    flat: dict[str, tuple[Flat, ...]]
