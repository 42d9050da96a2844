"""Numbers with their provenance: `{value: 5900, source: simbench}` or `{value: 500000, assumed: true}`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class Part(BaseModel):
    """Base of everything in a site file: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rating(Part):
    """A number with its provenance: exactly one of `source` (a key of the site's `sources`) and `assumed: true`."""

    value: float
    source: str | None = None
    assumed: Literal[True] | None = None

    @model_validator(mode="after")
    def _provenance(self) -> Rating:
        if (self.source is None) == (self.assumed is None):
            raise ValueError("expected exactly one of 'source: <key of sources>' and 'assumed: true'")
        return self


def _at_least_zero(rating: Rating) -> Rating:
    if rating.value < 0:
        raise ValueError("expected a value >= 0")
    return rating


def _above_zero(rating: Rating) -> Rating:
    if rating.value <= 0:
        raise ValueError("expected a value > 0")
    return rating


def _share(rating: Rating) -> Rating:
    if not 0 < rating.value <= 1:
        raise ValueError("expected a value above 0, at most 1")
    return rating


def _share_or_none(rating: Rating) -> Rating:
    if not 0 <= rating.value <= 1:
        raise ValueError("expected a value from 0 to 1")
    return rating


def _percent(rating: Rating) -> Rating:
    if not 0 <= rating.value < 100:
        raise ValueError("expected a value from 0 to below 100")
    return rating


def _whole(rating: Rating) -> Rating:
    if not rating.value.is_integer():
        raise ValueError("expected a whole number")
    return rating


def _hour(rating: Rating) -> Rating:
    if not (rating.value.is_integer() and 0 <= rating.value < 24):
        raise ValueError("expected a whole hour from 0 to 23")
    return rating


def _time_of_day(rating: Rating) -> Rating:
    if not 0 <= rating.value < 24:
        raise ValueError("expected a local hour from 0 to below 24")
    return rating


Positive = Annotated[Rating, AfterValidator(_above_zero)]
NotNegative = Annotated[Rating, AfterValidator(_at_least_zero)]
Share = Annotated[Rating, AfterValidator(_share)]
ShareOrNone = Annotated[Rating, AfterValidator(_share_or_none)]
Percent = Annotated[Rating, AfterValidator(_percent)]
WholeNotNegative = Annotated[NotNegative, AfterValidator(_whole)]
Count = Annotated[Positive, AfterValidator(_whole)]
Hour = Annotated[Rating, AfterValidator(_hour)]
TimeOfDay = Annotated[Rating, AfterValidator(_time_of_day)]
