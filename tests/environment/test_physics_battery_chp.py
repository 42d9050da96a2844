"""Battery and CHP plant under any orders: bounds, losses, ramps, and what they tell about themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.physics import BaseLoad, Battery, Chp, Connection, Series

START = 1_463_695_200.0  # a whole quarter-hour
HOUR_S = 3600.0
ORDERS = st.lists(st.tuples(st.one_of(st.none(), st.floats(-9000, 9000)), st.floats(1, 5000)), min_size=1, max_size=12)
CHP_ORDERS = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(-700e3, 100e3)), st.integers(1, 40)), min_size=1, max_size=10
)


def battery(stored_wh: float, efficiency: float = 0.95, capacity_wh: float = 10_000.0, rests: bool = False) -> Battery:
    """A battery of 5 kW."""
    return Battery(
        "b",
        START,
        rated_w=5000.0,
        capacity_wh=capacity_wh,
        efficiency=efficiency,
        stored_wh=stored_wh,
        rests=rests,
    )


def home(rests_w: list[float], *batteries: Battery) -> Connection:
    """A connection whose load and sun together draw `rests_w`, a quarter-hour each."""
    rest = BaseLoad(
        "home.load", START, active=Series(np.array(rests_w), START), peak_w=1.0, reactive=None, peak_var=0.0
    )
    return Connection("home", (*batteries, rest))


def chp() -> Chp:
    """500 kW, planned at 450 kW, at least 200 kW, 50 kW a minute."""
    return Chp("c", START, rated_w=500e3, plan_w=-450e3, min_w=200e3, ramp_w_per_min=50e3)


@given(ORDERS, st.floats(0, 10_000), st.floats(0.6, 1.0))
def test_energy_is_neither_made_nor_lost(
    orders: list[tuple[float | None, float]], stored_wh: float, efficiency: float
) -> None:
    """At every instant import - export - losses is what the store gained; losses never shrink; the store keeps its bounds."""
    unit = battery(stored_wh, efficiency)
    connection, now_s, losses_wh = Connection("p", (unit,)), START, 0.0
    for order_w, seconds in orders:
        unit.target_w = order_w
        connection.advance(now_s, now_s + seconds)
        now_s += seconds
        assert 0.0 <= unit.stored_wh <= unit.capacity_wh
        assert unit.losses_wh >= losses_wh - 1e-9
        losses_wh = unit.losses_wh
        assert unit.import_wh - unit.export_wh - unit.losses_wh == pytest.approx(unit.stored_wh - stored_wh, abs=1e-6)


@given(ORDERS, st.floats(0, 10_000))
def test_power_has_the_sign_of_the_order_and_is_never_more(
    orders: list[tuple[float | None, float]], stored_wh: float
) -> None:
    """What flows lies between zero and the order, within the rating; without an order nothing flows."""
    unit = battery(stored_wh)
    connection, now_s = Connection("p", (unit,)), START
    for order_w, seconds in orders:
        unit.target_w = order_w
        wanted_w = 0.0 if order_w is None else min(max(order_w, -unit.rated_w), unit.rated_w)
        seen: list[float] = []
        connection.advance(now_s, now_s + seconds, lambda *_, seen=seen: seen.append(unit.power_w))
        now_s += seconds
        assert all(power_w in (0.0, wanted_w) for power_w in seen), "it follows the order, or stands"


@given(st.floats(0.6, 1.0), st.floats(500, 20_000))
def test_a_full_cycle_returns_the_square_of_the_efficiency(efficiency: float, capacity_wh: float) -> None:
    """From empty to full and back: what comes out is what went in, times the efficiency of either way."""
    unit = battery(0.0, efficiency, capacity_wh)
    connection = Connection("p", (unit,))
    long_s = 3 * HOUR_S * capacity_wh / (unit.rated_w * efficiency) + HOUR_S
    unit.target_w = unit.rated_w
    connection.advance(START, START + long_s)
    assert unit.stored_wh == pytest.approx(capacity_wh)
    unit.target_w = -unit.rated_w
    connection.advance(START + long_s, START + 2 * long_s)
    assert unit.stored_wh == pytest.approx(0.0, abs=1e-2)
    assert unit.export_wh / unit.import_wh == pytest.approx(efficiency**2, rel=1e-5)


@pytest.mark.parametrize(("stored_wh", "order_w"), [(0.0, -3000.0), (10_000.0, 3000.0)])
def test_an_order_that_cannot_be_followed_moves_nothing(stored_wh: float, order_w: float) -> None:
    """An empty battery does not discharge, a full one does not charge, and no counter moves."""
    unit = battery(stored_wh)
    unit.target_w = order_w
    assert unit.power_w == 0.0
    Connection("p", (unit,)).advance(START, START + HOUR_S)
    assert (unit.import_wh, unit.export_wh, unit.stored_wh) == (0.0, 0.0, stored_wh)


@pytest.mark.parametrize(("given_wh", "held_wh"), [(-5.0, 0.0), (12_000.0, 10_000.0), (2500.0, 2500.0)])
def test_a_start_outside_the_store_is_brought_to_its_edge(given_wh: float, held_wh: float) -> None:
    """Site files may spread the first state of charge; what is stored never leaves the capacity."""
    unit = battery(given_wh)
    assert unit.stored_wh == held_wh
    assert unit.soc_pct == pytest.approx(100 * held_wh / unit.capacity_wh)


@given(CHP_ORDERS)
def test_a_chp_plant_never_leaves_its_range_nor_its_ramp(orders: list[tuple[float | None, int]]) -> None:
    """Each minute it generates between part load and rating, at most one ramp from the minute before."""
    unit = chp()
    connection, now_s, powers_w = Connection("p", (unit,)), START, [unit.power_w]
    for order_w, minutes in orders:
        unit.target_w = order_w
        for _ in range(minutes):
            connection.advance(now_s, now_s + 60)
            now_s += 60
            powers_w.append(unit.power_w)
    assert -500e3 <= min(powers_w) <= max(powers_w) <= -200e3
    assert np.abs(np.diff(powers_w)).max() <= 50e3 + 1e-6
    assert unit.import_wh == 0.0


@given(CHP_ORDERS)
def test_a_chp_plant_comes_to_its_goal_and_rests(orders: list[tuple[float | None, int]]) -> None:
    """The goal is the order within the range, the plan without one; ten minutes reach it from anywhere, and there it stays."""
    unit = chp()
    connection, now_s = Connection("p", (unit,)), START
    for order_w, minutes in orders:
        unit.target_w = order_w
        connection.advance(now_s, now_s + 60 * minutes)
        now_s += 60 * minutes
    goal_w = -450e3 if unit.target_w is None else min(max(unit.target_w, -500e3), -200e3)
    connection.advance(now_s, now_s + 600)
    assert unit.power_w == pytest.approx(goal_w)
    before_wh = unit.export_wh
    connection.advance(now_s + 600, now_s + 600 + HOUR_S)
    assert unit.export_wh - before_wh == pytest.approx(-goal_w)


@given(st.floats(1, 59), st.floats(-500e3, -200e3))
def test_a_chp_plant_steps_at_whole_minutes_only(offset_s: float, order_w: float) -> None:
    """An order within a minute moves nothing before the minute is over, however often it is looked at."""
    unit = chp()
    connection = Connection("p", (unit,))
    connection.advance(START, START + offset_s)
    unit.target_w = order_w
    for part in (0.3, 0.6, 0.999):
        at_s = START + offset_s + part * (60 - offset_s)
        connection.advance(unit.now_s, at_s)
        assert unit.power_w == -450e3
    connection.advance(unit.now_s, START + 60)
    way_w = min(max(order_w - -450e3, -50e3), 50e3)
    assert unit.power_w == pytest.approx(-450e3 + way_w)


@given(
    rests_w=st.lists(st.floats(-12_000, 12_000), min_size=1, max_size=12),
    stored_wh=st.floats(0, 10_000),
    other_wh=st.floats(0, 3_000),
)
def test_without_a_target_it_serves_its_home_and_never_the_grid(
    rests_w: list[float], stored_wh: float, other_wh: float
) -> None:
    """Two batteries take surplus and give to need, within rating and energy: what flows at the connection only shrinks."""
    first, second = battery(stored_wh), battery(other_wh, capacity_wh=3_000.0)
    connection = home(rests_w, first, second)

    def check(now_s: float, seconds: float) -> None:
        rest_w = rests_w[int((now_s - START) // 900)]
        assert connection.power_w * rest_w >= 0.0, "never beyond zero: it neither feeds in nor buys"
        assert abs(connection.power_w) <= abs(rest_w) + 1e-6
        for unit in (first, second):
            assert abs(unit.power_w) <= unit.rated_w
            assert 0.0 <= unit.stored_wh <= unit.capacity_wh
            assert unit.power_w * rest_w <= 0.0

    connection.advance(START, START + 900 * len(rests_w), check)


def test_an_hour_of_own_consumption_by_hand() -> None:
    """4 kW of surplus for half an hour store 1.9 kWh; 8 kW of need for half an hour take 5 kW, all that it can."""
    unit = battery(1_000.0)
    connection = home([-4000.0, -4000.0, 8000.0, 8000.0], unit)
    connection.advance(START, START + 1800)
    assert (unit.stored_wh, connection.export_wh) == (pytest.approx(2_900.0), 0.0)
    connection.advance(START + 1800, START + 3600)
    assert (unit.export_wh, connection.import_wh) == (pytest.approx(2_500.0), pytest.approx(1_500.0))


def test_a_target_ends_the_own_rule_and_its_end_brings_it_back() -> None:
    """A setpoint holds whatever the home needs; released, the battery serves the home again; one that rests does not."""
    unit, resting = battery(5_000.0), battery(5_000.0, rests=True)
    for one, after_w in ((unit, -3000.0), (resting, 0.0)):
        connection = home([3000.0] * 3, one)
        one.target_w = 1000.0
        connection.advance(START, START + 900)
        assert one.power_w == 1000.0
        one.target_w = None
        connection.advance(START + 900, START + 1800)
        assert one.power_w == after_w


def test_the_moment_it_is_full_or_empty_is_exact() -> None:
    """0.95 kWh of room under 4 kW of surplus are full after a quarter-hour of 1000 Wh: the rest is fed in."""
    unit = battery(10_000.0 - 950.0)
    connection = home([-4000.0, -4000.0], unit)
    connection.advance(START, START + 1800)
    assert unit.stored_wh == pytest.approx(10_000.0)
    assert connection.export_wh == pytest.approx(1_000.0, abs=1e-2)
