"""What is expected in an island: loads by habit and what is seen, sun by habit and what is seen, how long it may last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agents.planning.islanding.control import IslandOutlook
from cim.codec.codec import wire
from cim.model.arrays import Floats

_HABIT_DAYS = (1, 2, 7, 14)  # the same time of day, so many days ago
_ISP_S = 900
_LOOKS_ISPS = 48
_FADES_ISPS = 8.0  # after so many, what is seen now says nothing any more beside habit


@wire("islanding.Expectations")
@dataclass(frozen=True, eq=False, slots=True)
class IslandExpectations:
    """What was known when mains were lost.

    Attributes:
        first: the beginning of the quarter-hour in which they were.
        load_w: [stages, ISPs] habits, by priority, from `first` on.
        sun_w: [ISPs] habits of what sun and wind could give.
        seconds, weights: [kinds] how long outages last, and how likely each kind is.
        confidence: with which the promised loads are to be served.
        end: of announced works; None: nobody knows.
    """

    first: datetime
    load_w: Floats
    sun_w: Floats
    seconds: Floats
    weights: Floats
    confidence: float
    end: datetime | None = None

    def at(self, now: datetime) -> int:
        """The ISP an instant lies in, from `first` on; the last one if it lies beyond."""
        return min(max(0, int((now - self.first).total_seconds()) // _ISP_S), self.sun_w.size - _LOOKS_ISPS)


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


def ratios(before: Floats, expected: IslandExpectations, now: datetime, measured_w: Floats, closed: Floats) -> Floats:
    """[stages] what each stage draws of its habit; of those that are not connected (`closed` 0), as it was last."""
    usual = expected.load_w[:, expected.at(now)]
    found = np.divide(measured_w, usual, out=np.ones_like(usual), where=usual > 0)
    return np.asarray(np.where((closed > 0) & (usual > 0), np.clip(found, 0.3, 3.0), before), dtype=np.float64)


def outlook(
    expected: IslandExpectations, now: datetime, lost_at: datetime, load_ratios: Floats, sun_now_w: float
) -> IslandOutlook:
    """What is expected from now on: habit, scaled to what is seen, the scale fading within two hours.

    Args:
        load_ratios: [stages] see `ratios`.
        sun_now_w: what sun and wind could give now.
    """
    at = expected.at(now)
    fade = np.clip(1.0 - np.arange(_LOOKS_ISPS) / _FADES_ISPS, 0.0, 1.0)
    loads = expected.load_w[:, at : at + _LOOKS_ISPS] * (1.0 + (load_ratios[:, None] - 1.0) * fade)
    usual = expected.sun_w[at : at + _LOOKS_ISPS]
    ratio = min(max(sun_now_w / usual[0], 0.3), 3.0) if usual[0] > 0 else 1.0
    sun = usual * (1.0 + (ratio - 1.0) * fade)
    sun[0] = sun_now_w
    if expected.end is not None:
        left = max(1, int(np.ceil((expected.end - now).total_seconds() / _ISP_S)))
    else:
        elapsed_s = max(0.0, (now - lost_at).total_seconds())
        left = remaining_isps(expected.seconds, expected.weights, elapsed_s, expected.confidence)
    return IslandOutlook(np.asarray(loads, dtype=np.float64), np.asarray(sun, dtype=np.float64), left)


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
