"""Forecasts of many days in a row, each by what was known at its issue; models are fitted anew on a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.planning.forecast.bands.booster import fit_boosters
from agents.planning.forecast.bands.conformal import DAYS, calibrated
from agents.planning.forecast.bands.features import FIRST_DAY, features
from agents.planning.forecast.bands.flat import moving
from agents.planning.forecast.bands.history import SeriesHistory
from cim.model.arrays import Floats, Ints

LEAST_TRAINING = 21  # days
MOST_TRAINING = 240


@dataclass(frozen=True)
class Schedule:
    """When models are fitted, and when forecasts are issued.

    Attributes:
        issue_slot: how many quarter-hours of the day before are known.
        retrain_days: from one fit to the next.
    """

    issue_slot: int = 44
    retrain_days: int = 28


def walk_forward(history: SeriesHistory, first: int, schedule: Schedule) -> Iterator[tuple[int, Floats]]:
    """(day, [96, 3] watts) for each day from row `first` to the last; forecasts begin earlier, to calibrate by."""
    begin = max(first - DAYS, FIRST_DAY + LEAST_TRAINING + 2)
    raw = np.full((history.days, 96, 3), np.nan)
    limits = bounds(history)
    matrix, naive_w = features(history, schedule.issue_slot)
    for start in range(begin, history.days, schedule.retrain_days):
        known = training_days(history, start - 1)  # the day before is not over
        boosters = fit_boosters(matrix[known], naive_w[known], history.values[known])
        block = slice(start, start + schedule.retrain_days)
        raw[block] = boosters.predict(matrix[block], naive_w[block])
        for day in range(max(start, first), min(block.stop, history.days)):
            past = slice(max(begin, day - 1 - DAYS), day - 1)
            found = calibrated(raw[day], raw[past], history.values[past])
            yield day, np.clip(found, limits[day, :, :1], limits[day, :, 1:])


def training_days(history: SeriesHistory, end: int) -> Ints:
    """The rows before `end` that a model learns from: the newest, and none on which the series is dead."""
    first = max(FIRST_DAY, end - MOST_TRAINING)
    days = first + np.flatnonzero(moving(history.values[:end])[first:])
    return days if len(days) >= LEAST_TRAINING else np.arange(first, end)


def bounds(history: SeriesHistory) -> Floats:
    """[days, 96, 2] least and most that each time of day, half an hour around it, has ever shown two days before or earlier."""
    values = history.values
    sides = np.stack([np.roll(values, shift, axis=1) for shift in (-2, -1, 0, 1, 2)])
    low, high = sides.min(axis=0), sides.max(axis=0)
    found = np.full((*values.shape, 2), np.nan)
    found[2:, :, 0] = np.minimum.accumulate(low, axis=0)[:-2]
    found[2:, :, 1] = np.maximum.accumulate(high, axis=0)[:-2]
    return found
