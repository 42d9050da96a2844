"""PV: follows the forecast of the sun, can be limited."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import numpy as np

from agents.planning.elements.element import ElementConfig, ElementKnowledge, PlanWindow
from agents.planning.elements.generation import WeatherDrivenKind
from agents.planning.forecast.like_day import like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, WeatherForecast
from cim.model.intervals import LocalDay


class Pv(WeatherDrivenKind):
    """A PV plant behind a SunSpec inverter."""

    kind = DeviceKind.PV
    label = "PV"
    balance = "pv"

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """See `solar`."""
        return solar(known.config, known.weather, window.day)


def solar(config: ElementConfig, weather: WeatherForecast | None, day: LocalDay) -> Floats:
    """Expected PV power (<= 0): the weather service's forecast at this plant's rating, or its last days without one."""
    if weather is None:
        return np.minimum(like_day(config.history_kw, day.count), 0.0)
    return -_sun(weather, day) * config.generation_w / 1000


@lru_cache(maxsize=64)  # the plants of a host ask for the same few days of the same forecast
def _sun(weather: WeatherForecast, day: LocalDay) -> Floats:
    values = np.asarray(weather.pv_per_unit)
    microsecond = timedelta(microseconds=1)
    begin, isp = (day.start - weather.start) // microsecond, day.isp // microsecond
    offsets = (begin + np.arange(day.count) * isp) // (weather.step_s * 1_000_000)
    known = (offsets >= 0) & (offsets < len(values))
    per_unit = np.zeros(day.count)
    per_unit[known] = values[offsets[known]]
    per_unit.flags.writeable = False
    return per_unit
