"""What a day's orders together hold one element to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from market.contracts.contract import BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.elements import OWN_RULE, ElementMove, commitment, levels, settle_element, volume_amount
from market.settlement.elements import owed as owed_w
from market.uftp import FlexOrder, Header, IspPower, Metering, MeteringProfile

FIRST = date(2016, 6, 15)
CONTRACT: FlexContract = from_template(
    "household-daily", contract_id="c-1", buyer="agr.example", seller="farm.example", start_date=FIRST,
    end_date=FIRST, timezone="Europe/Vienna", flex_elements=(FlexElement("pv", "pv", 9000, 0),), volume_price_e4_per_kwh=1000,
)  # fmt: skip


AHEAD = datetime(2016, 6, 14, 10, tzinfo=UTC)


def order(reference: str, *rows: tuple[int, int], at: datetime = AHEAD) -> FlexOrder:
    """A member order over these (ISP, watts)."""
    header = Header("agr.example", "farm.example", at, reference, reference)
    isps = tuple(IspPower(isp, power) for isp, power in rows)
    return FlexOrder(header, FIRST, "ean", reference, 5, "EUR", isps, "Europe/Vienna")


def test_later_orders_add_to_earlier_ones() -> None:
    """Moves of one interval are summed, whichever order made them."""
    first = ElementMove(order("a", (40, 500), (41, 500)), ((40, -900, 300), (41, -900, 200)))
    second = ElementMove(order("b", (41, 100)), ((41, -700, 150),))
    owed, _ = commitment("pv", [first, second], CONTRACT) or (None, {})
    assert owed is not None
    assert owed.isps == (IspPower(40, 300), IspPower(41, 350))


def test_the_baseline_is_the_one_told_before_the_first_touch() -> None:
    """A later order cannot move the baseline of an interval that an earlier one touched."""
    first = ElementMove(order("a", (41, 500)), ((41, -900, 200),))
    second = ElementMove(order("b", (41, 100), (42, 100)), ((41, -700, 150), (42, -600, 80)))
    _, baseline = commitment("pv", [first, second], CONTRACT) or (None, {})
    assert baseline == {41: -900, 42: -600}


def test_an_elements_own_rebound_is_not_owed() -> None:
    """Moves where nothing was ordered, or against the order, are neither owed nor paid."""
    move = ElementMove(order("a", (40, 500), (41, 500)), ((40, 0, 300), (41, 0, -100), (60, 0, -250)))
    owed, _ = commitment("battery", [move], CONTRACT) or (None, {})
    assert owed is not None
    assert owed.isps == (IspPower(40, 300),)


def test_a_plant_is_owed_all_that_orders_took_of_it() -> None:
    """Sun has no rebound: what a split takes where nothing was asked makes up for others' rebound, and is paid as ordered."""
    plant = replace(CONTRACT, flex_elements=(FlexElement("pv", "pv", 9000, 0, BaselineKind.AVAILABLE_POWER),))
    moves = [ElementMove(order("a", (40, 500)), ((40, -900, 300), (60, -800, 250)))]
    settled = commitment("pv", moves, plant)
    assert settled is not None
    assert settled[0].isps == (IspPower(40, 300), IspPower(60, 250))
    assert settled[1] == {40: -900, 60: -800}
    assert owed_w(moves, rebounds=False) == {40: 300, 60: 250}
    assert owed_w(moves) == {40: 300}


def test_the_order_names_the_element_the_day_and_the_contract() -> None:
    """What is owed is one order of the element under its contract, at the volume price of what is owed."""
    owed, _ = commitment("pv", [ElementMove(order("a", (40, 500)), ((40, 0, 400),))], CONTRACT) or (None, {})
    assert owed is not None
    assert (owed.order_reference, owed.congestion_point, owed.contract_id) == (f"{FIRST}/pv", "pv", "c-1")
    assert owed.price == volume_amount((IspPower(40, 400),), 1000, 15) == 100


def test_both_levels_count_the_same_isps() -> None:
    """What a meter tells the buyers as ordered is what the member is owed for: its own rebound is in neither."""
    moves = [ElementMove(order("a", (1, -300)), ((1, 500, -300), (2, 500, 300)))]
    settled = commitment("battery", moves, CONTRACT)
    assert settled is not None
    assert owed_w(moves) == {row.start: row.power_w for row in settled[0].isps} == {1: -300}


def test_nothing_is_owed_when_orders_cancel_out() -> None:
    """None is the answer when the moves add up to nothing, or go nowhere that was asked for."""
    there = ElementMove(order("a", (40, 500)), ((40, 0, 400),))
    back = ElementMove(order("b", (40, -500)), ((40, 400, -400),))
    assert commitment("pv", [there, back], CONTRACT) is None
    assert commitment("pv", [ElementMove(order("a", (40, 500)), ((50, 0, 400),))], CONTRACT) is None


def test_charging_that_is_moved_and_moved_back_is_paid_once() -> None:
    """A battery charges 400 W in ISP 50. Ordered up in ISP 45, it charges there instead: in ISP 50 that is its own rebound.

    A later order up in ISP 50 brings the 400 W back there: by the first baseline nothing changed there, only ISP 45 is paid.
    Where 100 W more come than before the rebound, these are owed.
    """
    there = ElementMove(order("a", (45, 400)), ((45, 0, 400), (50, 400, -400)))
    back = ElementMove(order("b", (50, 400)), ((50, 0, 400),))
    more = ElementMove(order("c", (50, 100)), ((50, 400, 100),))
    assert owed_w([there, back]) == {45: 400}
    assert owed_w([there, back, more]) == {45: 400, 50: 100}
    assert levels([there, back]) == {45: 400, 50: 400}


