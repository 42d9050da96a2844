"""PV: follows the forecast of the sun in its own way, can be limited."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import numpy as np

from agents.planning.elements.element import ElementConfig, ElementKnowledge, PlanWindow
from agents.planning.elements.generation import WeatherDrivenKind
from agents.planning.forecast.calibration import time_of_day_factors
from agents.planning.forecast.like_day import corrected, like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, WeatherForecast
from cim.model.intervals import LocalDay

_KEPT = 0.8  # of how far a plant is from its forecast now, for the hours to come; measured at Strem's profiles
_LEAST_KW = 1e-6  # where its own days gave nothing


class Pv(WeatherDrivenKind):
    """A PV plant behind a SunSpec inverter."""

    kind = DeviceKind.PV
    label = "PV"
    balance = "pv"

    def by_weather(self, config: ElementConfig, weather: WeatherForecast, day: LocalDay) -> Floats | None:
        """See `solar`."""
        return solar(config, weather, day)

    def could_kw(self, known: ElementKnowledge, window: PlanWindow) -> Floats:
        """See `solar`; while the day runs, pulled to what the plant could give when it was read last.

        Never more than under a clear sky, as the plant's own days and what it could give last show it.
        """
        expected, day = solar(known.config, known.weather, window.day), window.day
        if known.weather is not None and known.clear_kw is not None:
            expected = np.maximum(expected, -known.clear_kw)
        running = day.isp_of(window.now) if day.start <= window.now < day.end else 0
        if known.weather is None or known.available_kw is None or not 1 <= running < day.count:
            return expected
        now_kw = float(expected[running - 1])
        seen_kw = now_kw + _KEPT * (known.available_kw - now_kw)
        pulled = corrected(expected, seen_kw, running + 1)
        if known.clear_kw is not None:
            clearer = max(-known.available_kw / max(float(known.clear_kw[running - 1]), _LEAST_KW), 1.0)
            pulled = np.maximum(pulled, -known.clear_kw * clearer)
        lit = sun_per_unit(known.weather, day) > 0  # the pull makes no sun at night
        return np.where(lit, np.clip(pulled, -known.config.generation_w / 1000, 0.0), expected)


def solar(config: ElementConfig, weather: WeatherForecast | None, day: LocalDay) -> Floats:
    """Expected PV power (<= 0): the weather service's forecast as this plant has answered to it by time of day.

    Without a service, what its last days were like.
    """
    if weather is None:
        return np.minimum(like_day(config.history_kw, day.count), 0.0)
    rated_kw = config.generation_w / 1000
    given = tuple(-history / rated_kw for history in config.history_kw) if config.weather_days and rated_kw else ()
    factors = time_of_day_factors(given, config.weather_days, day.count)
    return -np.clip(sun_per_unit(weather, day) * factors, 0.0, 1.0) * rated_kw


@lru_cache(maxsize=64)  # the plants of a host ask for the same few days of the same forecast
def sun_per_unit(weather: WeatherForecast, day: LocalDay) -> Floats:
    """[T] PV generation per unit of rating in each ISP of a day; 0 where the forecast does not reach."""
    values = np.asarray(weather.pv_per_unit)
    microsecond = timedelta(microseconds=1)
    begin, isp = (day.start - weather.start) // microsecond, day.isp // microsecond
    offsets = (begin + np.arange(day.count) * isp) // (weather.step_s * 1_000_000)
    known = (offsets >= 0) & (offsets < len(values))
    per_unit = np.zeros(day.count)
    per_unit[known] = values[offsets[known]]
    per_unit.flags.writeable = False
    return per_unit
