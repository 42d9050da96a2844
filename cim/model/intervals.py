"""The local calendar day cut into imbalance settlement periods (ISPs).

All instants are aware datetimes in UTC. A local calendar day has 92, 96 or 100 quarter-hours; ISPs are numbered
from 1 (Shapeshifter UFTP 3.1, "ISP"). A day is cut into ISPs only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from cim.model.errors import BadInput


@dataclass(frozen=True)
class LocalDay:
    """One local calendar day of a market: `day` in `timezone` (IANA name), cut into ISPs of `isp_minutes`."""

    day: date
    timezone: str
    isp_minutes: int = 15

    def __post_init__(self) -> None:
        if self.isp_minutes <= 0 or 60 % self.isp_minutes:
            raise BadInput(f"isp_minutes: {self.isp_minutes} does not divide an hour; expected for example 15 or 30")

    # What follows from the fields is worked out once: the same few days are asked thousands of times.

    @cached_property
    def key(self) -> str:
        """The day's date by ISO 8601: its name in states, timers and the ledger."""
        return self.day.isoformat()

    @cached_property
    def start(self) -> datetime:
        """Local midnight at which the day begins, in UTC."""
        return _midnight(self.day, self.timezone)

    @cached_property
    def end(self) -> datetime:
        """Local midnight at which the day ends, in UTC."""
        return _midnight(self.day + timedelta(days=1), self.timezone)

    @cached_property
    def isp(self) -> timedelta:
        """The length of one ISP."""
        return timedelta(minutes=self.isp_minutes)

    @cached_property
    def count(self) -> int:
        """How many ISPs the day has: 96 quarter-hours, but 92 or 100 when the clocks change."""
        return round((self.end - self.start) / self.isp)

    def isp_start(self, number: int) -> datetime:
        """The instant at which ISP `number` (1-based) begins; `count + 1` gives the end of the day."""
        if not 1 <= number <= self.count + 1:
            raise BadInput(f"isp: {number} is outside 1..{self.count} of {self.day}")
        return self.start + (number - 1) * self.isp

    def isp_of(self, instant: datetime) -> int:
        """The number of the ISP that contains `instant` (its start included, its end not)."""
        number = int((instant - self.start) / self.isp) + 1
        if instant < self.start or number > self.count:
            raise BadInput(f"instant: {instant.isoformat()} is not within {self.day} {self.timezone}")
        return number

    def next(self, days: int = 1) -> LocalDay:
        """The local day `days` later."""
        return LocalDay(self.day + timedelta(days=days), self.timezone, self.isp_minutes)

    def at(self, hour: int, minute: int = 0) -> datetime:
        """The instant of a local wall-clock time on this day, in UTC."""
        return datetime.combine(self.day, time(hour, minute), ZoneInfo(self.timezone)).astimezone(UTC)


@lru_cache(maxsize=4096)
def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(0), ZoneInfo(timezone)).astimezone(UTC)


def local_day_of(instant: datetime, timezone: str, isp_minutes: int = 15) -> LocalDay:
    """The local day that contains `instant`."""
    return LocalDay(instant.astimezone(ZoneInfo(timezone)).date(), timezone, isp_minutes)
