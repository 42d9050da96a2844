"""Outages: their chances add up to what is published, draws are seeded, and calibration never sees what is judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cim.model.errors import BadInput
from environment.outages import (
    Cause,
    Outage,
    Purpose,
    announced_works,
    draw_outages,
    duration_shares,
    islanding_chance,
    outage_chances,
)
from environment.sites import load_site
from environment.sites.islanding import OutageStatistics, PlannedWorks

FIRST, YEAR, ZONE = datetime(2016, 1, 1, tzinfo=UTC), 35_040, "Europe/Vienna"


@pytest.fixture(scope="module")
def statistics() -> OutageStatistics:
    """Strem's."""
    plan = load_site("strem").islanding
    assert plan is not None
    return plan.outages


def test_a_year_of_chances_sums_to_the_published_events(statistics: OutageStatistics) -> None:
    """SAIFI: unplanned 0.6 a year, 38 % of them by weather, planned 0.12."""
    chances = outage_chances(statistics, FIRST, YEAR, ZONE)
    assert chances[Cause.OWN].sum() == pytest.approx(0.6 * 0.62)
    assert chances[Cause.WEATHER].sum() == pytest.approx(0.6 * 0.38)
    assert chances[Cause.PLANNED].sum() == pytest.approx(0.12)
    whole = islanding_chance(chances)
    assert whole.sum() == pytest.approx(0.72, rel=1e-3)
    assert ((whole >= 0) & (whole <= 1)).all()


def test_part_of_a_year_has_its_part_of_the_events(statistics: OutageStatistics) -> None:
    """A tenth of a year expects a tenth of what comes at any time."""
    chances = outage_chances(statistics, FIRST, YEAR // 10, ZONE)
    assert chances[Cause.OWN].sum() == pytest.approx(0.6 * 0.62 / 10)


def test_mean_durations_give_back_saidi(statistics: OutageStatistics) -> None:
    """Events times the mean duration are the published minutes, but for the tail above the longest."""
    shares = duration_shares(statistics, 400)
    assert shares[Cause.OWN].mean() / 60 * 0.6 == pytest.approx(24, rel=0.05)
    assert shares[Cause.PLANNED].mean() / 60 * 0.12 == pytest.approx(12.89, rel=0.05)
    assert (np.diff(shares[Cause.OWN]) >= 0).all()


def test_storms_come_on_summer_afternoons_and_works_in_working_hours(statistics: OutageStatistics) -> None:
    """An outage by weather is six times as likely at 16:00 in July as at night in January; no works on Sundays or at night."""
    chances = outage_chances(statistics, FIRST, YEAR, ZONE)
    zone = ZoneInfo(ZONE)
    at = [(FIRST + k * timedelta(minutes=15)).astimezone(zone) for k in range(YEAR)]
    july = next(k for k, when in enumerate(at) if (when.month, when.hour) == (7, 16))
    assert chances[Cause.WEATHER][july] == pytest.approx(6 * chances[Cause.WEATHER][0])
    for k in np.flatnonzero(chances[Cause.PLANNED]):
        assert at[k].weekday() < 5
        assert 8 <= at[k].hour < 14


def test_a_known_storm_replaces_the_season(statistics: OutageStatistics) -> None:
    """Who knows the weather says when outages by it are likely; the sum over the span stays."""
    storm = np.zeros(96)
    storm[40:44] = 1.0
    chances = outage_chances(statistics, FIRST, 96, ZONE, storm)
    assert np.flatnonzero(chances[Cause.WEATHER]).tolist() == [40, 41, 42, 43]
    with pytest.raises(BadInput, match=r"storm: shape \(95,\); expected \(96,\)"):
        outage_chances(statistics, FIRST, 96, ZONE, storm[:95])


def test_announced_works_are_certain(statistics: OutageStatistics) -> None:
    """In the quarter-hour they begin in, the chance is one; what is no time is refused with its place."""
    works = PlannedWorks(begins="2016-01-02T09:00", ends="2016-01-02T11:30")
    known = statistics.model_copy(update={"works": (works,)})
    chances = outage_chances(known, FIRST, 400, ZONE)
    begins = (datetime(2016, 1, 2, 9, tzinfo=ZoneInfo(ZONE)) - FIRST) // timedelta(minutes=15)
    assert chances[Cause.PLANNED][begins] == 1.0
    assert islanding_chance(chances)[begins] == 1.0
    cases = (
        ("soon", "2016-01-02T09:00", "expected local times"),
        ("2016-01-02T09:00", "2016-01-02T08:00", "later than"),
    )
    for begin, end, said in cases:
        broken = statistics.model_copy(update={"works": (PlannedWorks(begins=begin, ends=end),)})
        with pytest.raises(BadInput, match=said):
            announced_works(broken, ZONE)


def drawn(statistics: OutageStatistics, seed: int, purpose: Purpose, number: int = 500) -> tuple[Outage, ...]:
    """Some outages of the year."""
    chances = outage_chances(statistics, FIRST, YEAR, ZONE)
    return draw_outages(
        statistics, first=FIRST, chances=chances, number=number, seed=seed, purpose=purpose, chp_available=0.9
    )


def test_draws_are_seeded_and_purposes_apart(statistics: OutageStatistics) -> None:
    """The same seed, the same outages; calibration and judging share none."""
    one, again = drawn(statistics, 1, Purpose.JUDGING), drawn(statistics, 1, Purpose.JUDGING)
    assert one == again
    other = drawn(statistics, 1, Purpose.CALIBRATION)
    assert not {outage.start for outage in one} & {outage.start for outage in other}
    assert drawn(statistics, 2, Purpose.JUDGING) != one


def test_draws_follow_the_chances(statistics: OutageStatistics) -> None:
    """Causes, readiness and durations come as often as they should: within four standard deviations."""
    found = drawn(statistics, 3, Purpose.JUDGING, 4000)
    share = {Cause.OWN: 0.372 / 0.72, Cause.WEATHER: 0.228 / 0.72, Cause.PLANNED: 0.12 / 0.72}
    for cause, expected in share.items():
        seen = sum(outage.cause is cause for outage in found) / len(found)
        assert abs(seen - expected) < 4 * (expected * (1 - expected) / len(found)) ** 0.5
    assert abs(sum(outage.chp_ready for outage in found) / len(found) - 0.9) < 0.02
    seconds = [outage.seconds for outage in found if outage.cause is not Cause.PLANNED]
    assert np.median(seconds) / 60 == pytest.approx(40 * np.exp(-0.5), rel=0.1)
    assert all(60 <= outage.seconds <= 12 * 3600 for outage in found)
    assert all(outage.end == outage.start + timedelta(seconds=outage.seconds) for outage in found)
