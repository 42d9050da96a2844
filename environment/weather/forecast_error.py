"""What forecasts of the weather have in common: how an error is drawn, and what it is measured by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cim.model.arrays import Floats

HORIZON_HOURS = 72
_CORRELATION_H = 3.0
_ENVELOPE_DAYS = 10


@lru_cache(maxsize=4096)
def correction(stream: tuple[int, ...]) -> Floats:
    """A unit-variance error field over 72 hours of quarter-hours, correlated over some hours; read-only.

    Args:
        stream: what it is drawn from, whole numbers >= 0.
    """
    count = HORIZON_HOURS * 4
    noise = np.random.default_rng(stream).standard_normal(count)
    keep = float(np.exp(-0.25 / _CORRELATION_H))
    field = np.empty(count, dtype=np.float64)
    level = noise[0]
    for index in range(count):
        if index:
            level = keep * level + np.sqrt(1 - keep * keep) * noise[index]
        field[index] = level
    field.flags.writeable = False
    return field


def most_around(truth: Floats) -> Floats:
    """For each quarter-hour the most that time of day gave within some days around it: 0 at night."""
    days = truth.size // 96
    by_day = truth[: days * 96].reshape(days, 96)
    envelope = np.empty_like(by_day)
    for day in range(days):
        envelope[day] = by_day[max(0, day - _ENVELOPE_DAYS) : day + _ENVELOPE_DAYS + 1].max(axis=0)
    return np.concatenate([envelope.ravel(), truth[days * 96 :]])
