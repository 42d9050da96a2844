"""What a limit of consumption held back excuses the orders that were given before it was known, and no later one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.settlement.day import undelivered_w
from market.settlement.elements import ElementMove, levels_given, settle_element
from market.settlement.held_back import HELD_BACK, HELD_SINCE, HeldBack, held_w
from market.settlement.portfolio import ConnectionDay, held_back, settle_portfolio
from market.uftp import FlexOrder, FlexOrderSettlement, IspPower, MeteringProfile
from tests.market.test_market_portfolio import BATTERY, ISPS, POINT, SALE, WATTS, member, metering, order

LIMITED_AT = datetime(2026, 5, 19, 12, tzinfo=UTC)
BEFORE, AFTER = LIMITED_AT - timedelta(minutes=1), LIMITED_AT


def at(instant: datetime, made: FlexOrder) -> FlexOrder:
    """The same order, given at an instant."""
    return replace(made, header=replace(made.header, time_stamp=instant))


def held(day: ConnectionDay, watts: int, since: datetime = LIMITED_AT) -> ConnectionDay:
    """The same connection, of which a limit held back so much in the first ISP."""
    assert day.connection is not None
    return replace(day, connection=replace(day.connection, profiles=(*day.connection.profiles, *told(watts, since))))


def told(watts: int, since: datetime = LIMITED_AT) -> tuple[MeteringProfile, ...]:
    """Both profiles of what was held back in the first ISP."""
    since_s = int(since.timestamp())
    return MeteringProfile(HELD_BACK, "W", (watts, 0, 0, 0)), MeteringProfile(HELD_SINCE, "s", (since_s, 0, 0, 0))


def at_noon(actual_w: int, ordered_w: int) -> ConnectionDay:
    """A connection with one battery under order, foretold 1000 W."""
    return member([actual_w, 0, 0, 0], [1000, 0, 0, 0], [ordered_w, 0, 0, 0])


def missing_w(row: FlexOrderSettlement) -> int:
    """What an order lacks in its first ISP."""
    return row.isps[0].power_deficiency_w


def test_only_an_order_given_before_the_limit_is_excused_by_it() -> None:
    """Ordered to 1400 W, held at 700: before, nothing is missing; from the limit's instant on, all that was ordered."""
    for instant, lack_w in ((BEFORE, 0), (AFTER, 400), (AFTER + timedelta(hours=1), 400)):
        made = at(instant, order("o", {1: 400}, SALE))
        (row,) = settle_portfolio([made], {1: 1000}, [held(at_noon(700, 400), 700)], [SALE], ISPS)
        assert missing_w(row) == lack_w


def test_a_baseline_that_knows_the_limit_is_not_lowered_by_it_again() -> None:
    """Foretold 700 W under the limit, ordered 100 more or less after it, nothing done: just these 100 are missing."""
    for ordered_w in (100, -100):
        made = at(AFTER, order("o", {1: ordered_w}, SALE))
        (row,) = settle_portfolio([made], {1: 700}, [held(at_noon(700, ordered_w), 300)], [SALE], ISPS)
        assert missing_w(row) == 100


def test_behind_an_order_from_before_a_later_one_answers_for_its_own_part() -> None:
    """The first stands on a baseline without the limit: it lacks nothing; the second lacks what it was ordered."""
    orders = [at(BEFORE, order("a", {1: 400}, SALE)), at(AFTER, order("b", {1: 100}, SALE))]
    rows = settle_portfolio(orders, {1: 1000}, [held(at_noon(700, 500), 700)], [SALE], ISPS)
    assert [missing_w(row) for row in rows] == [0, 100]


@given(watts=st.integers(0, 9000), actual=WATTS, ordered=WATTS.filter(bool), base=WATTS)
def test_for_a_later_order_nothing_was_held_back(watts: int, actual: int, ordered: int, base: int) -> None:
    """Settled as if nothing had been told of the limit."""
    made, day = (
        at(AFTER, order("o", {1: ordered}, SALE)),
        member([actual, 0, 0, 0], [base, 0, 0, 0], [ordered, 0, 0, 0]),
    )
    plain, limited = (settle_portfolio([made], {1: base}, [one], [SALE], ISPS) for one in (day, held(day, watts)))
    assert plain == limited


def test_without_an_instant_it_counts_for_every_order() -> None:
    """A metering that was recorded before instants were told is settled as it was."""
    day = at_noon(700, 400)
    assert day.connection is not None
    old = replace(day.connection, profiles=(*day.connection.profiles, MeteringProfile(HELD_BACK, "W", (700, 0, 0, 0))))
    (row,) = settle_portfolio(
        [at(AFTER, order("o", {1: 400}, SALE))], {1: 1000}, [replace(day, connection=old)], [SALE], ISPS
    )
    assert missing_w(row) == 0


