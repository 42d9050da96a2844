"""The wind at a site without measured wind: a speed for each quarter-hour that has a real wind's statistics.

ASSUMPTION, because SimBench ships no wind for a rural low-voltage grid. The speed is a deterministic function of the
instant, so that every run, process and past day sees the same wind and no seed is needed:

- a sum of cosines with periods from two hours to ten days, strongest around four days (the macro-meteorological peak
  of van der Hoven 1957, "Power spectrum of horizontal wind speed", J. Meteorology 14), a tenth of the variance once a
  day with the windiest hour at 15:00 UTC, and a tenth once a year with the windiest day in mid January;
- mapped to a Rayleigh distribution, the one that IEC 61400-1 assumes for a wind class, with the asked mean speed.

All turbines of a site see the same wind.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from cim.model.arrays import Floats
from environment.profiles.library import QUARTER_S

_PERIODS_H = np.geomspace(2.0, 240.0, 41)
_PEAK_H, _WIDTH = 96.0, 0.9  # of the spectrum over the logarithm of the period
_GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo one, spread the phases evenly
_DAILY, _YEARLY = 0.1, 0.1  # share of the variance
_DAY_S, _YEAR_S = 86_400.0, 365.25 * 86_400.0
_WINDIEST_S = 15 * 3600.0
_MID_JANUARY_S = 14.5 * _DAY_S  # after the turn of the year 1970, in which POSIX time begins


@lru_cache(maxsize=8)
def wind_speed(first: datetime, count: int, mean_m_s: float) -> Floats:
    """Wind speed at hub height, m/s, of `count` quarter-hours from `first` on; read-only.

    Args:
        mean_m_s: over years; a single year or day is windier or calmer.
    """
    at_s = first.astimezone(UTC).timestamp() + QUARTER_S * (np.arange(count, dtype=np.float64) + 0.5)
    share = 0.5 * (1 + _erf(_gaussian(at_s) / math.sqrt(2)))  # how much of the time the wind is weaker
    # The quantile of a Rayleigh distribution whose mean is scale * sqrt(pi / 2).
    scale = mean_m_s / math.sqrt(math.pi / 2)
    speed: Floats = scale * np.sqrt(-2 * np.log(np.clip(1 - share, 1e-12, 1.0)))
    speed.flags.writeable = False
    return speed


def _gaussian(at_s: Floats) -> Floats:
    """Zero mean and unit variance over years."""
    weights = np.exp(-(np.log(_PERIODS_H / _PEAK_H) ** 2) / (2 * _WIDTH**2))
    weights *= (1 - _DAILY - _YEARLY) / weights.sum()
    total = math.sqrt(2 * _DAILY) * np.cos(2 * math.pi * (at_s - _WINDIEST_S) / _DAY_S)
    total += math.sqrt(2 * _YEARLY) * np.cos(2 * math.pi * (at_s - _MID_JANUARY_S) / _YEAR_S)
    for number, (period_h, weight) in enumerate(zip(_PERIODS_H.tolist(), weights.tolist(), strict=True)):
        turns = at_s / (period_h * 3600.0) + number * _GOLDEN
        total += math.sqrt(2 * weight) * np.cos(2 * math.pi * (turns % 1.0))
    return total


def _erf(values: Floats) -> Floats:
    return np.array([math.erf(value) for value in values.tolist()])
