"""What the manager decides for its island: stages by priority, the engine, the sun's limit, the way back to mains."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.islanding.control import IslandFacts, IslandOutlook, IslandSeen, armed, decide
from agents.planning.islanding.outlook import IslandExpectations, habit, outlook, ratios, remaining_isps

FACTS = IslandFacts(
    battery_w=100_000, capacity_wh=200_000, empty_wh=4_000, efficiency=0.95, chp_w=0, chp_min_w=0, promised=2, mains_stable_s=60,
    nominal_hz=50, start_wh=6_000, bridge_s=200,
)  # fmt: skip
WITH_CHP = replace(FACTS, chp_w=300_000, chp_min_w=120_000)
SEEN = IslandSeen(
    lit=True, stored_wh=100_000, battery_w=0, chp_ready=False, chp_on=False, chp_w=0, sun_w=0, closed=(True, True, True),
    mains_back_s=0,
)  # fmt: skip


def expected(
    kw: tuple[float, float, float] = (20, 30, 30), sun_kw: float = 0.0, isps: int = 8, left: int = 4
) -> IslandOutlook:
    """Constant loads and sun."""
    return IslandOutlook(np.repeat(np.array(kw)[:, None] * 1000, isps, axis=1), np.full(isps, sun_kw * 1000), left)


def test_with_enough_of_everything_all_stages_stay() -> None:
    """100 kWh for 80 kW over what may be an hour, of which 50 kW are promised: 30 kW more for half an hour fit."""
    assert decide(FACTS, SEEN, expected()).closed == (True, True, True)


def test_what_is_not_promised_is_shed_when_the_promised_need_the_energy() -> None:
    """50 kW for an hour and a half are 79 kWh; with 85 kWh nothing is left for the third stage."""
    found = decide(FACTS, replace(SEEN, stored_wh=89_000), expected(left=6))
    assert found.closed == (True, True, False)


def test_what_power_cannot_carry_is_shed() -> None:
    """120 kW on a battery of 100 kW: the last stage goes; with 60 kW of sun it stays, for half of it counts."""
    loads = (30.0, 50.0, 40.0)
    assert decide(FACTS, SEEN, expected(loads, left=1)).closed == (True, True, False)
    assert decide(FACTS, SEEN, expected(loads, sun_kw=60, left=1)).closed == (True, True, True)
    assert decide(FACTS, SEEN, expected(loads, sun_kw=45, left=1)).closed == (True, True, False)


def test_for_what_is_promised_sun_that_is_there_counts() -> None:
    """115 kW promised on 100 kW: 20 kW of sun carry them while they are really given, by the battery's whole rating."""
    loads = (50.0, 65.0, 40.0)
    assert decide(FACTS, SEEN, expected(loads, sun_kw=20, left=1)).closed == (True, False, False)
    assert decide(FACTS, replace(SEEN, sun_w=20_000), expected(loads, sun_kw=20, left=1)).closed == (True, True, False)


def test_the_last_energy_is_for_priority_one() -> None:
    """A kilowatt-hour above empty is not shared with the second stage."""
    assert decide(FACTS, replace(SEEN, stored_wh=5_000), expected()).closed == (True, False, False)


def test_with_nothing_left_it_is_let_go_dark() -> None:
    """A battery that is empty and no other source: no stage, and the island is stopped on purpose."""
    found = decide(FACTS, replace(SEEN, stored_wh=4_000), expected())
    assert found.stop
    assert not any(found.closed)


def test_stages_come_back_one_at_a_time_and_with_a_margin() -> None:
    """From one connected stage to two at most; what is just enough to keep is not enough to connect."""
    first = replace(SEEN, closed=(True, False, False))
    assert decide(FACTS, first, expected()).closed == (True, True, False)
    tight = replace(SEEN, closed=(True, True, False), stored_wh=91_000)
    assert decide(FACTS, tight, expected(left=5)).closed == (True, True, False)
    assert decide(FACTS, replace(tight, closed=(True, True, True)), expected(left=5)).closed == (True, True, True)


