"""How good forecasts were: mean absolute error of the median, pinball loss, and how often the band held what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.forecast.bands.booster import CHANCES
from cim.model.arrays import Floats

_TELL_W = 0.5  # a meter's values are whole watts: a difference below half of one is none


@dataclass(frozen=True)
class Scores:
    """Of one series over all judged quarter-hours.

    Attributes:
        mae_w, pinball_w: of the forecast's median, and of its three quantiles on average.
        coverage: share of the values within the 10-90 % band, of those quarter-hours in which anything was open: the band
            has a width, or what came is outside it. A PV plant's nights are not counted.
        below_10, above_90: share below and above the band, of the same.
    """

    mae_w: float
    pinball_w: float
    coverage: float
    below_10: float
    above_90: float


def scores(forecast_w: Floats, came_w: Floats) -> Scores:
    """Of forecasts [days, 96, 3] and what came [days, 96]."""
    low, high = forecast_w[..., 0], forecast_w[..., 2]
    under, over = came_w < low - _TELL_W, came_w > high + _TELL_W
    judged = (high - low > 2 * _TELL_W) | under | over
    count = max(int(judged.sum()), 1)
    below, above = float(under.sum()) / count, float(over.sum()) / count
    return Scores(
        mae_w=float(np.mean(np.abs(forecast_w[..., 1] - came_w))),
        pinball_w=pinball_w(forecast_w, came_w),
        coverage=1 - below - above,
        below_10=below,
        above_90=above,
    )


def pinball_w(forecast_w: Floats, came_w: Floats) -> float:
    """Mean pinball loss of the three quantiles, watts."""
    error = came_w[..., None] - forecast_w
    chances = np.array(CHANCES)
    return float(np.mean(np.maximum(chances * error, (chances - 1) * error)))


def naive_mae_w(naive_w: Floats, came_w: Floats) -> float:
    """Mean absolute error of a forecast without a band."""
    return float(np.mean(np.abs(naive_w - came_w)))
