"""No sun beyond a clear sky: what a plant's own days say of one, and what that does to forecasts."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.forecast.calibration import time_of_day_factors
from agents.planning.forecast.clear_day import clear_day
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.profiles.library import load
from environment.weather_model import WeatherFeed

PACK = load("simbench-rural1")
ZONE = "Europe/Vienna"
NOON = slice(40, 60)


def test_a_time_of_day_that_was_always_clouded_lies_between_its_neighbours() -> None:
    """By hand: 0, 4, 1, 6, 0 on one day and 0, 2, 3, 5, 0 on another come to 0, 4, 5, 6, 0."""
    days = (np.array([0.0, 4, 1, 6, 0]), np.array([0.0, 2, 3, 5, 0]))
    np.testing.assert_allclose(clear_day(days, 5), [0, 4, 5, 6, 0])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 10), count=st.sampled_from([92, 96, 100]))
def test_no_day_is_above_it_and_no_curve_below_it_is_concave(seed: int, days: int, count: int) -> None:
    """It has no dent, touches what was given wherever it bends, and is never above the most that was given."""
    rng = np.random.default_rng(seed)
    given = tuple(rng.random(count) * np.maximum(np.sin(np.arange(count) / count * np.pi), 0) for _ in range(days))
    clear, most = clear_day(given, count), np.max(given, axis=0)
    assert (clear >= most - 1e-12).all()
    bends = np.diff(clear, 2)
    assert (bends <= 1e-12).all()
    corners = np.flatnonzero(bends < -1e-9) + 1
    np.testing.assert_allclose(clear[corners], most[corners])
    assert clear.max() == pytest.approx(most.max())


def test_days_of_another_length_are_fitted() -> None:
    """The days before a change of clocks tell of the one with it."""
    bell = np.maximum(np.sin((np.arange(96) - 24) / 48 * np.pi), 0)
    short = clear_day((bell,), 92)
    assert len(short) == 92
    assert short.max() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("column", ["PV5", "PV6", "PV8"])
def test_forecasts_of_much_sun_are_no_longer_too_high(column: str) -> None:
    """Of held-out noons for which at least 45 % of the rating is forecast, by three services, a day ahead.

    A high forecast is high also because it errs: it promises 2 % of the rating and more too much in the mean. With the limit of ten
    days that end two days before, it is too high by less than half of that, errs less, and of one in twenty quarter-hours it
    is too high by at most three quarters of what it was.
    """
    raw, held = list[Floats](), list[Floats]()
    for seed in (101, 102, 103):
        feed = WeatherFeed(PACK, seed, ZONE)
        for month in (4, 5, 6, 7, 8):
            for number in range(12, 28):
                day = LocalDay(date(2016, month, number), ZONE)
                past = [day.next(-back) for back in range(11, 1, -1)]
                given = tuple(PACK.series(column, one.start, one.end) for one in past)
                told = [feed.forecast(one.next(-1).at(11), one.start, one.end) for one in (*past, day)]
                expected = np.clip(told[-1] * time_of_day_factors(given, tuple(told[:-1]), 96), 0, 1)
                truth, limit = PACK.series(column, day.start, day.end), clear_day(given, 96)
                for forecast, errors in ((expected, raw), (np.minimum(expected, limit), held)):
                    much = forecast[NOON] > 0.45
                    errors.append((forecast - truth)[NOON][much])
    before, after = np.concatenate(raw), np.concatenate(held)
    assert before.mean() > 0.02
    assert after.mean() < before.mean() / 2
    assert after.std() < 0.85 * before.std()
    assert np.quantile(after, 0.95) < 0.75 * np.quantile(before, 0.95)
