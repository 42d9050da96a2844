"""The market's grid of control intervals on both clock changes, in steps that divide the ISP; and who is who."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.rules import Control, MarketRules

CHANGES = {"spring": (date(2026, 3, 29), 23), "autumn": (date(2026, 10, 25), 25), "neither": (date(2026, 5, 20), 24)}
RULES = MarketRules(
    "Europe/Vienna",
    15,
    "EUR",
    300,
    date(2026, 3, 29),
    2,
    Control.MARKET,
    {"agr": "agr.example", "dso": "dso.example"},
    {},
    "seed",
)


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("control_s", [60, 180, 300, 900])
def test_a_timer_armed_again_and_again_meets_every_interval_of_the_day_once(change: str, control_s: int) -> None:
    """From local midnight on, boundary after boundary: 23, 24 or 25 hours of intervals without gap, up to midnight."""
    market, (day, hours) = replace(RULES, control_s=control_s), CHANGES[change]
    local = market.day(day)
    seen = [local.start]
    for _ in range(hours * 3600 // control_s):
        seen.append(market.boundary(seen[-1]))
    assert {after - before for before, after in pairwise(seen)} == {timedelta(seconds=control_s)}
    assert seen[-1] == local.end
    assert [market.interval_start(at) for at in seen] == seen
    assert {local.isp_start(isp) for isp in range(1, local.count + 1)} <= set(seen)  # each ISP begins on the grid


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_microsecond_decides_which_interval_an_instant_is_in(change: str) -> None:
    """A boundary opens its interval; just before it the one before still runs, on the changed hours as elsewhere."""
    local, blink = RULES.day(CHANGES[change][0]), timedelta(microseconds=1)
    for minutes in (0, 55, 60, 115, 120, 125, 175, 180, 240):
        at = local.start + timedelta(minutes=minutes)
        assert RULES.interval_start(at) == RULES.interval_start(at + blink) == at
        assert RULES.interval_start(at - blink) == at - RULES.interval
        assert RULES.boundary(at - blink) == at
        assert RULES.boundary(at) == RULES.boundary(at + blink) == at + RULES.interval


@given(seconds=st.integers(0, 25 * 3600 - 1), change=st.sampled_from(sorted(CHANGES)))
def test_patience_leaves_time_for_an_answer(seconds: int, change: str) -> None:
    """Half an interval at least: asked in an interval's first half until its end, in its second half until the next one's."""
    day, hours = CHANGES[change]
    at = RULES.day(day).start + timedelta(seconds=seconds % (hours * 3600))
    into = (at - RULES.interval_start(at)) / RULES.interval
    expected = RULES.interval_start(at) + (1 if into < 0.5 else 2) * RULES.interval
    assert RULES.patience(at) == expected


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=20))
def test_the_boundary_of_an_instant_does_not_depend_on_what_was_asked_before(seconds: list[int]) -> None:
    """One market asked many instants in a row answers as a fresh one each time, whether the object is the same or equal."""
    start, known = RULES.day(date(2026, 10, 25)).start, replace(RULES)
    for offset in seconds:
        at = start + timedelta(seconds=offset)
        fresh = replace(RULES).boundary(start + timedelta(seconds=offset))
        assert known.boundary(at) == known.boundary(at) == known.boundary(at + timedelta(0)) == fresh


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),  # still winter time: UTC+1
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),  # summer time: UTC+2
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_the_local_day_of_an_instant(instant: datetime, day: date) -> None:
    """By the clock on the wall of Vienna, by hand."""
    assert RULES.day_of(instant) == RULES.day(day)


def test_of_two_agents_with_one_domain_the_first_is_meant() -> None:
    """A domain shared by mistake leads to the agent named first, always the same."""
    market = replace(RULES, domains={"one": "x.example", "two": "x.example", "three": "y.example"})
    assert (market.name_of("x.example"), market.name_of("y.example")) == ("one", "three")
