"""The present taken from a profile year: like days by wall clock, and the season's usual sun."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.like_date import like_date
from environment.profiles.library import QUARTER, Profiles, load
from environment.profiles.present import of_the_present
from environment.weather_model import SeasonalSun

ZONE = "Europe/Vienna"
FIRST, LAST = date(2016, 1, 1), date(2016, 12, 31)
DAYS = st.dates(date(1990, 1, 1), date(2089, 12, 31))


def numbered() -> Profiles:
    """A local year whose every quarter-hour has its own number."""
    begin, end = LocalDay(FIRST, ZONE).start, LocalDay(LAST, ZONE).end
    return Profiles("numbered", begin, {"N": np.arange((end - begin) // QUARTER, dtype=np.float64)})


@given(DAYS)
def test_a_like_day_has_the_same_weekday_and_nearly_the_same_date(day: date) -> None:
    """Within three days of the same date, or six where the profile year ends before that."""
    like = like_date(day, FIRST, LAST, "profiles")
    assert FIRST <= like <= LAST
    assert like.weekday() == day.weekday()
    same = date(2016, day.month, day.day)
    apart = min(abs(like - same), timedelta(days=366) - abs(like - same))
    assert apart <= timedelta(days=3 if FIRST + timedelta(days=3) < same < LAST - timedelta(days=3) else 6)


@given(DAYS, st.integers(1, 9))
def test_a_day_of_the_present_goes_by_the_clock_of_its_like_day(first: date, days: int) -> None:
    """Every local day has all its 92, 96 or 100 quarter-hours, each with the like day's value at that wall-clock time."""
    year = numbered()
    made = of_the_present(year, ZONE, first, days)
    opening = LocalDay(first, ZONE)
    assert (made.first, made.last) == (opening.start, opening.next(days - 1).end)
    for number in range(days):
        day = opening.next(number)
        like = LocalDay(like_date(day.day, FIRST, LAST, "profiles"), ZONE)
        noon = [
            year.series("N", like.at(12), like.at(12) + QUARTER),
            made.series("N", day.at(12), day.at(12) + QUARTER),
        ]
        assert noon[0] == noon[1]
        values = made.series("N", day.start, day.end)
        inside = (values >= year.index(like.start)) & (values < year.index(like.end))
        assert inside.all()
        if day.count == like.count == 96:
            assert np.array_equal(values, year.series("N", like.start, like.end))


def test_the_profile_year_is_its_own_present() -> None:
    """Dated anew for its own days, a year stays as it is, across both clock changes."""
    year = load("simbench-rural1")
    made = of_the_present(year, ZONE, FIRST, 366)
    assert (made.first, made.count) == (year.first, year.count)
    for name in year.columns:
        # Of the hour that comes twice in autumn the first holds for both.
        assert np.count_nonzero(made.column(name) != year.column(name)) <= 4


def test_less_than_a_year_is_one_sentence() -> None:
    """What holds no like day says which day, and what was expected."""
    with pytest.raises(BadInput, match=r"2016-06-01 to 2016-06-30 hold no day like 2026-11-24; expected a whole year"):
        like_date(date(2026, 11, 24), date(2016, 6, 1), date(2016, 6, 30), "profiles")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_seasons_usual_sun_shines_by_day_and_is_never_more_than_the_rating(at: datetime) -> None:
    """For any instant of any year: per unit of the rating, nothing at night, something at noon, no more than it ever was."""
    sun = _sun()
    start = at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    usual = sun.forecast(start, start, start + timedelta(days=1))
    assert usual.shape == (96,)
    assert np.all((usual >= 0) & (usual <= 1))
    assert usual[:8].max() == 0.0  # Vienna: midnight to two o'clock UTC
    assert 0.02 < usual[44] <= load("simbench-rural1").column("PV5").max()


def test_summer_has_more_sun_than_winter_and_the_turn_of_the_year_is_smooth() -> None:
    """A season is a season; the end of the profile year joins its beginning."""
    sun = _sun()

    def energy(day: date) -> float:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return float(sun.forecast(start, start, start + timedelta(days=1)).sum())

    assert energy(date(2026, 6, 20)) > 3 * energy(date(2026, 12, 20))
    assert energy(date(2026, 12, 31)) == pytest.approx(energy(date(2027, 1, 1)), rel=0.15)


_SUNS: list[SeasonalSun] = []


def _sun() -> SeasonalSun:
    if not _SUNS:
        _SUNS.append(SeasonalSun(load("simbench-rural1")))
    return _SUNS[0]
