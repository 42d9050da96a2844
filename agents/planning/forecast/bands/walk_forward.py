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
from cim.model.arrays import Floats, Ints, Mask

LEAST_TRAINING = 21  # days
MOST_TRAINING = 240
_AROUND, _BEYOND = 4, 0.25  # quarter-hours on each side, and of the spread
_OFTEN, _CLOSE = 40, 0.002  # quarter-hours within that share of the extreme


@dataclass(frozen=True)
class Schedule:
    """When models are fitted, and when forecasts are issued.

    Attributes:
        issue_slot: how many quarter-hours of the day before are known.
        retrain_days: from one fit to the next.
    """

    issue_slot: int = 44
    retrain_days: int = 14


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
    """[days, 96, 2] what a forecast is kept within: what an hour around each time of day showed until two days before, and more.

    A quarter of that spread more on either side, because seasons go on; but not where it was always the same (a plant's
    night), not below or above nothing where the series never was, and not beyond a rating, an extreme that comes again and again.
    """
    values = history.values
    sides = np.stack([np.roll(values, shift, axis=1) for shift in range(-_AROUND, _AROUND + 1)])
    low, high = np.minimum.accumulate(sides.min(axis=0)), np.maximum.accumulate(sides.max(axis=0))
    more = _BEYOND * (high - low)
    least, most = np.minimum.accumulate(values.min(axis=1)), np.maximum.accumulate(values.max(axis=1))
    least = np.where(least >= 0, 0.0, np.where(_is_rating(-values, -least), least, -np.inf))
    most = np.where(most <= 0, 0.0, np.where(_is_rating(values, most), most, np.inf))
    found = np.full((*values.shape, 2), np.nan)
    found[2:, :, 0] = np.maximum(low - more, least[:, None])[:-2]
    found[2:, :, 1] = np.minimum(high + more, most[:, None])[:-2]
    return found


def _is_rating(values: Floats, most: Floats) -> Mask:
    """[days] whether so far the highest value has come many times: it is a rating, not the weather's chance."""
    counts = [int((values[: day + 1] >= top - _CLOSE * abs(top)).sum()) for day, top in enumerate(most.tolist())]
    return np.array(counts) >= _OFTEN
