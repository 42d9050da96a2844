"""What every class of the Common Information Model stands on: frozen values that name each other by identifier.

The classes keep their IEC names, and their attributes the IEC names in Python's spelling (`rated_u` is `ratedU`). Which
class declares an attribute is as in the standard, since files say so (`IdentifiedObject.name`, `TransformerEnd.endNumber`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a text as the identifier (mRID) of another object."""


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("expected an instant with its offset from UTC")
    return instant.astimezone(UTC)


Identifier = Annotated[str, Field(min_length=1, max_length=200)]
Ref = Annotated[Identifier, Refers()]
Instant = Annotated[datetime, AfterValidator(_utc)]


class CimValue(BaseModel):
    """Base of all classes of the model: frozen, finite, and no attribute that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NameType(CimValue):
    """What kind of name a `Name` is (IEC 61970-301)."""

    name: str


class Name(CimValue):
    """Another name of an object, of a kind that is said; also where a value goes that the model has no attribute for."""

    name: str
    name_type: NameType


class IdentifiedObject(CimValue):
    """Anything that has an identity (IEC 61970-301): `m_rid` is its mRID, unique in its model."""

    m_rid: Identifier
    name: str | None = None
    description: str | None = None


class PowerSystemResource(IdentifiedObject):
    """What a power system is made of."""


class DateTimeInterval(CimValue):
    """From `start` (included) to `end` (not included), UTC (IEC 61968, Domain)."""

    start: Instant
    end: Instant
