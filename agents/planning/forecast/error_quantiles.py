"""How far what is metered differs from what was foretold, by time of day and lead: quantiles of past errors.

Before there are any, an assumed normal distribution counts; with each metered day it counts less.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay

LEADS = (
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)  # up to which an error counts as near; last: all later
KEPT_DAYS = 20
_ASSUMED_DAYS = 10  # metered days that the assumed distribution weighs as much as
_ASSUMED = tuple(NormalDist().inv_cdf((k + 0.5) / _ASSUMED_DAYS) for k in range(_ASSUMED_DAYS))


def lead_class(lead: timedelta) -> int:
    """Which class of lead a forecast's age falls into: 0 for the nearest, `len(LEADS)` for the farthest."""
    return sum(lead > limit for limit in LEADS)


@lru_cache(maxsize=256)  # all portfolios are asked of the same day, and many told their prognoses at the same instant
def lead_classes(day: LocalDay, foretold_at: datetime) -> tuple[int, ...]:
    """[T] the class of lead of each ISP of a day in a forecast of that instant."""
    return tuple(lead_class(day.isp_start(isp) - foretold_at) for isp in range(1, day.count + 1))


@lru_cache(maxsize=1024)
def _normal(chance: float) -> float:
    return NormalDist(0.0, 1.0).inv_cdf(min(max(chance, 1e-6), 1 - 1e-6))


def error_quantile(chance: float, assumed_deviation: float, days: Sequence[float]) -> float:
    """What the error (metered less foretold) does not exceed with a chance of 0 to 1.

    Args:
        assumed_deviation: standard deviation assumed before anything was metered.
        days: the errors at this time of day and lead, of each metered day; NaN where nothing is known.
    """
    known = [error for error in days if not np.isnan(error)]
    if not known:
        return _normal(chance) * assumed_deviation
    # Of n errors the largest stands at n/(n+1) (Weibull's position), so that a new error is below as often as is said.
    found = np.quantile([*(point * assumed_deviation for point in _ASSUMED), *known], chance, method="weibull")
    return float(found)


def hourly_errors(metered_w: Floats, foretold_w: Floats, counts: Floats) -> Floats:
    """[24] mean errors by hour of a day, NaN where no ISP of the hour counts; `counts` [T] is 1 where one does."""
    hours = (np.arange(len(metered_w)) * 24) // len(metered_w)
    known = np.bincount(hours, weights=counts, minlength=24)
    total = np.bincount(hours, weights=np.where(counts > 0, metered_w - foretold_w, 0.0), minlength=24)
    return np.where(known > 0, total / np.maximum(known, 1.0), np.nan)
