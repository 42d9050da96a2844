"""Profiles of many out of the profiles of a few: the mean of several, each perhaps of other weeks.

A profile some weeks later keeps its weekdays and hours; what it does on a day is another day's. At the year's end it goes
on with the year's begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cim.model.arrays import Floats
from environment.profiles.library import Profiles

_WEEK = 7 * 96


def mean_profile(profiles: Profiles, strands: Sequence[tuple[str, int]]) -> Floats:
    """The mean of (profile, weeks later) over the whole year, per unit, one value for each quarter-hour; read-only."""
    return _mean(profiles, tuple(strands))


@lru_cache(maxsize=256)  # of thousands of homes many follow the same
def _mean(profiles: Profiles, strands: tuple[tuple[str, int], ...]) -> Floats:
    if len(strands) == 1 and strands[0][1] == 0:
        return profiles.column(strands[0][0])
    shifted = [np.roll(profiles.column(column), -weeks * _WEEK) for column, weeks in strands]
    mean: Floats = np.mean(shifted, axis=0)
    mean.flags.writeable = False
    return mean


def mean_reactive(profiles: Profiles, strands: Sequence[tuple[str, int]]) -> Floats | None:
    """The mean of the reactive power that goes with (profile, weeks later), per unit; None where none has any."""
    there = [(f"{column}.q", weeks) for column, weeks in strands if f"{column}.q" in profiles.columns]
    if not there:
        return None
    share = len(there) / len(strands)
    return mean_profile(profiles, there) * share if share < 1 else mean_profile(profiles, there)
