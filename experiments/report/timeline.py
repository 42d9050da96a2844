"""The time axis of all figures: ISPs of the whole span, gathered into larger buckets when there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay

_BUCKETS = ((4, 1), (31, 4), (10_000, 96))  # up to so many days -> so many quarter-hours in a bucket


@dataclass(frozen=True)
class Timeline:
    """All ISPs of the operated days in one row.

    Attributes:
        days: the local days, without gaps.
    """

    days: tuple[LocalDay, ...]

    @property
    def count(self) -> int:
        """How many ISPs there are."""
        return sum(day.count for day in self.days)

    @property
    def hours(self) -> float:
        """Length of an ISP."""
        return self.days[0].isp_minutes / 60

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.days[0].timezone)

    def offset(self, period: date) -> int:
        """Index of a day's first ISP; -1 for a day that is not operated."""
        reached = 0
        for day in self.days:
            if day.day == period:
                return reached
            reached += day.count
        return -1

    def place(self, index: int) -> tuple[LocalDay, int]:
        """Day and ISP number (1-based) of an index from 0."""
        for day in self.days:
            if index < day.count:
                return day, index + 1
            index -= day.count
        raise IndexError(index)

    def instant(self, index: int) -> datetime:
        """When ISP `index` (from 0) begins, UTC."""
        return self.days[0].start + index * self.days[0].isp

    def local(self, instant: datetime) -> str:
        """An instant as the site's people say it."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    @property
    def bucket(self) -> int:
        """How many ISPs a point of a figure stands for: long runs are gathered, never cut."""
        quarters = next(size for days, size in _BUCKETS if len(self.days) <= days)
        return max(1, quarters * 15 // self.days[0].isp_minutes)

    @property
    def bucket_name(self) -> str:
        """What a point of a figure stands for, in words."""
        minutes = self.bucket * self.days[0].isp_minutes
        return {60: "hour", 1440: "24 hours"}.get(minutes, f"{minutes} min")

    @property
    def width_ms(self) -> float:
        """A bucket's width in plotly's unit of a date axis, milliseconds."""
        return self.bucket * self.hours * 3.6e6

    def gather(self, values: Sequence[float] | Floats, how: str = "mean") -> Floats:
        """[ISPs] -> [buckets] by `mean`, `max`, `min` or `sum`; the last bucket may be shorter."""
        row = np.asarray(values, dtype=np.float64)
        step = getattr(np, how)
        return np.array([step(row[k : k + self.bucket]) for k in range(0, len(row), self.bucket)])

    @property
    def steady(self) -> bool:
        """Whether the clocks do not change within the span."""
        first, last = (at.astimezone(self.zone).utcoffset() for at in (self.days[0].start, self.days[-1].end))
        return first == last

    def shown(self, instant: datetime) -> datetime:
        """An instant on the axis: local time by the clock of the first instant, so that it never runs backwards."""
        offset = self.days[0].start.astimezone(self.zone).utcoffset() or timedelta(0)
        return (instant.astimezone(UTC) + offset).replace(tzinfo=None)

    def starts(self, closed: bool = False) -> list[datetime]:
        """Each bucket's start on the axis; `closed` adds the end, for lines drawn as steps."""
        found = [self.shown(self.instant(k)) for k in range(0, self.count, self.bucket)]
        return [*found, self.shown(self.days[-1].end)] if closed else found

    def axis(self) -> dict[str, Any]:
        """The layout of an x axis: title, range, and true local ticks where the clocks change within the span."""
        first = self.days[0].start.astimezone(self.zone)
        title = f"local time ({self.days[0].timezone})"
        layout: dict[str, Any] = {"range": [self.shown(first), self.shown(self.days[-1].end)], "type": "date"}
        if self.steady:
            return {**layout, "title": title}
        step = 6 if len(self.days) <= 3 else 24
        ticks = [day.at(hour) for day in self.days for hour in range(0, 24, step)]
        ticks = ticks[:: max(1, len(ticks) // 16)]
        words = [at.astimezone(self.zone).strftime("%d %b<br>%H:%M") for at in ticks]
        hint = f"; pointer shows UTC{first.strftime('%z')}"
        return {**layout, "title": title + hint, "tickvals": [self.shown(at) for at in ticks], "ticktext": words}


def closed(values: Floats) -> Floats:
    """The last value again, for a step line that ends with the span."""
    return np.append(values, values[-1:])
