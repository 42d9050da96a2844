"""What parties and facilitator say to each other when two of them differ on what a day's orders are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from market.uftp import Metering


@wire("dispute.DisputeRaised")
@dataclass(frozen=True, slots=True)
class DisputeRaised:
    """A party tells the facilitator which orders of a day it differs on with the other, and its copies of the meter data.

    Attributes:
        period: the day.
        buyer, seller: domains.
        orders: references.
        meterings: all that its own sums stand on.
    """

    period: date
    buyer: str
    seller: str
    orders: tuple[str, ...]
    meterings: tuple[Metering, ...]


@wire("dispute.MeteringAsked")
@dataclass(frozen=True, slots=True)
class MeteringAsked:
    """The facilitator asks whoever reads a meter what it told of a day: connections by EAN, elements by name."""

    period: date
    eans: tuple[str, ...]


@wire("dispute.MeteringRepeated")
@dataclass(frozen=True, slots=True)
class MeteringRepeated:
    """The answer: what was told, unchanged."""

    period: date
    meterings: tuple[Metering, ...]


@wire("dispute.ArbitrationDecided")
@dataclass(frozen=True, slots=True)
class ArbitrationDecided:
    """The facilitator's decision: which meter data both settle by from now on, and why.

    Attributes:
        period, buyer, seller, orders: those of the dispute.
        meterings: the right data where the parties' copies differed; where there is none, people decide.
        reason: one sentence.
    """

    period: date
    buyer: str
    seller: str
    orders: tuple[str, ...]
    meterings: tuple[Metering, ...]
    reason: str
