"""The tables of each law, read from the YAML beside this file and checked."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

from cim.model.errors import BadInput

_FOLDER = Path(__file__).parent
Kind = Literal["eeg-local", "eeg-regional"]
Levels = Literal["6-7", "4-5"]
Source = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: date = Field(alias="from")
    source: Source


class GridFeeRow(_Row):
    """What is taken off the grid's energy charge from a day to another, both included, percent by kind and grid levels."""

    to: date
    pct: dict[Kind, dict[Levels, Annotated[int, Field(ge=0, le=100)]]]


class MostCommunities(_Row):
    """How many communities a metering point may be in, from a day on."""

    count: Annotated[int, Field(ge=1)]


class AustrianRules(BaseModel):
    """Austria's dated values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid_fee_reductions: tuple[GridFeeRow, ...]
    most_communities: tuple[MostCommunities, ...]


class SpanishLimits(_Row):
    """Limits from a day on."""

    compensation_up_to_w: Annotated[int, Field(gt=0)]
    months_between_agreements: Annotated[int, Field(gt=0)]


class Distances(_Row):
    """How far members may be from a plant, from a day on, metres."""

    general_m: int
    sun_and_wind_m: int
    sun_and_wind_up_to_w: int


class ExPost(BaseModel):
    """Since when coefficients may be made after the fact; None: not yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lawful_from: date | None


class SpanishRules(BaseModel):
    """Spain's dated values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[SpanishLimits, ...]
    distances: tuple[Distances, ...]
    ex_post_coefficients: ExPost


Row = TypeVar("Row", bound=_Row)


def row_on(rows: tuple[Row, ...], day: date, what: str) -> Row:
    """The row that holds on a day: the last that has begun.

    Raises:
        BadInput: none has.
    """
    held = [row for row in rows if row.from_ <= day]
    if not held:
        raise BadInput(f"{what} on {day}: not known; expected a day from {min(row.from_ for row in rows)} on")
    return max(held, key=lambda row: row.from_)


@lru_cache(maxsize=1)
def austrian_rules() -> AustrianRules:
    """Austria's tables."""
    return AustrianRules.model_validate(_read("austria"))


@lru_cache(maxsize=1)
def spanish_rules() -> SpanishRules:
    """Spain's tables."""
    return SpanishRules.model_validate(_read("spain"))


def _read(name: str) -> object:
    found: object = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found
