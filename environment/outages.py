"""Outages of mains: the chance that one begins in a quarter-hour, and outages drawn by it, for calibration or for judging.

ASSUMPTIONS beside the site file's (SAIDI is published, SAIFI mostly is not): unplanned outages come independently of each
other; the share that is due to weather comes `storm_times` as often in the thunderstorm hours of the season as else, the
rest at any time alike; planned works begin on working days in working hours; durations are lognormal about the mean
CAIDI = SAIDI / SAIFI. Where something better than the season is known of the weather, `storm` says how much likelier an
outage by weather is in each quarter-hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.profiles.library import QUARTER, QUARTER_S
from environment.sites.islanding import Interruptions, OutageStatistics

_QUARTERS_A_YEAR = 35_040
_SHORTEST_S = 60.0


class Cause(StrEnum):
    """Why supply is interrupted."""

    OWN = "own"  # equipment, third parties: at any time
    WEATHER = "weather"
    PLANNED = "planned"  # works, announced before


class Purpose(StrEnum):
    """What drawn outages are for; no two purposes share a draw."""

    CALIBRATION = "calibration"
    JUDGING = "judging"


@dataclass(frozen=True, slots=True)
class Outage:
    """One interruption.

    Attributes:
        start: UTC.
        seconds: how long mains are away.
        chp_ready: whether the CHP plant runs when it begins.
    """

    start: datetime
    seconds: float
    cause: Cause
    chp_ready: bool = True

    @property
    def end(self) -> datetime:
        """When mains are back."""
        return self.start + timedelta(seconds=self.seconds)


def outage_chances(
    statistics: OutageStatistics, first: datetime, count: int, timezone: str, storm: Floats | None = None
) -> dict[Cause, Floats]:
    """By cause: the chance that an outage begins in each quarter-hour from `first` (UTC) on, each of shape (count,).

    A year of them sums to `events_per_year`; announced works are in `PLANNED` with 1 in the quarter-hour they begin in.

    Args:
        storm: relative likelihood of outages by weather; by the season and hour otherwise.

    Raises:
        BadInput: `storm` has another shape, or announced works are no times.
    """
    local = _local(first, count, timezone)
    if storm is None:
        season = (local[:, 0] >= statistics.storm_first_month.value) & (
            local[:, 0] <= statistics.storm_last_month.value
        )
        hours = (local[:, 2] >= statistics.storm_from_hour.value) & (local[:, 2] < statistics.storm_to_hour.value)
        storm = np.where(season & hours, statistics.storm_times.value, 1.0)
    elif storm.shape != (count,):
        raise BadInput(f"storm: shape {storm.shape}; expected ({count},), a value for each quarter-hour")
    working = (local[:, 1] < 5) & (local[:, 2] >= statistics.works_from_hour.value)
    working &= local[:, 2] < statistics.works_to_hour.value
    unplanned = statistics.unplanned.events_per_year.value
    planned = _spread(working.astype(np.float64), statistics.planned.events_per_year.value)
    for begins, _ in announced_works(statistics, timezone):
        at = (begins - first) // QUARTER
        if 0 <= at < count:
            planned[at] = 1.0
    return {
        Cause.OWN: _spread(np.ones(count), unplanned * (1 - statistics.weather_share.value)),
        Cause.WEATHER: _spread(storm.astype(np.float64), unplanned * statistics.weather_share.value),
        Cause.PLANNED: planned,
    }


def islanding_chance(chances: dict[Cause, Floats]) -> Floats:
    """The chance that mains fail in each quarter-hour, whatever the cause; shape (count,)."""
    spared: Floats = np.prod([1.0 - chance for chance in chances.values()], axis=0)
    return np.asarray(1.0 - spared, dtype=np.float64)


def announced_works(statistics: OutageStatistics, timezone: str) -> list[tuple[datetime, datetime]]:
    """Begin and end (with the site's zone) of the works in the site file.

    Raises:
        BadInput: one is no time, or ends before it begins.
    """
    zone, found = ZoneInfo(timezone), []
    for index, works in enumerate(statistics.works):
        try:
            begins, ends = (datetime.fromisoformat(text).replace(tzinfo=zone) for text in (works.begins, works.ends))
        except ValueError:
            said = f"{works.begins} to {works.ends}"
            raise BadInput(f"outages.works[{index}]: {said}; expected local times YYYY-MM-DDTHH:MM") from None
        if ends <= begins:
            raise BadInput(f"outages.works[{index}]: ends {works.ends}; expected later than {works.begins}")
        found.append((begins, ends))
    return found


def duration_shares(statistics: OutageStatistics, shares: int = 24) -> dict[Cause, Floats]:
    """By cause: durations in seconds that stand for equal shares of its outages, ascending, shape (shares,)."""
    from scipy.special import ndtri

    middles = ndtri((np.arange(shares) + 0.5) / shares)
    longest_s = 3600.0 * statistics.longest_h.value
    found = {}
    for cause in Cause:
        kind = _interruptions(statistics, cause)
        found[cause] = np.clip(_median_s(kind) * np.exp(kind.spread.value * middles), _SHORTEST_S, longest_s)
    return found


def draw_outages(
    statistics: OutageStatistics,
    *,
    first: datetime,
    chances: dict[Cause, Floats],
    number: int,
    seed: int,
    purpose: Purpose,
    chp_available: float = 1.0,
) -> tuple[Outage, ...]:
    """`number` outages that begin in the quarter-hours of `chances` (from `first` on), in the order of their draw.

    The same seed and purpose give the same outages; the two purposes never draw from one stream.
    """
    rng = np.random.default_rng([seed, list(Purpose).index(purpose)])
    causes = list(Cause)
    table = np.stack([chances[cause] for cause in causes])
    picks = rng.choice(table.size, size=number, p=(table / table.sum()).ravel())
    offsets, normals, luck = rng.random(number), rng.standard_normal(number), rng.random(number)
    longest_s, found = 3600.0 * statistics.longest_h.value, []
    for pick, offset, normal, lucky in zip(picks, offsets, normals, luck, strict=True):
        row, quarter = divmod(int(pick), table.shape[1])
        kind = _interruptions(statistics, causes[row])
        seconds = min(max(_median_s(kind) * float(np.exp(kind.spread.value * normal)), _SHORTEST_S), longest_s)
        start = first + quarter * QUARTER + timedelta(seconds=int(offset * QUARTER_S))
        found.append(Outage(start, float(round(seconds)), causes[row], bool(lucky < chp_available)))
    return tuple(found)


def _interruptions(statistics: OutageStatistics, cause: Cause) -> Interruptions:
    return statistics.planned if cause is Cause.PLANNED else statistics.unplanned


def _median_s(kind: Interruptions) -> float:
    """Of a lognormal with that mean and spread."""
    return kind.mean_s * float(np.exp(-0.5 * kind.spread.value**2))


def _spread(weights: Floats, events_per_year: float) -> Floats:
    """`events_per_year` over the quarter-hours of a year, by weight."""
    total = float(weights.sum())
    expected = events_per_year * weights.size / _QUARTERS_A_YEAR
    return weights * (expected / total) if total else np.zeros_like(weights)


def _local(first: datetime, count: int, timezone: str) -> Floats:
    """[count, 3] month, weekday (0 = Monday) and hour with its fraction, local."""
    zone = ZoneInfo(timezone)
    rows = np.empty((count, 3))
    for index in range(count):
        at = (first + index * QUARTER).astimezone(zone)
        rows[index] = at.month, at.weekday(), at.hour + at.minute / 60
    return rows
