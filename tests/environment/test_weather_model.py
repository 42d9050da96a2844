"""The forecast's error as statistics: how large, how it grows, that it is drawn by the seed alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.profiles.library import QUARTER, Profiles, load
from environment.weather_model import SeasonalSun, WeatherFeed

PROFILES, ZONE = load("simbench-rural1"), "Europe/Vienna"
FEED = WeatherFeed(PROFILES, 3, ZONE)
LEADS = (1, 2, 4, 8, 16, 24, 48)
HOUR = timedelta(hours=1)


def _noons() -> list[datetime]:
    """One instant at about solar noon of each day of summer."""
    return [PROFILES.first + timedelta(days=day, hours=11, minutes=45) for day in range(121, 243)]


def _relative(feed: WeatherFeed, at: datetime, lead_hours: int) -> float:
    """Forecast minus truth of the quarter-hour `at`, over what the sun gave at that time of day within ten days around it."""
    span = (at, at + QUARTER)
    origin = feed.truth(at, at + QUARTER)[0]
    around = [float(feed.truth(at + k * 24 * HOUR, at + k * 24 * HOUR + QUARTER)[0]) for k in range(-10, 11)]
    issued = at.replace(minute=0) - (lead_hours - 1) * HOUR
    return float((feed.forecast(issued, *span)[0] - origin) / max(around))


def _errors(seed: int, lead_hours: int) -> np.ndarray:
    feed = WeatherFeed(PROFILES, seed, ZONE)
    return np.array([_relative(feed, at, lead_hours) for at in _noons()])


def test_the_error_grows_with_lead_time() -> None:
    """Root mean square over a summer: 4 % of the clear sky an hour ahead, 10 % a day ahead, and never less for a longer lead."""
    sizes = [float(np.sqrt(np.mean(np.square(_errors(5, lead))))) for lead in LEADS]
    assert sizes[0] == pytest.approx(0.04, abs=0.012)
    assert sizes[LEADS.index(24)] == pytest.approx(0.10, abs=0.03)
    assert all(later > earlier * 0.95 for earlier, later in pairwise(sizes)), sizes
    assert sizes[-1] > 2.2 * sizes[0]


def test_the_error_has_no_bias_a_plan_could_live_on() -> None:
    """Over a summer and four seeds the mean error a day ahead is small against its size."""
    errors = np.concatenate([_errors(seed, 24) for seed in (1, 2, 3, 4)])
    assert abs(errors.mean()) < 0.02
    assert 0.05 < errors.std() < 0.13


def test_a_later_forecast_is_mostly_a_better_one() -> None:
    """Of the same target the forecast issued an hour before is nearer to the truth than the day-ahead one, in most cases."""
    near, far = (np.abs(_errors(5, lead)) for lead in (1, 24))
    assert (near < far).mean() > 0.65


def test_forecasts_of_one_target_cannot_be_averaged_into_the_truth() -> None:
    """Errors of successive issues are alike: the mean of ten forecasts is hardly better than the newest of them."""
    feed = WeatherFeed(PROFILES, 7, ZONE)
    newest, mean = [], []
    for at in _noons():
        errors = [_relative(feed, at, lead) for lead in range(15, 25)]
        newest.append(errors[0])
        mean.append(float(np.mean(errors)))
    assert np.std(mean) > 0.9 * np.std(newest)


def test_neighbouring_quarter_hours_err_alike() -> None:
    """The error is a slow field, as clouds are, not a noise of its own each quarter-hour."""
    steps, levels = [], []
    for at in _noons()[::3]:
        span = (at - 2 * HOUR, at + 2 * HOUR)
        error = FEED.forecast(at.replace(minute=0) - 20 * HOUR, *span) - FEED.truth(*span)
        steps.append(float(np.std(np.diff(error))))
        levels.append(float(np.sqrt(np.mean(np.square(error)))))
    assert np.mean(steps) < 0.5 * np.mean(levels)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 8000), st.integers(0, 71), st.integers(1, 96))
def test_seed_and_issue_are_all_it_depends_on(seed: int, issue_hour: int, lead_hours: int, count: int) -> None:
    """Asked again, by another feed, after other questions, in another cut: the same values, within 0 and 1."""
    issued = PROFILES.first + issue_hour * HOUR
    start = issued + lead_hours * HOUR
    end = min(start + count * QUARTER, issued + 72 * HOUR)
    one, other = WeatherFeed(PROFILES, seed, ZONE), WeatherFeed(PROFILES, seed, ZONE)
    other.forecast(issued + 5 * HOUR, issued + 6 * HOUR, issued + 9 * HOUR)
    whole = one.forecast(issued, start, end)
    middle = start + (end - start) // QUARTER // 2 * QUARTER
    cut = np.concatenate([other.forecast(issued, start, middle), other.forecast(issued, middle, end)])
    np.testing.assert_array_equal(whole, cut)
    assert ((whole >= 0) & (whole <= 1)).all()
    night = FEED.truth(start, end) == 0
    assert (whole[night] <= 0.1).all()


def test_another_seed_is_another_weather() -> None:
    """Errors of two seeds have nothing to do with each other."""
    one, two = _errors(11, 24), _errors(12, 24)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3


def test_profiles_without_sun_are_one_sentence() -> None:
    """A pack without a PV column is refused where the weather is made, with the pack's name."""
    bare = Profiles("bare", PROFILES.first, {"H0-A": PROFILES.column("H0-A")})
    for make in (lambda: WeatherFeed(bare, 1, ZONE), lambda: SeasonalSun(bare)):
        with pytest.raises(BadInput, match="'bare' have no PV column"):
            make()


def test_the_almanac_knows_nothing_of_the_day() -> None:
    """The season's usual sun is the same whenever it is asked, and the mean of the days around in the profile year."""
    sun, noon = SeasonalSun(PROFILES), PROFILES.first.replace(month=6, day=15, year=2016, hour=11)
    told = sun.forecast(noon, noon, noon + HOUR)
    np.testing.assert_array_equal(told, sun.forecast(noon - 48 * HOUR, noon, noon + HOUR))
    around = [FEED.truth(noon + k * 24 * HOUR, noon + k * 24 * HOUR + HOUR) for k in range(-14, 15)]
    np.testing.assert_allclose(told, np.mean(around, axis=0), atol=1e-9)
