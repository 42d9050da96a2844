"""Who markets a connection on a day: one aggregator at a time, and another from a local midnight on where its owner switches.

`aggregator_on` is the only answer to that. Who asks names the day that a prognosis, an order, a metering, a settlement or a
payment is about, never today: what is settled late belongs to who had the connection then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Protocol

from cim.codec.codec import wire

NOTICE_DAYS = 1  # of a member's contract on a site with switches: given two days before, it ends with the day before
NOTICE_HOUR = 18  # local, two days before: the aggregator that is left gives notice, and the CRO is told
SWITCH_HOUR = 8  # local, on the day before: the owner asks for the switch in the register; at 11:00 the day is forecast
AMENDING_HOUR = 10  # local, on the day before: the DSO's contracts follow the portfolios


@wire("market.ProviderSwitch")
@dataclass(frozen=True, slots=True)
class ProviderSwitch:
    """From a local day on, its 00:00, `to` (an agent's name) markets a connection."""

    day: date
    to: str


class Served(Protocol):
    """A connection that knows its aggregator before any switch (an agent's name), and its switches by day."""

    @property
    def aggregator(self) -> str:
        """Who markets it before its first switch."""

    @property
    def switches(self) -> Sequence[ProviderSwitch]:
        """In the order of their days, none to who has it already."""


@wire("market.ServedDays")
class ServedDays(NamedTuple):
    """Local days from `first` to `last`, both included; None: without an end on that side."""

    first: date | None = None
    last: date | None = None

    def has(self, day: date) -> bool:
        """Whether a day is one of them."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


ALWAYS = (ServedDays(),)


def aggregator_on(connection: Served, day: date) -> str:
    """The agent that markets a connection on a local day."""
    found = connection.aggregator
    for switch in connection.switches:
        if switch.day <= day:
            found = switch.to
    return found


def aggregators_between(connection: Served, first: date, last: date) -> tuple[str, ...]:
    """All that market a connection on any day from `first` to `last`, in their order, each once."""
    later = (switch.to for switch in connection.switches if first < switch.day <= last)
    return tuple(dict.fromkeys((aggregator_on(connection, first), *later)))


def aggregators_of(connection: Served) -> tuple[str, ...]:
    """All that ever market a connection, in their order, each once."""
    return aggregators_between(connection, date.min, date.max)


def days_with(connection: Served, aggregator: str) -> tuple[ServedDays, ...]:
    """The days on which an aggregator markets a connection, in their order; none where it never does."""
    begins = (None, *(switch.day for switch in connection.switches))
    ends = (*(switch.day - timedelta(days=1) for switch in connection.switches), None)
    holders = (connection.aggregator, *(switch.to for switch in connection.switches))
    return tuple(
        ServedDays(first, last)
        for holder, first, last in zip(holders, begins, ends, strict=True)
        if holder == aggregator
    )