def test_a_dark_island_starts_with_its_first_stage_if_there_is_energy() -> None:
    """Black start needs `start_wh`; below it the island waits for mains."""
    dark = replace(SEEN, lit=False, closed=(False, False, False))
    found = decide(FACTS, dark, expected())
    assert (found.start, found.closed) == (True, (True, False, False))
    waiting = decide(FACTS, replace(dark, stored_wh=5_000), expected())
    assert not waiting.start
    assert not any(waiting.closed)


def test_it_goes_back_to_mains_when_they_are_stable() -> None:
    """After a minute it looks for their phase, a little faster than they are; a dark island closes at once."""
    assert not decide(FACTS, replace(SEEN, mains_back_s=59), expected()).close
    found = decide(FACTS, replace(SEEN, mains_back_s=60), expected())
    assert found.close
    assert found.hold_hz == pytest.approx(50.05)
    dark = decide(FACTS, replace(SEEN, lit=False, mains_back_s=60), expected())
    assert dark.close
    assert not dark.start


def test_the_engine_carries_the_load_and_fills_the_battery() -> None:
    """Half full: it gives what is drawn and half of the battery's power at most beside; never below its least power."""
    ready = replace(SEEN, chp_ready=True, chp_on=True, chp_w=200_000)
    assert decide(WITH_CHP, ready, expected((60, 60, 60))).chp_w == pytest.approx(180_000 + 50_000)
    assert decide(WITH_CHP, replace(ready, stored_wh=170_000), expected((20, 10, 10))).chp_w == 120_000


def test_the_engine_stops_when_the_battery_is_full_and_starts_again_when_it_is_not() -> None:
    """At its least power it would only fill what is full; below seven tenths it comes back."""
    full = replace(SEEN, chp_ready=True, chp_on=True, chp_w=120_000, stored_wh=198_000)
    assert decide(WITH_CHP, full, expected((10, 10, 10))).chp_w == 0
    off = replace(full, chp_on=False, chp_w=0)
    assert decide(WITH_CHP, replace(off, stored_wh=150_000), expected((10, 10, 10))).chp_w == 0
    assert decide(WITH_CHP, replace(off, stored_wh=130_000), expected((10, 10, 10))).chp_w > 0


def test_an_engine_out_of_order_is_not_asked() -> None:
    """Nor one that a site has not."""
    assert decide(WITH_CHP, SEEN, expected()).chp_w == 0
    assert decide(FACTS, replace(SEEN, chp_ready=True), expected()).chp_w == 0


def test_the_sun_is_limited_to_what_can_be_taken() -> None:
    """What is drawn and most of the battery's power; a full battery takes nothing."""
    assert decide(FACTS, SEEN, expected(sun_kw=500)).sun_limit_w == pytest.approx(80_000 + 80_000)
    assert decide(FACTS, replace(SEEN, stored_wh=195_000), expected(sun_kw=500)).sun_limit_w == pytest.approx(80_000)


def test_an_engine_that_gives_far_too_much_is_tripped_at_once() -> None:
    """270 kW beside 80 kW of loads are more than the battery takes; beside 200 kW they are not."""
    running = replace(SEEN, chp_ready=True, chp_on=True, chp_w=270_000)
    assert armed(WITH_CHP, running, expected()).chp_w == 0
    assert armed(WITH_CHP, running, expected((70, 60, 70))).chp_w > 0


def test_what_the_battery_must_bridge_is_shed_before() -> None:
    """Where the engine is tripped, the battery's power alone counts until it is back."""
    running = replace(SEEN, chp_ready=True, chp_on=True, chp_w=290_000, stored_wh=198_000)
    found = armed(WITH_CHP, running, expected((40, 50, 60)))
    assert found.chp_w == 0
    assert found.closed == (True, True, False)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*[st.floats(0, 150)] * 3), st.floats(0, 400), st.floats(0, 200_000), st.booleans(), st.booleans(),
    st.tuples(*[st.booleans()] * 3), st.integers(1, 30), st.sampled_from([0.0, 30.0, 100.0]),
)  # fmt: skip
def test_orders_are_always_possible(
    kw: tuple[float, float, float],
    sun_kw: float,
    stored_wh: float,
    lit: bool,
    chp_ready: bool,
    closed: tuple[bool, bool, bool],
    left: int,
    back_s: float,
) -> None:
    """A stage is never connected before one of higher priority; the engine is off or within its range; limits are none below 0."""
    seen = IslandSeen(lit, stored_wh, 0.0, chp_ready, False, 0.0, 0.0, closed, back_s)
    for found in (
        decide(WITH_CHP, seen, expected(kw, sun_kw, left=left)),
        armed(WITH_CHP, seen, expected(kw, sun_kw, left=left)),
    ):
        assert list(found.closed) == sorted(found.closed, reverse=True)
        assert found.chp_w == 0 or 120_000 <= found.chp_w <= 300_000
        assert found.sun_limit_w >= 0
        assert not (found.start and lit)
        assert not (found.stop and any(found.closed))


