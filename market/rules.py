"""What all parties of one market share: time zone, ISPs, currency, who is who."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache

from cim.codec.codec import wire
from cim.model.intervals import LocalDay, local_day_of

_NEVER = datetime.min.replace(tzinfo=UTC)


@wire("role.Control")
class Control(StrEnum):
    """How far a site's devices are steered: one column of a run's comparison each."""

    IDLE = "idle"
    """By nobody: batteries rest; physics alone, without agents."""
    LOCAL = "local"
    """By their owners' local rules alone; the DSO asks for nothing."""
    CURTAILMENT = "curtailment"
    """As local, and the DSO may limit a connection's feed-in."""
    MARKET = "market"
    """By the market; the DSO's own curtailment is the last resort."""


@wire("role.PlannedKeyChange")
@dataclass(frozen=True, slots=True)
class PlannedKeyChange:
    """A party's key is to be rotated by the party itself, or revoked by the ledger's keeper.

    Attributes:
        party: its domain.
        at: no earlier; a party rotates its key when no negotiation of its is open.
        replacement: 32-byte public key that stands for it from then on; empty: none does (only where it is revoked).
        reason: why it is revoked, in words; empty: it is rotated.
    """

    party: str
    at: datetime
    replacement: bytes
    reason: str = ""


@wire("role.MarketRules")
@dataclass(frozen=True)
class MarketRules:
    """What all parties of one market share.

    Attributes:
        timezone, isp_minutes, currency: market-wide (UFTP repeats them in each message).
        control_s: length of a control interval, seconds; divides the ISP.
        first_day, days: the local days that are operated.
        control: how far devices are steered; all but `MARKET` are for comparison.
        domains: internet domain by agent name.
        keys: public Ed25519 key by domain, as the ledger begins with; what is in force, an agent's identity knows.
        seed: identifiers derive from it; random and secret in a pilot.
        revision_hours: on its day a D-Prognosis is revised every so many hours.
        witnesses: agents that co-sign the ledger's heads.
        mechanism: by which the DSO pays the offers that it chooses; a name of `market.mechanisms.registry`.
        keeper: domain of the ledger's keeper, who may revoke a key.
        key_changes: which keys are rotated or revoked, and when.
        meter_company: the agent that reads the meters; empty where each owner tells its own to all.
        least_device_w: what a limit of consumption in an emergency leaves to each device, and to one rated lower its rating
            (in Germany 4,200: § 14a EnWG, BNetzA BK6-22-300); 0: nothing is stated.
    """

    timezone: str
    isp_minutes: int
    currency: str
    control_s: int
    first_day: date
    days: int
    control: Control
    domains: dict[str, str]
    keys: dict[str, bytes]
    seed: str
    revision_hours: int = 1
    witnesses: tuple[str, ...] = ()
    mechanism: str = "pay-as-bid"
    keeper: str = ""
    key_changes: tuple[PlannedKeyChange, ...] = ()
    meter_company: str = ""
    least_device_w: int = 0

    @property
    def flexibility(self) -> bool:
        """Whether flexibility is asked for and traded."""
        return self.control is Control.MARKET

    def name_of(self, domain: str) -> str | None:
        """The agent behind a domain, or None."""
        return self._names.get(domain)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {domain: name for name, domain in reversed(self.domains.items())}

    def day(self, period: date) -> LocalDay:
        """The local day of a period."""
        return _day(period, self.timezone, self.isp_minutes)

    def day_of(self, instant: datetime) -> LocalDay:
        """The local day that contains an instant."""
        return _day_of(instant, self.timezone, self.isp_minutes)

    @cached_property
    def interval(self) -> timedelta:
        """A control interval."""
        return timedelta(seconds=self.control_s)

    def interval_start(self, instant: datetime) -> datetime:
        """The last control-interval boundary at or before `instant`; intervals count from the local day's start."""
        start = self.day_of(instant).start
        return start + (instant - start) // self.interval * self.interval

    def boundary(self, instant: datetime) -> datetime:
        """The next control-interval boundary strictly after `instant`: where a periodic timer is armed again.

        However late a timer fires, what follows is on the grid that all agents share, also when the clocks change.
        """
        known, last = self._boundary
        if known is not instant:  # all agents of a host ask at the same instants, and mean the same object
            last = min(self.interval_start(instant) + self.interval, self.day_of(instant).end)
            self._boundary[:] = instant, last
        return last

    @cached_property
    def _boundary(self) -> list[datetime]:
        """The last instant that was asked for, and what followed it."""
        return [_NEVER, _NEVER]

    def patience(self, now: datetime) -> datetime:
        """Until when to wait for others' answers: a boundary, half to one and a half control intervals from now."""
        return self.boundary(now + self.interval / 2)

    @cached_property
    def hours(self) -> float:
        """Length of an ISP in hours."""
        return self.isp_minutes / 60

    @cached_property
    def periods(self) -> tuple[LocalDay, ...]:
        """All days that are operated."""
        return tuple(self.day(self.first_day).next(k) for k in range(self.days))


@lru_cache(maxsize=64)
def _day(period: date, timezone: str, isp_minutes: int) -> LocalDay:
    return LocalDay(period, timezone, isp_minutes)


@lru_cache(maxsize=256)
def _day_of(instant: datetime, timezone: str, isp_minutes: int) -> LocalDay:
    return local_day_of(instant, timezone, isp_minutes)
