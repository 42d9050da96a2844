"""What a forecast goes by: calendar, lags, what the weather service told, and what a plant makes of that.

Everything of a day is known at the issue, at `issue_slot` on the day before: values of the day before count up to then,
those of earlier days wholly. `tests/planning/bands/` permutes what is later and expects the same features.
"""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.bands.history import SLOTS, SeriesHistory, calendar
from agents.planning.forecast.bands.naive import WEEK, days_back, known_before
from cim.model.arrays import Floats

FIRST_DAY = 15  # before it some lag is missing
_USUAL_DAYS = 7
_FACTOR_DAYS = 14  # of which a plant's factor by time of day is learned
_SMOOTH = 2  # quarter-hours on each side that a factor shares
_DRAW = 0.05  # of the most that was told at any time of day: so much weight has the factor of all day


def features(history: SeriesHistory, issue_slot: int) -> tuple[Floats, Floats]:
    """([days, 96, features], [days, 96] the seasonal naive that a model's residual is against); NaN before `FIRST_DAY`.

    Args:
        issue_slot: how many quarter-hours of the day before are known.
    """
    values, table = history.values, calendar(history.first, history.days, history.country)
    known, week = known_before(values, issue_slot), days_back(values, WEEK)
    usual = np.mean([days_back(values, back) for back in range(2, 2 + _USUAL_DAYS)], axis=0)
    weekly = np.mean([days_back(values, WEEK * back) for back in (1, 2)], axis=0)
    morning = np.zeros(history.days)  # how the day before goes, against its week before
    if issue_slot:
        morning[8:] = (values[7:-1, :issue_slot] - values[:-8, :issue_slot]).mean(axis=1)
    last = known[:, max(issue_slot - 4, 0) : max(issue_slot, 1)].mean(axis=1)
    slot = np.broadcast_to(np.arange(SLOTS, dtype=np.float64), values.shape)
    by_day = [
        table[:, 0],
        table[:, 1],
        np.roll(table[:, 1], -1),
        morning,
        last,
        days_back(values, 2).mean(axis=1),
    ]
    base = weekly
    columns = [slot, known, days_back(values, 2), week, usual, weekly, usual.max(axis=1, keepdims=True) - usual]
    if history.weather is not None:
        sun, given = history.weather, _given(history)
        base = given
        columns += [given, sun, _beside(sun, -4), _beside(sun, 4), days_back(sun, WEEK), days_back(sun, 2)]
        by_day += [sun.mean(axis=1), sun.max(axis=1)]
    columns += [np.broadcast_to(np.asarray(column, dtype=np.float64)[:, None], values.shape) for column in by_day]
    return np.stack([np.broadcast_to(column, values.shape) for column in columns], axis=2), base


def _given(history: SeriesHistory) -> Floats:
    """[days, 96] the usual values, moved by what the series makes of more or less sun than usual: a line by time of day.

    The line's slope is that of the last days' values over the sun that was told of them, by least squares at each time
    of day, and drawn to that of the whole day where there was little sun.
    """
    values, sun = history.values, history.weather
    assert sun is not None  # noqa: S101 - asked only where there is a service
    backs = range(2, 2 + _FACTOR_DAYS)
    y, x = np.stack([days_back(values, k) for k in backs]), np.stack([days_back(sun, k) for k in backs])
    y_mean, x_mean = y.mean(axis=0), x.mean(axis=0)
    xy, xx = ((x - x_mean) * (y - y_mean)).sum(axis=0), ((x - x_mean) ** 2).sum(axis=0)
    xy, xx = _around(xy), _around(xx)
    draw = _DRAW * xx.max(axis=1, keepdims=True)
    whole = xy.sum(axis=1, keepdims=True) / np.maximum(xx.sum(axis=1, keepdims=True), 1e-9)
    slope = (xy + draw * whole) / np.maximum(xx + draw, 1e-9)
    given: Floats = y_mean + slope * (sun - x_mean)
    return given


def _around(profile: Floats) -> Floats:
    """[days, 96] each time of day with its neighbours."""
    total: Floats = np.sum([np.roll(profile, k, axis=1) for k in range(-_SMOOTH, _SMOOTH + 1)], axis=0)
    return total


def _beside(profile: Floats, slots: int) -> Floats:
    """[days, 96] what stands some quarter-hours later in the same day; the day's edge beyond it."""
    at = np.clip(np.arange(SLOTS) + slots, 0, SLOTS - 1)
    return profile[:, at]
