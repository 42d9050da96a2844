"""What a plant makes of the sun that a weather service forecasts: a factor for each time of day, from its own past days.

Roofs look different ways, trees stand before some of them, and a service forecasts for a region. The factor of a time of
day is what the plant gave around it over what was forecast for it, summed over the days, so that errors of single
forecasts even out; where little sun was forecast it is drawn to the plant's factor of the whole day.
"""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.like_day import fit
from cim.model.arrays import Floats

_SPREAD_H = 0.5  # standard deviation of the time of day that days teach of: an hour around it counts most
_DRAW = 0.05  # of the day's highest sum of forecasts: so much weight has the factor of the whole day
_LEAST = 1e-9


def time_of_day_factors(given: tuple[Floats, ...], forecast: tuple[Floats, ...], count: int) -> Floats:
    """[count] what the plant gives for each unit of forecast sun, by time of day; ones where nothing is known.

    Args:
        given: magnitudes, of as many days as `forecast` and in its order, each over a whole day; the same unit for all.
        forecast: what the service forecast for those days.
    """
    if not given or not forecast:
        return np.ones(count)
    days = min(len(given), len(forecast))
    made = _smooth(np.sum([fit(day, count) for day in given[-days:]], axis=0))
    sun = _smooth(np.sum([fit(day, count) for day in forecast[-days:]], axis=0))
    if sun.max() <= _LEAST:
        return np.ones(count)
    whole, weight = made.sum() / sun.sum(), _DRAW * sun.max()
    factors: Floats = (made + weight * whole) / (sun + weight)
    return factors


def _smooth(profile: Floats) -> Floats:
    """Each time of day with its neighbours' share, a bell of `_SPREAD_H`."""
    per_hour = len(profile) / 24
    reach = int(np.ceil(2 * _SPREAD_H * per_hour))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_SPREAD_H * per_hour)) ** 2)
    padded = np.pad(profile, reach, mode="edge")
    return np.convolve(padded, bell / bell.sum(), "valid")