def test_habits_are_the_same_time_of_earlier_days() -> None:
    """The mean of one, two, seven and fourteen days ago, of those that are known."""
    series = np.repeat(np.arange(20.0), 96)
    assert habit(series, 96 * 15, 2).tolist() == pytest.approx([(14 + 13 + 8 + 1) / 4] * 2)
    assert habit(series, 96 * 2, 1).tolist() == pytest.approx([0.5])
    assert habit(series, 0, 3).tolist() == [0.0, 0.0, 0.0]
    assert habit(np.arange(96.0), 96, 100)[96:].tolist() == [0.0, 1.0, 2.0, 3.0]


EXPECTED = IslandExpectations(
    first=datetime(2016, 5, 20, 10, tzinfo=UTC), load_w=np.full((2, 100), 10_000.0), sun_w=np.full(100, 4_000.0),
    seconds=np.array([600.0, 1800.0, 7200.0]), weights=np.array([8.0, 1.0, 1.0]), confidence=0.95,
)  # fmt: skip


def test_an_outlook_begins_with_what_is_measured_and_ends_with_habit() -> None:
    """Twice the usual load now is half of that more in an hour, and usual after two."""
    now = EXPECTED.first + timedelta(minutes=20)
    found = outlook(EXPECTED, now, now, np.array([2.0, 1.0]), 2_000.0)
    assert found.load_w[0, [0, 4, 8, 11]].tolist() == [20_000, 15_000, 10_000, 10_000]
    assert found.load_w[1, :3].tolist() == [10_000] * 3
    assert found.sun_w[[0, 4, 8]].tolist() == [2_000, 3_000, 4_000]
    assert found.remaining_isps == 8


def test_announced_works_end_when_they_are_said_to() -> None:
    """Then nobody guesses how long it lasts."""
    known = replace(EXPECTED, end=EXPECTED.first + timedelta(hours=3))
    assert outlook(known, EXPECTED.first, EXPECTED.first, np.ones(2), 0.0).remaining_isps == 12
    late = EXPECTED.first + timedelta(hours=5)
    assert outlook(known, late, EXPECTED.first, np.ones(2), 0.0).remaining_isps == 1


def test_what_a_shed_stage_would_draw_is_as_it_was_last() -> None:
    """Its meter shows nothing; its share of its habit is remembered, and bounded."""
    closed = np.array([1.0, 0.0])
    found = ratios(np.array([1.0, 1.7]), EXPECTED, EXPECTED.first, np.array([15_000.0, 0.0]), closed)
    assert found.tolist() == [1.5, 1.7]
    assert ratios(found, EXPECTED, EXPECTED.first, np.array([90_000.0, 0.0]), closed).tolist() == [3.0, 1.7]


def test_what_remains_is_conditional_on_what_has_passed() -> None:
    """Of outages of 10, 30 and 120 minutes, after 15 only two are left; after all of them, at least an ISP."""
    seconds, weights = np.array([600.0, 1800.0, 7200.0]), np.array([8.0, 1.0, 1.0])
    assert remaining_isps(seconds, weights, 0.0, 0.8) == 1
    assert remaining_isps(seconds, weights, 0.0, 0.95) == 8
    assert remaining_isps(seconds, weights, 900.0, 0.5) == 1
    assert remaining_isps(seconds, weights, 900.0, 0.6) == 7
    assert remaining_isps(seconds, weights, 9000.0, 0.9) == 1
