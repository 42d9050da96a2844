"""What houses need for warmth and coolness in a weather year, per unit of what their machines can do.

ASSUMPTION, because nobody has measured the pilot's houses: a house follows the outside with a delay of some hours; below a
heating limit the need for warmth grows linearly and is the machine's whole power at a design temperature, as in EN 12831; the
same for coolness above a cooling limit, by the hours at which people ask for it.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from environment.profiles.library import QUARTER, QUARTER_S
from environment.weather.pack import WeatherYear

_DELAY_H = 4.0
_HEATING_LIMIT_C, _HEATING_DESIGN_C = 15.0, 2.0
_COOLING_LIMIT_C, _COOLING_DESIGN_C = 24.0, 36.0
# How much is asked for in each hour of the local clock: all while people are at home in the heat, less once they open windows.
_ASKED = (*(0.3,) * 13, *(1.0,) * 9, 0.7, 0.45)


def felt_c(weather: WeatherYear) -> Floats:
    """The outside temperature as a house feels it, some hours late; degrees Celsius, one for each quarter-hour."""
    kept = float(np.exp(-QUARTER_S / (3600 * _DELAY_H)))
    felt = np.empty(weather.count)
    level = float(weather.temperature_c[0])
    for k, outside in enumerate(weather.temperature_c.tolist()):
        level = kept * level + (1 - kept) * outside
        felt[k] = level
    return felt


def heating_per_unit(weather: WeatherYear) -> Floats:
    """Power of a heat pump that keeps a house warm, over its rating, 0 to 1."""
    need: Floats = (_HEATING_LIMIT_C - felt_c(weather)) / (_HEATING_LIMIT_C - _HEATING_DESIGN_C)
    return np.clip(need, 0.0, 1.0)


def cooling_per_unit(weather: WeatherYear, timezone: str) -> Floats:
    """Power of an air conditioner, over its rating, 0 to 1; `timezone` (IANA) says when people are at home."""
    need: Floats = (felt_c(weather) - _COOLING_LIMIT_C) / (_COOLING_DESIGN_C - _COOLING_LIMIT_C)
    zone = ZoneInfo(timezone)
    asked = np.array([_ASKED[_local_hour(weather, k, zone)] for k in range(weather.count)])
    wanted: Floats = np.clip(need, 0.0, 1.0) * asked
    return wanted


def _local_hour(weather: WeatherYear, quarter: int, zone: ZoneInfo) -> int:
    return (weather.first + quarter * QUARTER).astimezone(zone).hour
