"""The weather at its edges: the first and last days of the profile year, nights, spans that cannot be forecast, leap days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.profiles.library import QUARTER, Profiles, load
from environment.weather_model import SeasonalSun, WeatherFeed

PROFILES, ZONE, HOUR = load("simbench-rural1"), "Europe/Vienna", timedelta(hours=1)
FEED, SUN = WeatherFeed(PROFILES, 3, ZONE), SeasonalSun(PROFILES)
END = PROFILES.first + PROFILES.count * QUARTER


@pytest.mark.parametrize("hours", [0, 1, 2, 13, 71])
def test_the_first_day_of_the_year_is_forecast_on_the_day_before(hours: int) -> None:
    """Issued before the profiles begin: as much as lies within 72 hours, again the same, and at each issue another error."""
    issued, end = PROFILES.first - hours * HOUR, PROFILES.first + min(24, 72 - hours) * HOUR
    told = FEED.forecast(issued, PROFILES.first, end)
    np.testing.assert_array_equal(told, WeatherFeed(PROFILES, 3, ZONE).forecast(issued, PROFILES.first, end))
    assert ((told >= 0) & (told <= 1)).all()
    if hours == 13:
        later = FEED.forecast(PROFILES.first, PROFILES.first, end)
        assert (told != later).any()
        assert (told != WeatherFeed(PROFILES, 4, ZONE).forecast(issued, PROFILES.first, end)).any()


def test_the_last_quarter_hour_of_the_year_can_be_forecast_and_no_later_one() -> None:
    """A span that ends with the profiles is told; one that goes on is bad input."""
    assert FEED.forecast(END - 24 * HOUR, END - QUARTER, END).shape == (1,)
    with pytest.raises(BadInput):
        FEED.forecast(END - 24 * HOUR, END - QUARTER, END + QUARTER)
    with pytest.raises(BadInput):
        FEED.forecast(PROFILES.first, PROFILES.first - QUARTER, PROFILES.first)


NOON = datetime(2016, 6, 15, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start_h", "end_h", "good"), [(0, 72, True), (0, 72.25, False), (71.75, 72, True), (-0.25, 1, False), (0, 0, True)]
)
def test_a_forecast_reaches_from_its_issue_72_hours_ahead(start_h: float, end_h: float, good: bool) -> None:
    """The hour of the issue included; one quarter-hour before it or after the horizon is refused, both instants told."""
    start, end = NOON + start_h * HOUR, NOON + end_h * HOUR
    if good:
        assert FEED.forecast(NOON, start, end).shape == ((end - start) // QUARTER,)
        return
    with pytest.raises(BadInput) as caught:
        FEED.forecast(NOON, start, end)
    assert str(caught.value) == (
        f"forecast: {start.isoformat()} to {end.isoformat()} does not lie within 72 hours after its issue at "
        f"{NOON.isoformat()}"
    )


@given(day=st.integers(15, 350), lead_h=st.integers(1, 48))
def test_no_sun_is_forecast_at_night(day: int, lead_h: int) -> None:
    """Where ten days around had none at that time of day, the forecast is exactly 0; elsewhere it may err."""
    at = PROFILES.first + timedelta(days=day)
    told = FEED.forecast(at - lead_h * HOUR, at, at + 24 * HOUR)
    around = np.array([FEED.truth(at + k * 24 * HOUR, at + (k + 1) * 24 * HOUR) for k in range(-11, 12)])
    dark = (around == 0).all(axis=0)
    assert dark.sum() >= 16  # hours of night on the shortest night of the year
    assert (told[dark] == 0).all()


@pytest.mark.parametrize("minute", [0, 1, 29, 59])
def test_within_an_hour_a_forecast_stays_what_it_was(minute: int) -> None:
    """The service issues hourly: asked at any minute of the hour it says the same, in the next hour something else."""
    span = (NOON + HOUR, NOON + 7 * HOUR)
    told = FEED.forecast(NOON + timedelta(minutes=minute), *span)
    np.testing.assert_array_equal(told, FEED.forecast(NOON, *span))
    assert (told != FEED.forecast(NOON + HOUR, *span)).any()


def flat(level: float) -> Profiles:
    """A year whose sun always gives the same."""
    return Profiles("flat", PROFILES.first, {"PV1": np.full(PROFILES.count, level)})


def test_where_the_sun_always_gives_the_same_the_error_has_its_stated_size() -> None:
    """On a flat 0.5 errors are those of the field alone, 4 % of 0.5 in the hour of issue; never outside 0 to 1."""
    feed = WeatherFeed(flat(0.5), 9, ZONE)
    errors = [feed.forecast(at, at, at + QUARTER)[0] - 0.5 for at in (PROFILES.first + k * HOUR for k in range(4000))]
    assert np.std(errors) == pytest.approx(0.04 * 0.5, rel=0.05)
    assert abs(np.mean(errors)) < 0.002
    full = WeatherFeed(flat(1.0), 9, ZONE).forecast(NOON, NOON, NOON + 48 * HOUR)
    assert full.max() == 1.0
    assert full.min() < 1.0


@pytest.mark.parametrize(
    ("asked", "as_in"),
    [
        (datetime(2024, 2, 29, 10, tzinfo=UTC), datetime(2016, 2, 28, 10, tzinfo=UTC)),  # a leap day is like the 28th
        (datetime(2023, 3, 1, 10, tzinfo=UTC), datetime(2016, 3, 1, 10, tzinfo=UTC)),
        (datetime(2027, 7, 1, 10, tzinfo=UTC), datetime(2016, 7, 1, 10, tzinfo=UTC)),
        (datetime(2030, 12, 31, 23, tzinfo=UTC), datetime(2015, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_the_almanac_knows_every_date_of_every_year(asked: datetime, as_in: datetime) -> None:
    """The same date of the profile year, at the same time UTC."""
    np.testing.assert_array_equal(SUN.forecast(asked, asked, asked + HOUR), SUN.forecast(as_in, as_in, as_in + HOUR))


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_the_almanacs_sun_does_not_jump_when_the_clocks_change(change: datetime) -> None:
    """Its centre of gravity in the UTC day moves by less than five minutes from the day before to the day after."""
    centres = []
    for day in (change - 24 * HOUR, change, change + 24 * HOUR):
        told = SUN.forecast(day, day, day + 24 * HOUR)
        centres.append(float((told * np.arange(96)).sum() / told.sum()) * 15)
    assert max(centres) - min(centres) < 5


def test_the_almanac_of_a_flat_year_is_flat_over_its_end() -> None:
    """Also where the window of four weeks reaches over New Year, and where the year's first UTC day is not whole."""
    sun = SeasonalSun(flat(0.25))
    for day in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)):
        np.testing.assert_allclose(sun.forecast(day, day, day + 24 * HOUR), 0.25)
