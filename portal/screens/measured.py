"""What meters measured on a local day, ISP by ISP, from the readings table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from cim.platform.readings.files import Place
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.windows import Window

_FRESH_S = 1.0
_DAYS = 16
_QUARTER = timedelta(minutes=15)
WEEK = timedelta(days=7)
_OLDEST = timedelta(days=400)
_LAST = (
    "SELECT meter, any_value(usage_point) AS usage_point, max(begin) FILTER (quality = 'GOOD') AS last, "
    "count(*) FILTER (quality = 'GOOD') / count(*) AS good FROM readings GROUP BY meter ORDER BY meter"
)
_COUNTERS = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
_INSTANTS = (Kind.POWER, Kind.REACTIVE_POWER)


@dataclass(frozen=True)
class DayMeasured:
    """A local day of [ISPs] rows; NaN where nothing was measured.

    Attributes:
        net_w: by meter with counters, mean net power from what its counters advanced, + = consumption.
        power_w: by meter or device, mean of the power it showed.
        reactive_var: likewise.
        until: up to when all that could be known was read; UTC.
    """

    net_w: Mapping[str, Floats]
    power_w: Mapping[str, Floats]
    reactive_var: Mapping[str, Floats]
    until: datetime


@dataclass(frozen=True, slots=True)
class LastReading:
    """A meter's or device's last good reading (UTC; None: there is none), and the share of the last week's that is good."""

    meter: str
    usage_point: str
    at: datetime | None
    good: float


class Measured:
    """Days of a readings table; the newest are kept, one that is over for good, another for a second.

    Args:
        place: of the table; nothing is measured while it is not there.
    """

    def __init__(self, place: Place | Path) -> None:
        self._place = Place.of(place)
        self._queries: ReadingQueries | None = None
        self._kept: dict[LocalDay, tuple[float, DayMeasured]] = {}
        self._worked: dict[tuple[str, LocalDay], tuple[DayMeasured, object]] = {}
        self._met: dict[str, LastReading] = {}
        self._nowhere: set[str] = set()  # who should be there, and was never met
        self._lock = Lock()

    def day(self, day: LocalDay, now: datetime) -> DayMeasured:
        """What is known of a day at an instant."""
        with self._lock:
            kept = self._kept.get(day)
            if kept is not None and (kept[1].until >= day.end or monotonic() < kept[0] + _FRESH_S):
                return kept[1]
            found = self._read(day, now)
            self._kept[day] = (monotonic(), found)
            while len(self._kept) > _DAYS:
                del self._kept[next(iter(self._kept))]
            return found

    def once(self, what: str, day: LocalDay, seen: DayMeasured, work: Callable[[], object]) -> object:
        """The result of work on a day's measurements, kept while they are the same."""
        key = (what, day)
        kept = self._worked.get(key)
        if kept is None or kept[0] is not seen:
            kept = (seen, work())
            self._worked[key] = kept
            while len(self._worked) > _DAYS:
                self._worked.pop(next(iter(self._worked)), None)
        return kept[1]

    def last(self, now: datetime, expected: Collection[str] = ()) -> list[LastReading]:
        """Each meter or device with its last good reading, and how good those of the last week are; by name.

        A year of readings is not gone through: the last week is, and longer spans before it only for those who should be there
        (`expected`) and were not met yet. What was met stays known.
        """
        with self._lock:
            queries = self._open()
            if queries is None:
                return []
            begin, told = now - WEEK, dict[str, LastReading]()
            for row in queries.run(_LAST, {}, Selection(begin=begin)).to_pylist():
                told[row["meter"]] = LastReading(row["meter"], row["usage_point"], row["last"], row["good"])
            span = WEEK
            sought = {*expected} - told.keys() - self._nowhere
            while begin > now - _OLDEST and sought - self._met.keys():
                span, end = span * 4, begin
                begin = max(end - span, now - _OLDEST)
                for row in queries.run(_LAST, {}, Selection(begin=begin, end=end)).to_pylist():
                    one = LastReading(row["meter"], row["usage_point"], row["last"], 0.0)
                    self._met.setdefault(one.meter, one)
            self._nowhere |= sought - self._met.keys()
            for one in told.values():
                if one.at is not None:
                    self._met[one.meter] = one
            silent = (
                LastReading(name, one.usage_point, one.at, 0.0)
                for name, one in self._met.items()
                if name not in told or told[name].at is None
            )
            told |= {one.meter: one for one in silent}
        return sorted(told.values(), key=lambda one: one.meter)

    def _open(self) -> ReadingQueries | None:
        if self._queries is None and self._place.exists():
            self._queries = ReadingQueries(self._place)
        return self._queries

    def _read(self, day: LocalDay, now: datetime) -> DayMeasured:
        queries, zone = self._open(), ZoneInfo(day.timezone)
        if queries is None:
            return DayMeasured({}, {}, {}, now)
        wanted = [kind.reading_type for kind in (*_COUNTERS, *_INSTANTS)]
        selection = Selection(reading_types=wanted, begin=day.start, end=day.end + _QUARTER)
        found = queries.aggregates(selection, Window.QUARTER_HOUR, zone, ("meter",)).to_pydict()
        quarters = round((day.end - day.start) / _QUARTER) + 1  # the first of the next day ends the last counter
        rows: dict[tuple[str, str], Floats] = {}
        for meter, code, begin, low, mean in zip(
            found["meter"], found["reading_type"], found["begin"], found["min"], found["mean"], strict=True
        ):
            row = rows.setdefault((code, meter), np.full(quarters, np.nan))
            counter = code in {kind.reading_type for kind in _COUNTERS}
            value = low if counter else mean
            row[round((begin - day.start) / _QUARTER)] = np.nan if value is None else value
        per_isp = day.isp_minutes // 15 if day.isp_minutes >= 15 else 1
        net = {
            meter: _isps(
                4 * np.diff(row - rows.get((Kind.ENERGY_EXPORT.reading_type, meter), np.zeros(quarters))), per_isp
            )
            for (code, meter), row in rows.items()
            if code == Kind.ENERGY_IMPORT.reading_type
        }
        power, reactive = (
            {meter: _isps(row[:-1], per_isp) for (code, meter), row in rows.items() if code == kind.reading_type}
            for kind in _INSTANTS
        )
        return DayMeasured(net, power, reactive, now)


def _isps(quarters: Floats, per_isp: int) -> Floats:
    """Quarter-hours as ISPs of one or several of them."""
    return quarters if per_isp == 1 else quarters.reshape(-1, per_isp).mean(axis=1)
