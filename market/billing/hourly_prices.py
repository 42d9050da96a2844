"""Hourly prices of a year (day-ahead), and which of them hold on a day of another year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Ints
from cim.model.intervals import LocalDay
from cim.model.like_date import like_date

_HOUR = timedelta(hours=1)


@wire("market.HourlyPrices")
@dataclass(frozen=True, eq=False)
class HourlyPrices:
    """Prices of the hours of at least a local year.

    Attributes:
        first: the instant at which the first hour begins, UTC: a local midnight.
        timezone: IANA name of the local day.
        e4_per_mwh: [hours] ten-thousandths of the currency unit per MWh; a price may be negative.
    """

    first: datetime
    timezone: str
    e4_per_mwh: Ints

    def of_day(self, day: LocalDay) -> Ints:
        """[T] the price in each ISP of a day: that of the same wall-clock hour of the day most like it.

        Most like is the day itself where the year holds it, else the same weekday with the nearest date. An hour that
        the like day lacks (clocks forward) has the price of the hour before; of one that it has twice, the first counts.

        Raises:
            BadInput: the prices cover less than a year.
        """
        zone, of_clock = ZoneInfo(self.timezone), self._of_clock(day.day)
        starts = (day.isp_start(k) for k in range(1, day.count + 1))
        return np.array([of_clock[start.astimezone(zone).hour] for start in starts], dtype=np.int64)

    def _of_clock(self, day: date) -> list[int]:
        """The prices of the 24 hours of a wall clock on the day most like `day`."""
        zone = ZoneInfo(self.timezone)
        end = (self.first + len(self.e4_per_mwh) * _HOUR).astimezone(zone).date()
        last = end - timedelta(days=1)  # of a day that has begun by then not all hours are known
        like = like_date(day, self.first.astimezone(zone).date(), last, "prices")
        hours = _wall_clock_hours(like, self.timezone)
        offset = (LocalDay(like, self.timezone).start - self.first) // _HOUR
        found: list[int] = []
        for hour in range(24):
            at = hours.index(hour) if hour in hours else hours.index(hour - 1)
            found.append(int(self.e4_per_mwh[offset + at]))
        return found


@lru_cache(maxsize=512)
def _wall_clock_hours(day: date, timezone: str) -> tuple[int, ...]:
    """Which hour of the clock each hour of a local day is; 23, 24 or 25 of them."""
    local, zone = LocalDay(day, timezone), ZoneInfo(timezone)
    return tuple((local.start + k * _HOUR).astimezone(zone).hour for k in range((local.end - local.start) // _HOUR))
