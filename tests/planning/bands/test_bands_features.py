"""What a forecast goes by: nothing later than its issue."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from agents.planning.forecast.bands.features import FIRST_DAY, features
from agents.planning.forecast.bands.history import SeriesHistory, calendar
from agents.planning.forecast.bands.naive import days_back, known_before
from cim.model.errors import BadInput
from tests.planning.bands.series import made_up


@pytest.mark.parametrize("issue_slot", [0, 44, 95])
@pytest.mark.parametrize("weather", [True, False])
def test_values_after_the_issue_change_no_feature(issue_slot: int, weather: bool) -> None:
    """Whatever comes after the issue, on the day before or later, a day's features and its naive are the same."""
    known, day = made_up(40, weather=weather), 30
    changed = known.values.copy()
    changed[day - 1, issue_slot:] = np.random.default_rng(3).permutation(changed[day - 1, issue_slot:]) + 77
    changed[day:] = np.random.default_rng(4).permutation(changed[day:].ravel()).reshape(-1, 96) - 99
    for before, after in zip(
        features(known, issue_slot), features(replace(known, values=changed), issue_slot), strict=True
    ):
        assert np.array_equal(before[day], after[day])
        assert not np.isnan(before[day]).any()


def test_a_value_before_the_issue_is_looked_at() -> None:
    """The last quarter-hour before the issue counts: features see the morning of the day before."""
    known = made_up(40)
    changed = known.values.copy()
    changed[29, 43] += 500
    assert not np.array_equal(features(known, 44)[0][30], features(replace(known, values=changed), 44)[0][30])


def test_weather_that_is_told_later_changes_no_feature() -> None:
    """A day's features know the weather service's word on that day and earlier ones, of no later one."""
    known = made_up(40)
    assert known.weather is not None
    later = known.weather.copy()
    later[31:] = 0.5
    assert np.array_equal(
        features(known, 44)[0][:31], features(replace(known, weather=later), 44)[0][:31], equal_nan=True
    )


def test_nothing_is_missing_from_the_first_day_on() -> None:
    """From `FIRST_DAY` on every feature is a number."""
    matrix, naive_w = features(made_up(25), 44)
    assert not np.isnan(matrix[FIRST_DAY:]).any()
    assert not np.isnan(naive_w[FIRST_DAY:]).any()


def test_the_naive_follows_the_sun_that_is_told() -> None:
    """A plant that gives 10 kW for each unit of sun is expected to give what is told for the day, not what was usual."""
    known = made_up(40, error=0.0)
    assert known.weather is not None
    told = known.weather.copy()
    told[35] *= 0.2
    dark, bright = features(replace(known, weather=told), 44)[1][35], features(known, 44)[1][35]
    missing = 10_000 * (known.weather[35] - told[35])
    assert np.corrcoef(dark - bright, missing)[0, 1] > 0.98
    assert (dark - bright).sum() == pytest.approx(missing.sum(), rel=0.05)


def test_days_back_and_what_is_known_of_yesterday() -> None:
    """At slot 40 the newest known value of slot 39 is yesterday's, that of slot 40 the day before's."""
    values = np.arange(4 * 96, dtype=np.float64).reshape(4, 96)
    assert days_back(values, 1)[2, 5] == 96 + 5
    assert np.isnan(days_back(values, 2)[1]).all()
    known = known_before(values, 40)
    assert (known[3, 39], known[3, 40]) == (2 * 96 + 39, 96 + 40)


def test_a_holiday_is_a_sunday() -> None:
    """26 October 2016, a Wednesday, is a holiday in Austria and none in Spain."""
    assert calendar(date(2016, 10, 26), 1, "AT").tolist() == [[6, 1]]
    assert calendar(date(2016, 10, 26), 1, "ES").tolist() == [[2, 0]]


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Days of other than 96 values, and weather of other days, are told by their shape."""
    with pytest.raises(BadInput, match=r"\(3, 95\)"):
        SeriesHistory(date(2016, 1, 1), np.zeros((3, 95)), None, "AT")
    with pytest.raises(BadInput, match=r"weather: shape \(2, 96\)"):
        SeriesHistory(date(2016, 1, 1), np.zeros((3, 96)), np.zeros((2, 96)), "AT")
