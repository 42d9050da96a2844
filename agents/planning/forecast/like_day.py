"""Expecting a day to be like the last metered ones, and correcting that with what was measured since.

All profiles are [T] kW over the ISPs of one local day, positive for consumption.
"""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats

_HISTORY_DAYS = 10  # that a like day is the mean of
_FADING_ISPS = 8.0  # after which e^-1 of a correction is left: two hours of quarter-hours


def like_day(history: tuple[Floats, ...], count: int) -> Floats:
    """The mean of the last metered days, fitted to a day of `count` ISPs (clock changes stretch or cut it)."""
    if not history:
        return np.zeros(count)
    if len(history) == 1:
        return fit(history[0], count).copy()
    mean: Floats = np.mean([fit(day, count) for day in history[-_HISTORY_DAYS:]], axis=0)
    return mean


def with_day(history: tuple[Floats, ...], day: Floats) -> tuple[Floats, ...]:
    """The last metered days and one more, as many as `like_day` looks at."""
    return (*history, day)[-_HISTORY_DAYS:]


def fit(profile: Floats, count: int) -> Floats:
    """A day's profile over `count` intervals: the same where the lengths agree, else interpolated by time of day."""
    if len(profile) == count:
        return profile
    return np.interp((np.arange(count) + 0.5) / count, (np.arange(len(profile)) + 0.5) / len(profile), profile)


def corrected(forecast_kw: Floats, measured_kw: float, isp: int, fading_isps: float = _FADING_ISPS) -> Floats:
    """`forecast_kw` from ISP `isp` (1-based) on, pulled towards the mean power that was measured in the ISP before it.

    The pull falls to e^-1 after `fading_isps`; what lies before `isp` stays as it was.
    """
    result = forecast_kw.copy()
    if isp < 2:
        return result
    ahead = np.arange(len(result) - (isp - 1))
    result[isp - 1 :] += (measured_kw - forecast_kw[isp - 2]) * np.exp(-ahead / fading_isps)
    return result