def test_what_a_later_order_lacks_was_available() -> None:
    """400 W ordered before the limit and 100 after it, nothing of either drawn: of what was held back, 400 count."""
    orders = [at(BEFORE, order("a", {1: 400}, SALE)), at(AFTER, order("b", {1: 100}, SALE))]
    day = held(member([700, 0, 0, 0], [1000, 0, 0, 0], [500, 0, 0, 0]), 700)
    rows, reserved = settle_portfolio(orders, {1: 1000}, [day], [SALE], ISPS), replace(SALE, amount_up_w=500)
    times = {one.order_reference: one.header.time_stamp for one in orders}
    limits = held_back([day], ISPS)
    assert undelivered_w(rows, reserved) == {1: 500}
    assert undelivered_w(rows, reserved, held=limits, given=times) == {1: 100}
    assert undelivered_w(rows, reserved, held=limits) == {1: 0}


def test_no_held_back_watt_excuses_two_orders() -> None:
    """Two connections, limited one after the other: between both an order is excused by the second alone."""
    rows = [HeldBack(300, int(LIMITED_AT.timestamp())), HeldBack(200, int(LIMITED_AT.timestamp()) + 3600)]
    later = LIMITED_AT + timedelta(hours=2)
    assert [held_w(rows, instant) for instant in (BEFORE, AFTER, later)] == [500, 200, 0]
    orders = [at(instant, order(name, {1: 400}, SALE)) for name, instant in (("a", BEFORE), ("b", AFTER), ("c", later))]
    settled = settle_portfolio(orders, {1: 1000}, [member([1000, 0, 0, 0], [1000, 0, 0, 0], [0] * 4)], [SALE], ISPS)
    times = {one.order_reference: one.header.time_stamp for one in orders}
    # of 1200 W: the third's 400 lack; the second is excused by 200, and the first by the 300 that are left
    assert undelivered_w(settled, replace(SALE, amount_up_w=1200), held={1: rows}, given=times) == {1: 700}


def settled_battery(moves: list[tuple[datetime, int, int]], actual_w: int, watts: int) -> FlexOrderSettlement:
    """A battery under orders of the first ISP (given, told, moved), of which a limit held back so much."""
    made = [
        ElementMove(at(instant, order(f"o{k}", {1: moved}, BATTERY)), ((1, before, moved),))
        for k, (instant, before, moved) in enumerate(moves)
    ]
    meter = metering("battery", Power=[actual_w, 0, 0, 0], OwnRule=[1000, 0, 0, 0])
    meter = replace(meter, profiles=(*meter.profiles, *told(watts)))
    done = settle_element("battery", made, BATTERY, meter, metering("c", Power=[actual_w, 0, 0, 0]))
    assert done is not None
    return done[1][0]


@pytest.mark.parametrize(
    ("moves", "lack_w"),
    [
        ([(BEFORE, 1000, 400)], 0),
        ([(AFTER, 1000, 400)], 400),
        ([(BEFORE, 1000, 400), (AFTER, 700, -100)], 0),
        ([(AFTER, 700, -100)], 100),
    ],
)
def test_an_elements_level_that_was_told_after_the_limit_is_judged_as_it_is(
    moves: list[tuple[datetime, int, int]], lack_w: int
) -> None:
    """At 700 W a level of 1400 from before lacks nothing, and from after all that was ordered.

    One of 600, told under the limit, lacks 100 where they are owed.
    """
    assert missing_w(settled_battery(moves, 700, 700)) == lack_w


def test_a_level_starts_from_the_last_order_before_its_isp() -> None:
    """One that comes while the ISP runs moves the level on, and knows no more than the level that it moves."""
    start = datetime(2026, 5, 19, 22, tzinfo=UTC)  # local midnight: the first ISP begins
    instants = [start - timedelta(hours=2), start - timedelta(hours=1), start + timedelta(minutes=5)]
    made = [
        ElementMove(at(one, order(f"o{k}", {1: 1}, BATTERY)), ((1, 0, 1),)) for k, one in enumerate(instants, start=1)
    ]
    assert levels_given(made) == {1: instants[1]}
    assert levels_given(made[2:]) == {1: instants[2]}


@pytest.mark.parametrize("name", [HELD_BACK, HELD_SINCE])
def test_what_was_held_back_must_be_told_of_every_isp(name: str) -> None:
    """One sentence: what, of which element, how many values, and how many were expected."""
    made = ElementMove(order("o", {1: 400}, BATTERY), ((1, 1000, 400),))
    profiles = [replace(p, values=p.values[:3]) if p.profile_type == name else p for p in told(700)]
    meter = metering("battery", Power=[700, 0, 0, 0])
    meter = replace(meter, profiles=(*meter.profiles, *profiles))
    with pytest.raises(BadInput, match=f"{name} of battery: 3 values; expected 4, one for each ISP of its Power"):
        settle_element("battery", [made], BATTERY, meter, metering("c", Power=[700, 0, 0, 0]))


def test_where_nothing_is_ordered_nothing_is_asked_of_limits() -> None:
    """An ISP of a limit without an order is in no settlement."""
    made = at(BEFORE, replace(order("o", {2: 400}, SALE), isps=(IspPower(2, 400),), congestion_point=POINT))
    (row,) = settle_portfolio(
        [made], {2: 0}, [held(member([0, 400, 0, 0], [0] * 4, [0, 400, 0, 0]), 700)], [SALE], ISPS
    )
    assert [isp.start for isp in row.isps] == [2]
    assert missing_w(row) == 0
