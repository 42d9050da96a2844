"""Conformal calibration: bands are widened or narrowed by hour until past forecasts would have held what they said.

Split conformal quantile regression (Romano, Patterson, Candès 2019), each edge by itself, over the last days' forecasts.
"""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.bands.booster import CHANCES
from cim.model.arrays import Floats

DAYS = 42  # whose errors count
LEAST_DAYS = 14  # with fewer, bands stay as they are


def calibrated(forecast_w: Floats, past_w: Floats, came_w: Floats) -> Floats:
    """`forecast_w` [96, 3] with its outer edges moved so that they would have been right on the past days.

    Args:
        past_w: [days, 96, 3] earlier forecasts, as they were before their own calibration.
        came_w: [days, 96] what then came.
    """
    if len(past_w) < LEAST_DAYS:
        return forecast_w
    found = forecast_w.copy()
    for edge in (0, 2):
        found[:, edge] += np.repeat(_shift(came_w - past_w[..., edge], CHANCES[edge]), 4)
    found[:, 0] = np.minimum(found[:, 0], found[:, 1])
    found[:, 2] = np.maximum(found[:, 2], found[:, 1])
    return found


def _shift(errors_w: Floats, chance: float) -> Floats:
    """[24] the quantile of the errors of each hour that is not exceeded with `chance`, with its finite-sample correction."""
    by_hour = np.moveaxis(errors_w.reshape(len(errors_w), 24, 4), 1, 0).reshape(24, -1)
    count = by_hour.shape[1]
    rank = min(np.ceil((count + 1) * chance), count) if chance > 0.5 else max(np.floor((count + 1) * chance), 1)
    return np.sort(by_hour, axis=1)[:, int(rank) - 1]
