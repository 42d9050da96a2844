"""The forecasts that need no model: a day like the one before it, or like the same weekday a week ago."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats

WEEK = 7


def days_back(values: Floats, back: int) -> Floats:
    """[days, 96] the values `back` days before each day; NaN on the first days.

    With `back` 1 that is more than is known when a day is forecast the morning before, so a forecast is judged by a
    rival that has an advantage.
    """
    shifted = np.full_like(values, np.nan)
    shifted[back:] = values[: len(values) - back]
    return shifted


def known_before(values: Floats, issue_slot: int) -> Floats:
    """[days, 96] the newest value of each time of day that is known at `issue_slot` on the day before; NaN on the first days."""
    known = days_back(values, 2)
    known[1:, :issue_slot] = values[:-1, :issue_slot]
    known[0] = np.nan
    return known
