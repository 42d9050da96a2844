"""Changes of aggregator that owners ask for while a site lives: what is recorded of one, and why one cannot be.

Once agreed they stand beside those that the site file plans: `KnownSwitches` and `KnownDays` are a connection's switches and
a member's days as they are known now, for all that ask `aggregator_on`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import overload

from cim.codec.codec import wire
from market.register.providers import NOTICE_HOUR, ProviderSwitch, Served, ServedDays, aggregator_on

RECORD_KIND = "connection-switch"
_DAY = timedelta(days=1)

Agreed = Callable[[str], tuple[ProviderSwitch, ...]]
"""By usage point, the switches that were agreed while the site lives, in the order of their days."""


@wire("market.ConnectionSwitch")
@dataclass(frozen=True, slots=True)
class ConnectionSwitch:
    """An owner takes its connection to another aggregator: signed by the owner, countersigned by the CRO.

    Attributes:
        owner, to: domains.
        day: the first local day with the new one.
    """

    usage_point: str
    owner: str
    to: str
    day: date


@wire("market.ServedConnection")
@dataclass(frozen=True, slots=True)
class ServedConnection:
    """A connection in the CRO's register: whose it is (an agent), and who markets it by plan (see `Served`)."""

    usage_point: str
    owner: str
    aggregator: str
    switches: Sequence[ProviderSwitch] = ()


def switch_fault(
    connection: Served, to: str, day: date, *, aggregators: Collection[str], earliest: date, last: date
) -> str | None:
    """Why a connection cannot go over to an aggregator (an agent) on a local day, in words, or None.

    Args:
        aggregators: who it may go over to, agents.
        earliest: the first day for which there is still time to give notice.
        last: the last day that is operated.
    """
    others = ", ".join(sorted(name for name in aggregators if name != aggregator_on(connection, day)))
    if to not in aggregators:
        return f"to: {to}; expected another aggregator of this site: {others or 'there is none'}"
    if day < earliest:
        when = f"by {NOTICE_HOUR}:00 two days before"
        return f"day: {day}; notice is given {when}, expected {earliest} or later"
    if day > last:
        return f"day: {day}; expected {last} or earlier, the last day that is operated"
    later = next((switch for switch in connection.switches if switch.day >= day), None)
    if later is not None:
        return f"day: {day}; the connection goes over to {later.to} on {later.day}, expected a later day"
    if to == aggregator_on(connection, day):
        return f"to: {to}; it has the connection on {day}, expected another: {others or 'there is none'}"
    return None


def days_with_agreed(
    days: Sequence[ServedDays], switches: Sequence[ProviderSwitch], aggregator: str
) -> tuple[ServedDays, ...]:
    """An aggregator's planned days of a connection as later switches leave them: cut by each, and begun by those to it."""
    found = list(days)
    for switch in switches:
        if found and found[-1].last is None:
            found[-1] = ServedDays(found[-1].first, switch.day - _DAY)
        if switch.to == aggregator:
            found.append(ServedDays(switch.day, None))
    return tuple(found)


class KnownSwitches(Sequence[ProviderSwitch]):
    """A connection's switches: those that are planned, and then those that were agreed since, as they are known now."""

    def __init__(self, planned: Sequence[ProviderSwitch], usage_point: str, agreed: Agreed) -> None:
        self._planned, self._usage_point, self._agreed = tuple(planned), usage_point, agreed

    def _now(self) -> tuple[ProviderSwitch, ...]:
        agreed = self._agreed(self._usage_point)
        return (*self._planned, *agreed) if agreed else self._planned

    def __len__(self) -> int:
        """How many there are."""
        return len(self._now())

    def __iter__(self) -> Iterator[ProviderSwitch]:
        """In the order of their days."""
        return iter(self._now())

    @overload
    def __getitem__(self, index: int) -> ProviderSwitch: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ProviderSwitch]: ...
    def __getitem__(self, index: int | slice) -> ProviderSwitch | Sequence[ProviderSwitch]:
        """One of them, or some."""
        return self._now()[index]


class KnownDays(Sequence[ServedDays]):
    """The days on which an aggregator (an agent) markets a connection, as they are known now."""

    def __init__(self, planned: Sequence[ServedDays], usage_point: str, aggregator: str, agreed: Agreed) -> None:
        self._planned, self._usage_point, self._aggregator = tuple(planned), usage_point, aggregator
        self._agreed = agreed

    def _now(self) -> tuple[ServedDays, ...]:
        agreed = self._agreed(self._usage_point)
        return days_with_agreed(self._planned, agreed, self._aggregator) if agreed else self._planned

    def __len__(self) -> int:
        """How many spans there are."""
        return len(self._now())

    def __iter__(self) -> Iterator[ServedDays]:
        """In their order."""
        return iter(self._now())

    @overload
    def __getitem__(self, index: int) -> ServedDays: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ServedDays]: ...
    def __getitem__(self, index: int | slice) -> ServedDays | Sequence[ServedDays]:
        """One span, or some."""
        return self._now()[index]
