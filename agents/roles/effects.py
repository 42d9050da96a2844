"""What a role can want: effects, as data. The runtime carries them out and brings their outcomes back as events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cim.codec.codec import fields_of, tag_of_type, wire
from cim.model.devices import Setpoint
from cim.platform.publications.base import Publication
from market.ledger.records import Record


@wire("effect.Send")
@dataclass(slots=True)  # not frozen: that costs three times as much, and a host makes hundreds of thousands a second
class Send:
    """A message to another agent."""

    to: str
    message: Any


class Timer:
    """Base of what an agent is woken for: a frozen wire dataclass, equal to another one for the same occasion."""

    __slots__ = ()


@lru_cache(maxsize=4096)
def timer_order(timer: Timer) -> tuple[str, ...]:
    """In which order timers that are due at one instant fire: by the last word of their type's tag, then their fields."""
    kind = type(timer)
    return tag_of_type(kind).rpartition(".")[2], *(str(getattr(timer, name)) for name in fields_of(kind) or ())


@wire("effect.Arm")
@dataclass(frozen=True, slots=True)
class Arm:
    """Wake me at this instant. Arming an equal timer again moves it."""

    timer: Timer
    at: datetime


@wire("effect.Disarm")
@dataclass(frozen=True, slots=True)
class Disarm:
    """What this timer was to wake me for has happened; one that is not armed is none."""

    timer: Timer


@wire("effect.Poll")
@dataclass(frozen=True, slots=True)
class Poll:
    """Read my device now."""

    device: str


@wire("effect.Command")
@dataclass(frozen=True, slots=True)
class Command:
    """Ask my device for a setpoint that it drops by itself at `valid_until`. Never without an expiry."""

    device: str
    setpoint: Setpoint
    valid_until: datetime


@wire("effect.Release")
@dataclass(frozen=True, slots=True)
class Release:
    """Let my device run by its own rule."""

    device: str


@wire("effect.Publish")
@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the data platform."""

    publication: Publication


@wire("effect.Compute")
@dataclass(frozen=True, slots=True)
class Compute:
    """Heavy work, by name and arguments (`agents.planning.jobs`); its result comes back under the `reference`."""

    reference: object
    job: str
    arguments: tuple[Any, ...]


@wire("effect.Record")
@dataclass(frozen=True, slots=True)
class Append:
    """Make ledger records durable, all in one transaction; the outcome comes back under the `reference`."""

    reference: object
    records: tuple[Record, ...]


@wire("effect.CloseBlock")
@dataclass(frozen=True, slots=True)
class CloseBlock:
    """Close the ledger's open block for a settlement period."""

    number: int
    period_start: datetime
    period_end: datetime


@wire("effect.Cosign")
@dataclass(frozen=True, slots=True)
class Cosign:
    """Store a party's signature of a block's head."""

    number: int
    party: str
    signature: bytes


Effect = Send | Arm | Disarm | Poll | Command | Release | Publish | Compute | Append | CloseBlock | Cosign
