"""The weather service's PV forecast: the truth seen through an error that shrinks as the time comes nearer.

Where there is no weather service (a site on the wall clock) `SeasonalSun` says what the season usually gives.

ASSUMPTION, because SimBench ships no weather: what the profiles will show is the truth; a forecast adds an error that
is a sum of independent corrections, one for each hour between issue and target. So forecasts of the same target
improve from issue to issue, as a weather service's do, and cannot be averaged into the truth. The standard deviation
is 4 % one hour ahead and 10 % a day ahead, of the clear-sky envelope of that time of day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.profiles.library import QUARTER, Profiles
from environment.weather.forecast_error import HORIZON_HOURS, correction, most_around

_SIGMA_HOUR, _SIGMA_DAY = 0.04, 0.10
_LATER = float(np.sqrt((_SIGMA_DAY**2 - _SIGMA_HOUR**2) / 23))  # standard deviation of each further hour's correction
_SEASON_DAYS = 14


class WeatherFeed:
    """Forecasts of PV generation per unit of rated power.

    Args:
        profiles: hold the truth in columns named `PV...`.
        seed: what the error is drawn from; the same seed and issue time give the same forecast.
        timezone: IANA name of the site's time zone (a forecast's night follows the sun, so only labels need it).
    """

    def __init__(self, profiles: Profiles, seed: int, timezone: str) -> None:
        self.timezone = timezone
        self._profiles, self._seed = profiles, seed
        self._truth = _sun(profiles)
        self._envelope = most_around(self._truth)

    def truth(self, start: datetime, end: datetime) -> Floats:
        """What the sun will really give, per unit, one value for each quarter-hour; not for agents."""
        return self._truth[self._profiles.index(start) : self._profiles.index(end)]

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> Floats:
        """The forecast issued at `issued` for `start` to `end`, per unit, shape (quarter-hours,), never negative.

        Raises:
            BadInput: the span lies outside the profiles, before `issued`, or more than 72 hours ahead.
        """
        first, last = self._profiles.index(start), self._profiles.index(end)
        issue_hour = (issued - self._profiles.first) // timedelta(hours=1)
        if first < issue_hour * 4 or last > (issue_hour + HORIZON_HOURS) * 4:
            raise BadInput(
                f"forecast: {start.isoformat()} to {end.isoformat()} does not lie within {HORIZON_HOURS} hours "
                f"after its issue at {issued.isoformat()}"
            )
        error = np.zeros(last - first, dtype=np.float64)
        for hour in range(issue_hour, (last + 3) // 4):
            # Hour `hour` corrects every target in it or later; at the issue these corrections are still to come.
            begin = max(first, hour * 4)
            sigma = np.where(np.arange(begin, last) // 4 == hour, _SIGMA_HOUR, _LATER)
            error[begin - first :] += sigma * _correction(self._seed, hour)[begin - hour * 4 : last - hour * 4]
        forecast: Floats = np.clip(self._truth[first:last] + error * self._envelope[first:last], 0.0, 1.0)
        return forecast


def _correction(seed: int, hour: int) -> Floats:
    """The error field over the targets from `hour` on; hours before the profiles, for their first day, have seeds of their own."""
    return correction((seed, hour + 1) if hour >= -1 else (seed, 0, -hour))


class SeasonalSun:
    """What the sun usually gives at a time of day in a season: no forecast of the weather, and it says nothing of today.

    The mean over the days of the profile year that lie within two weeks of the date, at the same time UTC (the sun
    knows no clock change), so it is never better informed than an almanac.

    Args:
        profiles: a year, in columns named `PV...`.
    """

    def __init__(self, profiles: Profiles) -> None:
        self._origin = profiles.first.replace(hour=0, minute=0)
        lead = (profiles.first - self._origin) // QUARTER  # so that a row is a day in UTC
        truth = np.concatenate([np.full(lead, np.nan), _sun(profiles)])
        by_day = truth[: truth.size // 96 * 96].reshape(-1, 96)
        days = range(-_SEASON_DAYS, _SEASON_DAYS + 1)
        self._usual: Floats = np.nanmean([np.roll(by_day, shift, axis=0) for shift in days], axis=0)

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> Floats:  # noqa: ARG002 - as `WeatherFeed`
        """Per unit of rated power, shape (quarter-hours,), for any `start` to `end`, whole quarter-hours UTC."""
        instants = [start + k * QUARTER for k in range((end - start) // QUARTER)]
        return np.array([self._usual[self._row(at), at.hour * 4 + at.minute // 15] for at in instants])

    def _row(self, at: datetime) -> int:
        """The day of the profile year with the date of `at`."""
        leap_day = (at.month, at.day) == (2, 29)
        same = at.replace(year=self._origin.year + 1, day=28 if leap_day else at.day, hour=0, minute=0)
        return (same - self._origin).days % len(self._usual)


def _sun(profiles: Profiles) -> Floats:
    """The mean of all PV profiles."""
    columns = sorted(column for column in profiles.columns if column.startswith("PV"))
    if not columns:
        raise BadInput(f"profiles: {profiles.name!r} have no PV column; expected one named PV...")
    mean: Floats = np.mean([profiles.column(column) for column in columns], axis=0)
    return mean
