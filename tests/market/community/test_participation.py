"""Participation factors: what the distributor takes, from when it holds, and what it refuses with which code."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.community.austria.participation import (
    FACTOR_SUM_EXCEEDED,
    FactorChange,
    FactorRefused,
    Participation,
    effective_day,
)

VIENNA = "Europe/Vienna"
DAY = date(2026, 5, 4)


def change(community: str, factor_pct: int, from_day: date = DAY, point: str = "AT1") -> FactorChange:
    """A change of one point's factor."""
    return FactorChange(point, community, factor_pct, from_day)


@pytest.mark.parametrize(
    ("received", "holds"),
    [
        (datetime(2026, 5, 4, 7, 0, tzinfo=UTC), date(2026, 5, 5)),  # 9 h in summer
        (datetime(2026, 5, 4, 15, 0, tzinfo=UTC), date(2026, 5, 5)),  # 17 h
        (datetime(2026, 5, 4, 15, 0, 1, tzinfo=UTC), date(2026, 5, 6)),
        (datetime(2026, 5, 4, 3, 0, tzinfo=UTC), date(2026, 5, 5)),  # before 9 h: as if at 9 h
        (datetime(2026, 1, 5, 16, 0, tzinfo=UTC), date(2026, 1, 6)),  # 17 h in winter
        (datetime(2026, 12, 31, 10, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), date(2026, 3, 30)),  # 23:30 before the clocks go forward
    ],
)
def test_a_change_holds_from_the_next_calendar_day(received: datetime, holds: date) -> None:
    """Received until 17 h local time: the next day; later: the day after that."""
    assert effective_day(received, VIENNA) == holds


@given(received=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_change_never_holds_on_the_day_it_is_received(received: datetime) -> None:
    """So what is allocated for a day that has begun never changes by it; and nobody waits longer than two days."""
    from zoneinfo import ZoneInfo

    today = received.astimezone(ZoneInfo(VIENNA)).date()
    assert timedelta(days=1) <= effective_day(received, VIENNA) - today <= timedelta(days=2)


def test_factors_sum_to_a_hundred_and_no_more() -> None:
    """60 and 40 are taken; 60 and 41 are refused with code 188, and nothing has changed."""
    held = Participation().with_all([change("a", 60), change("b", 40)])
    assert held.communities("AT1", DAY) == {"a": 60, "b": 40}
    with pytest.raises(FactorRefused, match=r"60 in a \+ 41 in b = 101 %; expected at most 100 \(code 188\)") as told:
        Participation().with_change(change("a", 60)).with_change(change("b", 41))
    assert told.value.code == FACTOR_SUM_EXCEEDED
    assert held.communities("AT1", DAY - timedelta(days=1)) == {}


def test_a_sum_is_held_on_later_days_too() -> None:
    """A change that fits today but not together with one already taken for later is refused."""
    held = Participation().with_all([change("a", 30), change("b", 70, DAY + timedelta(days=9))])
    with pytest.raises(FactorRefused, match="on 2026-05-13: 40 in a"):
        held.with_change(change("a", 40, DAY + timedelta(days=1)))
    assert held.with_change(change("a", 30, DAY + timedelta(days=1))).factor_pct("AT1", "a", DAY) == 30


def test_another_point_has_its_own_sum() -> None:
    """100 % of one metering point in one community leaves all of another free."""
    held = Participation().with_all([change("a", 100), change("b", 100, point="AT2")])
    assert held.communities("AT2", DAY) == {"b": 100}


def test_five_communities_and_no_sixth() -> None:
    """Five by 10 % each are taken; a sixth is refused without the sum's code; once one is left, there is room."""
    held = Participation().with_all([change(name, 10) for name in "abcde"])
    with pytest.raises(FactorRefused, match="communities of AT1 on 2026-05-04: 6; expected at most 5") as told:
        held.with_change(change("f", 10))
    assert told.value.code is None
    later = DAY + timedelta(days=1)
    assert (
        len(held.with_change(change("a", 0, later)).with_change(change("f", 10, later)).communities("AT1", later)) == 5
    )


def test_one_change_a_day_and_community() -> None:
    """A second change of the same point and community for the same day is refused; for the next day it is taken."""
    held = Participation().with_change(change("a", 50))
    with pytest.raises(FactorRefused, match="changed already; expected one change a day and community"):
        held.with_change(change("a", 60))
    after = held.with_change(change("a", 60, DAY + timedelta(days=1)))
    assert [after.factor_pct("AT1", "a", DAY + timedelta(days=k)) for k in (-1, 0, 1, 5)] == [0, 50, 60, 60]


@pytest.mark.parametrize("factor", [-1, 101, 1000])
def test_a_factor_is_a_percentage(factor: int) -> None:
    """Below 0 or above 100 is refused."""
    with pytest.raises(FactorRefused, match=f"{factor} %; expected 1 to 100, or 0 to leave"):
        Participation().with_change(change("a", factor))


CHANGES = st.lists(
    st.builds(
        FactorChange,
        st.sampled_from(["AT1", "AT2"]),
        st.sampled_from(list("abcdefg")),
        st.sampled_from([0, 1, 20, 50, 100]),
        st.dates(DAY, DAY + timedelta(days=6)),
    ),
    max_size=14,
)


@given(changes=CHANGES, limit=st.integers(1, 5))
def test_whatever_is_asked_no_day_breaks_a_rule(changes: list[FactorChange], limit: int) -> None:
    """Each change is taken or refused; on every day every point's factors sum to at most 100 in at most so many communities."""
    held = Participation(most_communities=limit)
    for one in changes:
        try:
            held = held.with_change(one)
        except FactorRefused:
            continue
    for offset in range(8):
        for point in ("AT1", "AT2"):
            factors = held.communities(point, DAY + timedelta(days=offset))
            assert sum(factors.values()) <= 100
            assert len(factors) <= limit
            assert all(
                held.factor_pct(point, name, DAY + timedelta(days=offset)) == pct for name, pct in factors.items()
            )
