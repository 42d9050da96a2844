"""What a plant gives under a clear sky, from what it gave on its last days: no forecast of the sun goes beyond it.

A forecast of the weather errs both ways, but the sun does not: a plant that was told 20 % more than it ever gives at that
time of day will give at most what it gives then. Forecasters call it the clear-sky limit. It is taken from the plant's own
days, so it needs no coordinates, and knows which way a roof looks and which tree stands before it.
"""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.like_day import fit
from cim.model.arrays import Floats


def clear_day(given: tuple[Floats, ...], count: int) -> Floats:
    """[count] the most that a plant gives by time of day: the least concave curve that none of its days was above.

    The sun of a clear day rises and falls without a dent, so a time of day that was clouded on all of them lies on the line
    between its neighbours. Toward sunrise and sunset the curve is above what is given, never below.

    Args:
        given: magnitudes, each over a whole day, at least one.
    """
    most: Floats = np.max([fit(day, count) for day in given], axis=0)
    corners = [0]
    for place in range(1, count):
        while len(corners) > 1 and _is_dent(most, corners[-2], corners[-1], place):
            corners.pop()
        corners.append(place)
    clear: Floats = np.interp(np.arange(count), corners, most[corners])
    return clear


def _is_dent(values: Floats, left: int, middle: int, right: int) -> bool:
    """Whether the value between two others is not above the line that joins them."""
    rise = float(values[right] - values[left]) * (middle - left)
    return float(values[middle] - values[left]) * (right - left) <= rise
