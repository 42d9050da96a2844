"""Battery and CHP plant under any orders: bounds, losses, ramps, and what they tell about themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.physics import Battery, Chp, Connection

START = 1_463_695_200.0  # a whole quarter-hour
HOUR_S = 3600.0
ORDERS = st.lists(st.tuples(st.one_of(st.none(), st.floats(-9000, 9000)), st.floats(1, 5000)), min_size=1, max_size=12)
CHP_ORDERS = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(-700e3, 100e3)), st.integers(1, 40)), min_size=1, max_size=10
)


def battery(stored_wh: float, efficiency: float = 0.95, capacity_wh: float = 10_000.0) -> Battery:
    """A battery of 5 kW."""
    return Battery("b", START, rated_w=5000.0, capacity_wh=capacity_wh, efficiency=efficiency, stored_wh=stored_wh)


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
