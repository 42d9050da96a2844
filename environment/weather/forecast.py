"""What a weather service tells of a packed weather year: the truth seen through an error that shrinks as the time comes nearer.

ASSUMPTION, because no forecasts of the packed years exist: an error is a sum of independent corrections, one for each hour
between issue and target, as in `environment.weather_model`. So forecasts of the same target improve from issue to issue, errors
of neighbouring quarter-hours are alike, and averaging forecasts does not give the truth. Errors of light, temperature and wind
are independent of one another. Their standard deviations (an hour ahead, a day ahead), all assumed:

- global irradiance: 4 and 10 % of the most that time of day gave within ten days; beam and diffuse in proportion;
- temperature of the air: 0.5 and 1.8 K;
- wind: 0.5 and 1.4 m/s, never below calm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.profiles.library import QUARTER
from environment.weather.forecast_error import HORIZON_HOURS, correction, most_around
from environment.weather.pack import WeatherYear

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Accuracy:
    """Standard deviation of a forecast's error, an hour and a day ahead."""

    hour: float
    day: float

    @property
    def later(self) -> float:
        """Of the correction that each further hour makes."""
        return float(np.sqrt((self.day**2 - self.hour**2) / 23))


LIGHT, TEMPERATURE_K, WIND_M_S = Accuracy(0.04, 0.10), Accuracy(0.5, 1.8), Accuracy(0.5, 1.4)


@dataclass(frozen=True, eq=False)
class WeatherSpan:
    """Weather of quarter-hours in a row from `start` (UTC) on; arrays of the same shape, as in `WeatherYear`."""

    start: datetime
    ghi_w_m2: Floats
    dni_w_m2: Floats
    dhi_w_m2: Floats
    temperature_c: Floats
    wind_m_s: Floats


class WeatherService:
    """Truth and forecasts of a weather year.

    Args:
        seed: what errors are drawn from; the same seed and issue time give the same forecast.
    """

    def __init__(self, weather: WeatherYear, seed: int) -> None:
        self._weather, self._seed = weather, seed
        self._most = most_around(weather.ghi_w_m2)

    def truth(self, start: datetime, end: datetime) -> WeatherSpan:
        """What the weather will really be; not for agents."""
        first, last = self._index(start), self._index(end)
        w = self._weather
        columns = (w.ghi_w_m2, w.dni_w_m2, w.dhi_w_m2, w.temperature_c, w.wind_m_s)
        return WeatherSpan(start, *(column[first:last] for column in columns))

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> WeatherSpan:
        """The forecast issued at `issued` for `start` to `end`.

        Raises:
            BadInput: the span lies outside the year, before `issued`, or more than 72 hours ahead.
        """
        first, last = self._index(start), self._index(end)
        hour = (issued - self._weather.first) // _HOUR
        if first < hour * 4 or last > (hour + HORIZON_HOURS) * 4:
            raise BadInput(
                f"forecast: {start.isoformat()} to {end.isoformat()} does not lie within {HORIZON_HOURS} hours "
                f"after its issue at {issued.isoformat()}"
            )
        true = self.truth(start, end)
        light, warmth, wind = (
            self._error(number, accuracy, hour, first, last)
            for number, accuracy in enumerate((LIGHT, TEMPERATURE_K, WIND_M_S))
        )
        seen = np.maximum(true.ghi_w_m2 + light * self._most[first:last], 0.0)
        share = np.divide(seen, true.ghi_w_m2, out=np.zeros_like(seen), where=true.ghi_w_m2 > 0)
        return WeatherSpan(
            start,
            ghi_w_m2=true.ghi_w_m2 * share,
            dni_w_m2=true.dni_w_m2 * share,
            dhi_w_m2=true.dhi_w_m2 * share,
            temperature_c=true.temperature_c + warmth,
            wind_m_s=np.maximum(true.wind_m_s + wind, 0.0),
        )

    def temperature_c(self, issued: datetime, start: datetime, end: datetime) -> tuple[float, ...]:
        """What is told of the air, to a tenth of a degree; nothing of instants outside the year, so that the sun is still told."""
        last = self._weather.first + self._weather.count * QUARTER
        if not self._weather.first <= start < last:
            return ()
        told = self.forecast(issued, start, min(end, last)).temperature_c
        return tuple(round(value, 1) for value in told.tolist())

    def _error(self, number: int, accuracy: Accuracy, issue_hour: int, first: int, last: int) -> Floats:
        error = np.zeros(last - first)
        for hour in range(issue_hour, (last + 3) // 4):
            # Hour `hour` corrects every target in it or later; at the issue these corrections are still to come.
            begin = max(first, hour * 4)
            sigma = np.where(np.arange(begin, last) // 4 == hour, accuracy.hour, accuracy.later)
            stream = (self._seed, 1 + number, hour + 1) if hour >= -1 else (self._seed, 1 + number, 0, -hour)
            error[begin - first :] += sigma * correction(stream)[begin - hour * 4 : last - hour * 4]
        return error

    def _index(self, instant: datetime) -> int:
        number, rest = divmod(instant - self._weather.first, QUARTER)
        if rest or not 0 <= number <= self._weather.count:
            raise BadInput(
                f"instant: {instant.isoformat()} begins no quarter-hour of {self._weather.name}; expected "
                f"{self._weather.first.isoformat()} to {(self._weather.first + self._weather.count * QUARTER).isoformat()}"
            )
        return number