def test_what_an_earlier_order_asked_for_is_owed_although_a_later_one_took_some_back() -> None:
    """An interval is owed where SOME order asked for its direction, as the docstring promises."""
    there = ElementMove(order("a", (40, 500)), ((40, 0, 400),))
    back = ElementMove(order("b", (40, -100)), ((40, 400, -100),))
    owed, _ = commitment("pv", [there, back], CONTRACT) or (None, {})
    assert owed is not None
    assert owed.isps == (IspPower(40, 300),)


def test_the_newest_level_counts_and_not_the_sum_of_moves() -> None:
    """Told -900 and ordered up by 300 (-600); then -1000 told, as more wind came, and ordered up by 500: it keeps -500.

    The sum of the moves from what was told first would be -900 + 800 = -100, a level nobody asked for. An ISP that the second
    order does not touch keeps the level of the first.
    """
    first = ElementMove(order("a", (40, 500), (41, 500)), ((40, -900, 300), (41, -900, 200)))
    second = ElementMove(order("b", (40, 500)), ((40, -1000, 500),))
    assert levels([first, second]) == {40: -500, 41: -700}
    assert levels([first]) == {40: -600, 41: -700}
    assert levels([]) == {}


def test_an_order_in_a_running_isp_moves_the_mean_by_what_was_still_to_come() -> None:
    """ISP 41 of a day in Vienna begins at 08:00 UTC. Held to -600; at 08:05 it is held to -300 for the last 10 minutes.

    Two thirds of the move of 300 count, 200: the mean of 5 minutes at -600 and 10 at -300 is -400. A third order at 08:10, to
    -150 for 5 minutes, counts 50: -350. One that comes at the last instant before the ISP tells its level anew.
    """
    ahead = ElementMove(order("a", (41, 500)), ((41, -900, 300),))
    late = ElementMove(order("b", (41, 1), at=datetime(2016, 6, 15, 8, 5, tzinfo=UTC)), ((41, -600, 200),))
    later = ElementMove(order("c", (41, 1), at=datetime(2016, 6, 15, 8, 10, tzinfo=UTC)), ((41, -300, 50),))
    just = ElementMove(order("d", (41, 1), at=datetime(2016, 6, 15, 7, 59, 59, tzinfo=UTC)), ((41, -700, 50),))
    assert levels([ahead, late]) == {41: -400}
    assert levels([ahead, late, later]) == {41: -350}
    assert levels([late]) == {41: -400}
    assert levels([ahead, just, late]) == {41: -450}


WATTS = st.integers(-5000, 5000)
ISPS = st.integers(1, 96)
ORDERS = st.dictionaries(ISPS, WATTS.filter(bool), min_size=1, max_size=6)
MOVES = st.dictionaries(ISPS, st.tuples(WATTS, WATTS), max_size=6)


@given(st.lists(st.tuples(ORDERS, MOVES), min_size=1, max_size=4))
def test_what_is_owed_never_goes_against_what_was_wanted(
    drawn: list[tuple[dict[int, int], dict[int, tuple[int, int]]]],
) -> None:
    """Every owed interval was ordered in that direction, equals the sum of moves, and has its first baseline."""
    moves = [
        ElementMove(order(str(k), *rows.items()), tuple((isp, *both) for isp, both in own.items()))
        for k, (rows, own) in enumerate(drawn)
    ]
    found = commitment("pv", moves, CONTRACT)
    wanted = {(isp, power > 0) for rows, _ in drawn for isp, power in rows.items()}
    if found is None:
        return
    owed, baseline = found
    assert owed.isps
    for row in owed.isps:
        assert (row.start, row.power_w > 0) in wanted
        assert row.power_w == sum(own[row.start][1] for _, own in drawn if row.start in own)
        assert baseline[row.start] == next(own[row.start][0] for _, own in drawn if row.start in own)
    assert owed.price == volume_amount(owed.isps, CONTRACT.volume_price_e4_per_kwh, 15)
    newest = {isp: sum(both) for _, own in drawn for isp, both in own.items()}
    assert {isp: watts for isp, watts in levels(moves).items() if isp in newest} == newest


@given(st.lists(st.tuples(ISPS, WATTS), max_size=8), st.integers(0, 9000))
def test_an_amount_does_not_depend_on_direction(rows: list[tuple[int, int]], price: int) -> None:
    """Flexibility up is worth what flexibility down is worth."""
    up = tuple(IspPower(isp, power) for isp, power in rows)
    down = tuple(IspPower(isp, -power) for isp, power in rows)
    assert volume_amount(up, price, 15) == volume_amount(down, price, 15)


def test_charging_that_a_battery_moved_away_is_not_paid_when_it_is_ordered_back() -> None:
    """An earlier order left it no charging in ISP 40, a later one asks 3 kW there: it would have charged 2 without any.

    Level and fine go by what it was told; paid is one kilowatt.
    """
    covered = (FlexElement("battery", "battery", 5000, -5000, BaselineKind.RUNNING_PLAN),)
    contract = replace(CONTRACT, flex_elements=covered)
    move = ElementMove(order("a", (40, 3000)), ((40, 0, 3000),))
    own, power = [0] * 96, [0] * 96
    own[39], power[39] = 2000, 3000
    header = Header("farm.example", "agr.example", AHEAD, "m", "m")
    meter = Metering(header, FIRST, "battery", 1, (MeteringProfile("Power", "W", tuple(power)),), "Europe/Vienna")
    for rule, delivered in (((), 3000), ((MeteringProfile(OWN_RULE, "W", tuple(own)),), 1000)):
        told = replace(meter, profiles=(*meter.profiles, *rule))
        settled = settle_element("battery", [move], contract, told, meter)
        assert settled is not None
        ((row,),) = (one.isps for one in settled[1])
        assert (row.delivered_flex_power_w, row.power_deficiency_w) == (delivered, 0)
