"""Forecasts day by day: by nothing that comes later, alike each time, ordered, and better than naive."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from agents.planning.forecast.bands.history import SeriesHistory
from agents.planning.forecast.bands.naive import days_back
from agents.planning.forecast.bands.scores import naive_mae_w, scores
from agents.planning.forecast.bands.walk_forward import Schedule, bounds, training_days, walk_forward
from cim.model.arrays import Floats
from tests.planning.bands.series import made_up

SCHEDULE = Schedule(issue_slot=44, retrain_days=20)
FIRST, DAYS = 60, 90


@cache
def forecasts(weather: bool = True) -> dict[int, Floats]:
    """The forecasts of a series that is made up."""
    return dict(walk_forward(made_up(DAYS, weather=weather), FIRST, SCHEDULE))


def test_a_permuted_future_changes_no_forecast() -> None:
    """Whatever comes after an issue, in whatever order, the forecasts issued until then are the same to the last bit."""
    known, day = made_up(DAYS), 72
    values = known.values.copy()
    future = values[day - 1 :].ravel()[SCHEDULE.issue_slot :]
    values[day - 1 :] = np.concatenate(
        [values[day - 1, : SCHEDULE.issue_slot], np.random.default_rng(9).permutation(future)]
    ).reshape(-1, 96)
    assert not np.array_equal(values, known.values)
    found = dict(walk_forward(replace(known, values=values), FIRST, SCHEDULE))
    assert sorted(found) == list(range(FIRST, DAYS))
    for each in range(FIRST, day + 1):
        assert np.array_equal(found[each], forecasts()[each])
    assert not np.array_equal(found[day + 2], forecasts()[day + 2])


def test_a_future_that_is_not_there_changes_no_forecast() -> None:
    """The last day's forecast is the same when nothing of the day itself exists."""
    known = made_up(DAYS)
    values = known.values[:80].copy()
    values[79] = 0.0
    assert known.weather is not None
    short = replace(known, values=values, weather=known.weather[:80])
    assert np.array_equal(dict(walk_forward(short, FIRST, SCHEDULE))[79], forecasts()[79])


def test_bands_are_ordered_and_within_what_was_ever_seen() -> None:
    """10 % below 50 % below 90 %, and nothing beyond the bounds."""
    limits = bounds(made_up(DAYS))
    for day, band in forecasts().items():
        assert (np.diff(band, axis=1) >= 0).all()
        assert (band >= limits[day, :, :1]).all()
        assert (band <= limits[day, :, 1:]).all()


def test_bounds_widen_with_the_season_but_not_beyond_nothing_or_a_rating() -> None:
    """A plant may give a quarter more of what it varied by, none at night, and never draw; a charger no more than its rating."""
    rng = np.random.default_rng(4)
    plant = np.zeros((20, 96))
    plant[:, 40:60] = -np.linspace(1000, 4000, 20)[:, None] * rng.uniform(0.99, 1, (20, 20))
    found = bounds(SeriesHistory(made_up(20).first, plant, None, "AT"))
    assert found[10, 10].tolist() == [0.0, 0.0]
    assert found[2:, :, 1].max() == 0.0
    assert found[19, 50, 0] == pytest.approx(1.25 * plant[:18, 46:55].min() - 0.25 * plant[:18, 46:55].max(), rel=1e-6)
    charger = np.where(rng.random((20, 96)) < 0.2, 11_000.0, 0.0)
    found = bounds(SeriesHistory(made_up(20).first, charger, None, "AT"))
    assert (found[15, :, 0].min(), found[15, :, 1].max()) == (0.0, 11_000.0)


@pytest.mark.parametrize("weather", [True, False])
def test_forecasts_are_better_than_naive(weather: bool) -> None:
    """On a series of habit and sun, with and without a weather service, the median beats both naive forecasts."""
    known, days = made_up(DAYS, weather=weather), list(forecasts(weather))
    found = scores(np.array([forecasts(weather)[day] for day in days]), known.values[days])
    naive = min(naive_mae_w(days_back(known.values, back)[days], known.values[days]) for back in (1, 7))
    assert found.mae_w < naive * (0.5 if weather else 0.95)


def test_the_weather_service_helps() -> None:
    """With it the error is less than half of that without."""
    known, days = made_up(DAYS), list(forecasts())
    with_, without = (
        scores(np.array([forecasts(weather)[day] for day in days]), known.values[days]).mae_w
        for weather in (True, False)
    )
    assert with_ < without / 2


def test_dead_days_teach_nothing() -> None:
    """A meter's dead days are left out of what a model learns from, once they are known to be dead."""
    known = made_up(DAYS)
    values = known.values.copy()
    values[40:50] = 0.0
    dead = SeriesHistory(known.first, values, known.weather, "AT")
    assert set(range(40, 50)).isdisjoint(training_days(dead, 80).tolist())
    assert set(range(40, 50)) <= set(training_days(known, 80).tolist())
