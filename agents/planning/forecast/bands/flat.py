"""Days on which a series stands still: a meter or a plant that is dead, or one that never moves at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Mask

_STILL_W = 0.5  # a meter's whole watts move by no less
_LEAST_DAYS = 3
_LONGER = 3  # times the longest other standstill: a charging station rests on many days and is not dead


@dataclass(frozen=True, slots=True)
class Standstill:
    """Whole days in a row, from row `first` on, in which a series shows one value."""

    first: int
    days: int


def standstills(values: Floats) -> tuple[Standstill, ...]:
    """Where a series [days, 96] is dead: at least three whole days of one value, three times as long as it ever rests else.

    A series that never moves is one standstill.
    """
    runs = _runs(values)
    found = []
    for run in runs:
        rests = max((other.days for other in runs if other is not run), default=0)
        if run.days == len(values) or (run.days >= _LEAST_DAYS and run.days >= _LONGER * rests):
            found.append(run)
    return tuple(found)


def moving(values: Floats) -> Mask:
    """[days] whether a day counts: the series is not dead on it."""
    counts = np.ones(len(values), dtype=np.bool_)
    for still in standstills(values):
        counts[still.first : still.first + still.days] = False
    return counts


def _runs(values: Floats) -> list[Standstill]:
    """Whole flat days of the same value in a row."""
    runs: list[Standstill] = []
    for day in np.flatnonzero(np.ptp(values, axis=1) < _STILL_W).tolist():
        last = runs[-1] if runs else None
        if last and last.first + last.days == day and abs(values[day, 0] - values[day - 1, 0]) < _STILL_W:
            runs[-1] = Standstill(last.first, last.days + 1)
        else:
            runs.append(Standstill(day, 1))
    return runs
