"""The local day: its length at clock changes, its ISPs, and instants that do not belong to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay, local_day_of

ZONES = st.sampled_from(["Europe/Vienna", "Europe/Madrid", "UTC", "Asia/Kolkata"])
DAYS = st.dates(date(2016, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("day", "count"), [(date(2016, 3, 27), 92), (date(2016, 5, 20), 96), (date(2016, 10, 30), 100)]
)
def test_a_day_has_as_many_isps_as_its_clock_makes_it(day: date, count: int) -> None:
    """92 quarter-hours when the clocks go forward, 100 when they go back, else 96; half of it in half-hours."""
    assert LocalDay(day, "Europe/Vienna").count == count
    assert LocalDay(day, "Europe/Vienna", 30).count == count // 2


@given(day=DAYS, zone=ZONES, minutes=st.sampled_from([5, 15, 30, 60]), data=st.data())
def test_isp_of_and_isp_start_are_inverse(day: date, zone: str, minutes: int, data: st.DataObject) -> None:
    """Every ISP begins at its own start, contains all of itself, and ends where the next begins."""
    local = LocalDay(day, zone, minutes)
    number = data.draw(st.integers(1, local.count))
    start = local.isp_start(number)
    inside = timedelta(microseconds=data.draw(st.integers(0, minutes * 60_000_000 - 1)))
    assert local.isp_of(start + inside) == number
    assert local.isp_start(number + 1) - start == local.isp == timedelta(minutes=minutes)


@given(day=DAYS, zone=ZONES)
def test_days_follow_each_other_without_gap(day: date, zone: str) -> None:
    """The next day begins where this one ends, and every instant belongs to exactly one of them."""
    local = LocalDay(day, zone)
    assert local.next().start == local.end == local.isp_start(local.count + 1)
    assert local_day_of(local.start, zone) == local
    assert local_day_of(local.end - timedelta(microseconds=1), zone) == local
    assert local_day_of(local.end, zone) == local.next()
    assert local.start.tzinfo is UTC


def test_wall_clock_times_are_given_in_utc() -> None:
    """Noon in Vienna is 10:00 UTC in summer and 11:00 in winter."""
    assert LocalDay(date(2016, 7, 1), "Europe/Vienna").at(12) == datetime(2016, 7, 1, 10, tzinfo=UTC)
    assert LocalDay(date(2016, 1, 1), "Europe/Vienna").at(12, 30) == datetime(2016, 1, 1, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("minutes", [0, -15, 7, 45, 120])
def test_an_isp_length_that_does_not_divide_an_hour_is_refused(minutes: int) -> None:
    """One sentence with the field and the value."""
    with pytest.raises(BadInput, match=f"isp_minutes: {minutes} "):
        LocalDay(date(2016, 1, 1), "UTC", minutes)


def test_what_lies_outside_the_day_is_refused() -> None:
    """ISP 0, the one after the end, and instants just before and at the end are bad input."""
    day = LocalDay(date(2016, 3, 27), "Europe/Vienna")
    for number in (0, -1, 94):
        with pytest.raises(BadInput, match=r"outside 1\.\.92"):
            day.isp_start(number)
    for instant in (day.end, day.start - timedelta(microseconds=1)):
        with pytest.raises(BadInput, match="not within"):
            day.isp_of(instant)
