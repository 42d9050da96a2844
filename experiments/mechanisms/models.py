"""The shapes of a comparison of mechanisms, as its JSON holds them; money in ten-thousandths of the currency unit."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from experiments.mechanisms.gaming import Game
from experiments.run.columns.models import Figures


class GameFigures(Figures):
    """What a game changed beside the same day and seed with everybody honest."""

    gain: int = Field(description="what it brought the player, all its costs counted")
    dso_extra: int = Field(description="what the DSO paid more")
    left_over_extra: int = Field(
        default=0,
        description="by how much more is left over between what is paid and got; negative: somebody who is not named brings "
        "as much of the gain, beside the DSO",
    )
    over_limit_extra_wh: int = Field(description="how much further the grid was above its limits")


class RunFigures(Figures):
    """One mechanism on one day with one seed."""

    mechanism: str
    day: date
    seed: int
    welfare: int = Field(
        description="what the relieved part of the need would have cost by the DSO's other means, less sellers' costs"
    )
    optimum: int = Field(description="the most that could be had, all costs known")
    dso_paid: int
    sellers_got: int
    surplus: int = Field(description="paid less got; negative where whoever clears has to add")
    sellers_profit: int = Field(description="got less what relief cost them")
    need_wh: int = Field(description="over points and ISPs; a point above counts what is needed below as well")
    relieved_wh: int = Field(description="the part of it that was sold")
    over_limit_before_wh: int = Field(description="by the power flow on what really came, nothing being sold")
    over_limit_wh: int = Field(description="the same with what was sold")
    messages: int
    clearings: int
    games: dict[Game, GameFigures]


class Mean(Figures):
    """A mean over runs, and the interval that holds it with 95 % (Student's t; one run has none)."""

    mean: float
    low: float | None
    high: float | None


class MechanismFigures(Figures):
    """One mechanism over all days and seeds."""

    budget: str
    truthful: str
    efficient: str
    individually_rational: bool
    procures: bool = Field(description="whether a DSO may choose it for a day's offers")
    source: str
    figures: dict[str, Mean]


class Comparison(Figures):
    """All mechanisms on one district's days and seeds."""

    schema_: Literal["iles.mechanisms/1"] = Field(alias="schema")
    site: str
    currency: str
    days: list[date]
    seeds: list[int]
    assumptions: dict[str, float]
    mechanisms: dict[str, MechanismFigures]
    runs: list[RunFigures]

    def json_text(self) -> str:
        """As it is written."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"
