"""What is expected in an island: loads by habit, sun by habit and what is seen, and how long it may last still."""

from __future__ import annotations

import numpy as np

from agents.planning.islanding.control import IslandOutlook
from cim.model.arrays import Floats

_HABIT_DAYS = (1, 2, 7, 14)  # the same time of day, so many days ago
_ISP_S = 900.0


def habit(series: Floats, quarter: int, isps: int) -> Floats:
    """The mean of the same quarter-hours some days ago, for [..., quarter-hours] of which those before `quarter` are known.

    Where nothing is known yet: zeros. A span longer than a day repeats what the day before it says.
    """
    rows = []
    for days in _HABIT_DAYS:
        at = quarter - 96 * days + np.arange(isps) % 96
        if at[0] >= 0:
            rows.append(series[..., at])
    return np.mean(rows, axis=0) if rows else np.zeros((*series.shape[:-1], isps))


def outlook(
    load_w: Floats,
    sun_w: Floats,
    *,
    quarter: int,
    isps: int,
    loads_now_w: Floats,
    sun_now_w: float,
    remaining_isps: int,
) -> IslandOutlook:
    """What is expected from a quarter-hour on: habit, scaled to what is measured now, the scale fading within two hours.

    Args:
        load_w, sun_w: [stages, quarter-hours], [quarter-hours] of the past; nothing from `quarter` on is looked at.
        loads_now_w: [stages] measured now (or last, of stages that are not connected).
        sun_now_w: what sun and wind could give now.
    """
    fade = np.clip(1.0 - np.arange(isps) / 8.0, 0.0, 1.0)

    def scaled(usual: Floats, now: Floats) -> Floats:
        ratio = np.clip(np.divide(now, usual[..., 0], out=np.ones_like(now), where=usual[..., 0] > 0), 0.3, 3.0)
        return np.asarray(usual * (1.0 + (ratio[..., None] - 1.0) * fade), dtype=np.float64)

    loads = scaled(habit(load_w, quarter, isps), loads_now_w)
    loads[:, 0] = loads_now_w
    sun = scaled(habit(sun_w, quarter, isps)[None, :], np.array([sun_now_w]))[0]
    sun[0] = sun_now_w
    return IslandOutlook(loads, sun, remaining_isps)


def remaining_isps(seconds: Floats, weights: Floats, elapsed_s: float, confidence: float) -> int:
    """For how many ISPs more an outage lasts at most, with this confidence, that has lasted `elapsed_s`; at least 1.

    Args:
        seconds, weights: [kinds] durations of outages and how likely each is.
    """
    left = seconds > elapsed_s
    if not left.any():
        return 1
    order = np.argsort(seconds[left])
    sums = np.cumsum(weights[left][order])
    at = int(np.searchsorted(sums, confidence * sums[-1]))
    longest_s = float(seconds[left][order][min(at, order.size - 1)])
    return max(1, int(np.ceil((longest_s - elapsed_s) / _ISP_S)))
