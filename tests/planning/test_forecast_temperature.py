"""A load is expected to follow the temperature as it has followed it on its last days, and no more than that."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.forecast.temperature import beside_like_day, temperature_c
from cim.model.devices import WeatherForecast
from cim.model.intervals import LocalDay

DAY = LocalDay(date(2019, 8, 10), "Europe/Madrid", 15)
STEADY_C = (21.0, 25.0, 29.0, 33.0)  # four days, each of one temperature: what is felt is what is outside


def answering(kw_per_k: float, base_c: float = 21.0, sign: float = 1.0) -> tuple[np.ndarray, ...]:
    """The load of those days, 2 kW and so many for each degree."""
    return tuple(np.full(96, 2.0 + kw_per_k * max(sign * (c - base_c), 0.0)) for c in STEADY_C)


def days(*temperatures_c: float) -> tuple[np.ndarray, ...]:
    """Days of one temperature each."""
    return tuple(np.full(96, c) for c in temperatures_c)


def test_a_hotter_day_wants_what_hot_days_wanted() -> None:
    """By hand: 0, 4, 8, 12 degrees above 21 vary by 80 K2, of which 10 are doubted: 0.5 kW/K count as 4/9; 36 degrees are 9 K
    above the mean.
    """
    added = beside_like_day(answering(0.5), days(*STEADY_C), np.full(96, 36.0))
    assert added == pytest.approx(np.full(96, 4.0))


def test_a_colder_day_wants_less_than_hot_ones_and_heat_counts_below_eighteen() -> None:
    """By hand: 6 K below the mean at 4/9 kW/K; a heater's 0.3 kW/K, seen over 72 K2, 12 K below 8 K under the base."""
    mild = beside_like_day(answering(0.5), days(*STEADY_C), np.full(96, 20.0))
    assert mild == pytest.approx(np.full(96, -6 * 4 / 9))
    cold = tuple(np.full(96, 2.0 + 0.3 * (18.0 - c)) for c in (16.0, 10.0, 4.0))
    added = beside_like_day(cold, days(16.0, 10.0, 4.0), np.full(96, -2.0))
    assert added == pytest.approx(np.full(96, 12 * 0.3 * 72 / 82))


def test_who_draws_less_when_it_is_hot_does_not_answer_to_heat() -> None:
    """A negative answer is chance or habit: nothing is taken off for it."""
    np.testing.assert_array_equal(beside_like_day(answering(-0.05), days(*STEADY_C), np.full(96, 36.0)), 0.0)


@pytest.mark.parametrize("known", [0, 1, 2])
def test_two_days_teach_nothing(known: int) -> None:
    """Fewer than three days with a temperature, an unknown one of the day to come, or no history: only the like day counts."""
    told = tuple(np.full(96, c if k < known else np.nan) for k, c in enumerate(STEADY_C))
    np.testing.assert_array_equal(beside_like_day(answering(0.5), told, np.full(96, 36.0)), 0.0)
    np.testing.assert_array_equal(beside_like_day((), (), np.full(92, 36.0)), np.zeros(92))
    partly = np.where(np.arange(96) < 95, 36.0, np.nan)
    np.testing.assert_array_equal(beside_like_day(answering(0.5), days(*STEADY_C), partly), 0.0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.sampled_from([92, 96, 100]),
    kw_per_k=st.floats(0.0, 2.0),
)
def test_it_never_adds_more_than_was_seen_per_degree(seed: int, count: int, kw_per_k: float) -> None:
    """Whatever the weather: a load that follows felt degrees exactly is expected between the like day and its true answer."""
    draw = np.random.default_rng(seed)
    told = tuple(draw.uniform(15, 38) + 4 * np.sin(np.linspace(0, 2 * np.pi, 96)) for _ in range(6))
    flat = tuple(np.full(96, float(c.mean())) for c in told)
    load = tuple(np.maximum(c - 21.0, 0.0) * kw_per_k for c in flat)
    to_come = np.full(count, 30.0)
    added = beside_like_day(load, flat, to_come)
    assert added.shape == (count,)
    true = kw_per_k * (9.0 - np.mean([max(float(c[0]) - 21.0, 0.0) for c in flat]))
    low, high = min(true, 0.0) - 1e-9, max(true, 0.0) + 1e-9
    assert ((added >= low) & (added <= high)).all()


def test_what_is_told_of_a_day_lies_at_its_times() -> None:
    """A forecast by the hour from one o'clock on: nothing before, each value for four quarter-hours, nothing beyond its end."""
    told = WeatherForecast(DAY.start, DAY.start + timedelta(hours=1), 3600, (0.1, 0.2), (20.0, 30.0))
    found = temperature_c(told, DAY)
    assert np.isnan(found[:4]).all()
    np.testing.assert_array_equal(found[4:12], [20.0] * 4 + [30.0] * 4)
    assert np.isnan(found[12:]).all()
    assert np.isnan(temperature_c(WeatherForecast(DAY.start, DAY.start, 900, (0.1,) * 96), DAY)).all()
