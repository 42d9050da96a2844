"""A battery serves its home within power and energy, keeps what its orders need, and its flexibility can always be served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.storage_step import stored
from agents.planning.elements.battery import EFFICIENCY, Battery, own_consumption
from agents.planning.elements.element import ElementConfig, PlanWindow
from cim.model.devices import DeviceKind
from cim.model.intervals import LocalDay
from tests.worlds.elements import DAY, FEED_IN, NOTHING, priced, unknown, window

BATTERY = ElementConfig("b", DeviceKind.BATTERY, 5_000, 4_000, 10_000)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(1, 96), share=st.floats(0, 1))
def test_self_consumption_keeps_to_ratings_energy_and_purpose(seed: int, first: int, share: float) -> None:
    """Charges only from surplus, gives only to need, never beyond power or energy; before `first` nothing."""
    net = np.random.default_rng(seed).normal(size=96) * 6
    known = replace(unknown(BATTERY), stored_kwh=share * 10.0)
    plan = Battery().forecast(known, window(first), net)
    assert not plan[: first - 1].any()
    assert (plan <= np.clip(-net, 0, 4.0) + 1e-12).all()
    assert (plan >= -np.clip(net, 0, 5.0) - 1e-12).all()
    energy = share * 10.0 + np.cumsum(np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY)) * 0.25
    assert (energy >= -1e-9).all()
    assert (energy <= 10.0 + 1e-9).all()


def test_a_day_of_self_consumption_by_hand() -> None:
    """Two hours of 3 kW surplus fill 5.7 kWh of it; then 2 kW of need are met until that is used up."""
    net = np.array([-3.0, -3.0, 2.0, 2.0, 2.0, 2.0])
    day = LocalDay(DAY.day, DAY.timezone, 60)
    plan = own_consumption(unknown(BATTERY), PlanWindow(day, 1, 6, day.start), net).power_kw
    np.testing.assert_allclose(plan, [3.0, 3.0, -2.0, -2.0, -(5.7 * 0.95 - 4.0), 0.0])


def test_an_isp_that_runs_already_has_only_its_rest_to_charge_in() -> None:
    """With five minutes of an ISP left, 0.475 kWh of room take 6 kW of surplus; a whole ISP would take only 2."""
    known = replace(unknown(BATTERY), stored_kwh=10.0 - 0.475)
    late = own_consumption(known, window(9, now=DAY.isp_start(9) + timedelta(minutes=10)), np.full(96, -6.0)).power_kw
    early = own_consumption(known, window(9), np.full(96, -6.0)).power_kw
    assert late[8] == pytest.approx(4.0)
    assert early[8] == pytest.approx(2.0)
    assert late[9] == pytest.approx((0.475 - 4.0 / 12 * EFFICIENCY) / EFFICIENCY / 0.25)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), stored=st.floats(0, 10), at=st.integers(20, 90), power=st.floats(-5.0, 4.0))
def test_what_an_order_needs_is_kept(seed: int, stored: float, at: int, power: float) -> None:
    """An order of an hour is served as far as the battery goes; one to charge also where it has to make room before."""
    rest = np.random.default_rng(seed).normal(size=96) * 6
    held = np.full(96, np.nan)
    held[at : at + 4] = power
    known = replace(unknown(BATTERY), stored_kwh=stored, held_kw=held)
    plan = own_consumption(known, window(), rest)
    emptied = max(stored - 5.0 * at * 0.25 / EFFICIENCY, 0.0)
    room = (10.0 - emptied) / EFFICIENCY if power > 0 else stored * EFFICIENCY
    assert abs(plan.power_kw[at : at + 4].sum()) * 0.25 >= min(abs(power), room) - 1e-6
    kept = ~np.isnan(plan.reserved_kw)
    assert not kept[at:].any(), "after its last order it is free"
    np.testing.assert_array_equal(plan.power_kw[kept], plan.reserved_kw[kept])
    wished = np.clip(-rest, -5.0, 4.0)[:at]
    assert (plan.power_kw[:at] <= np.maximum(wished, 0.0) + 1e-9).all(), "it never buys for an order"
    driven = plan.power_kw[:at] < np.minimum(wished, 0.0) - 1e-6
    assert power > 0 or not driven.any(), "it gives more than its home needs only to make room"
    if driven.any():
        assert plan.power_kw[at : at + 4].sum() * 0.25 * EFFICIENCY + _after(stored, plan.power_kw[:at]) <= 10.0 + 1e-6


def _after(stored_kwh: float, power_kw: np.ndarray) -> float:
    """What it holds after running so, quarter-hour by quarter-hour."""
    return stored_kwh + float(np.where(power_kw > 0, power_kw * EFFICIENCY, power_kw / EFFICIENCY).sum()) * 0.25


def test_room_that_the_home_does_not_make_is_made() -> None:
    """Full at midnight, 4 kW ordered from 12:00 to 14:00, 0.5 kW of need before: what is not used is given to the grid."""
    held = np.full(96, np.nan)
    held[48:56] = 4.0
    rest = np.full(96, -6.0)
    rest[:8] = 0.5
    known = replace(unknown(BATTERY), stored_kwh=10.0, held_kw=held)
    plan = own_consumption(known, window(), rest)
    np.testing.assert_allclose(plan.power_kw[48:56], 4.0)
    assert _after(10.0, plan.power_kw[:48]) == pytest.approx(10.0 - 8 * EFFICIENCY)
    assert plan.power_kw[:8].sum() < -8 * 0.5 - 1.0


def test_without_orders_it_is_free() -> None:
    """Nothing is reserved for an order that is not there."""
    known = replace(unknown(BATTERY), stored_kwh=4.0, held_kw=np.full(96, np.nan))
    assert np.isnan(Battery().owner_kw(known, window(), np.sin(np.arange(96.0)) * 5)).all()


def test_a_morning_of_sun_leaves_room_for_the_noon_it_is_ordered_for() -> None:
    """3 kW of surplus all day; an order for 4 kW from 12:00 to 14:00 needs 7.6 kWh: in the morning it stops at 2.4 kWh."""
    held = np.full(96, np.nan)
    held[48:56] = 4.0
    known = replace(unknown(BATTERY), held_kw=held)
    plan = own_consumption(known, window(), np.full(96, -3.0))
    into = np.cumsum(plan.power_kw) * 0.25 * EFFICIENCY
    assert into[47] == pytest.approx(2.4)
    np.testing.assert_allclose(plan.power_kw[48:56], 4.0)
    assert into[55] == pytest.approx(10.0)
    assert np.isnan(plan.reserved_kw[:3]).all(), "it charges freely until the bound"
    np.testing.assert_array_equal(plan.reserved_kw[4:48], np.zeros(44))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), stored=st.floats(-5, 15))
def test_its_flexibility_can_always_be_served(seed: int, stored: float) -> None:
    """Whatever the meter said of the stored energy, the model's answer stays within power and energy."""
    rng = np.random.default_rng(seed)
    net = rng.normal(size=96) * 5
    plan = Battery().forecast(replace(unknown(BATTERY), stored_kwh=stored), window(), net)
    model = Battery().flexibility(replace(unknown(BATTERY), stored_kwh=stored), plan, window(9))
    power = plan[8:] + model.respond(rng.normal(size=88) * 5, 0.1)
    assert (np.abs(power) <= 5 + 1e-9).all()
    energy = model.energy_kwh + np.cumsum(np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY)) * 0.25
    assert (energy >= -1e-5).all()
    assert (energy <= 10 + 1e-5).all()


def test_it_ends_where_its_plan_ends() -> None:
    """Whatever it is asked for, after the window it holds what it would have held."""
    plan = NOTHING.copy()
    plan[:8] = 2.0
    model = Battery().flexibility(replace(unknown(BATTERY), stored_kwh=3.0), plan, window(1, 16))
    power = plan[:16] + model.respond(np.where(np.arange(16) < 8, -5.0, 5.0), 1.0)
    reached = np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY).sum() * 0.25
    assert reached == pytest.approx(2.0 * EFFICIENCY * 2, abs=1e-6)


@given(power_kw=st.floats(-5, 4), hours=st.floats(0, 2))
def test_what_it_stores_later_knows_the_losses_of_one_way(power_kw: float, hours: float) -> None:
    """Charging stores less than is taken, giving empties it by more than is given."""
    change = Battery().stored_later(5.0, power_kw, hours) - 5.0
    assert change == pytest.approx(power_kw * hours * (EFFICIENCY if power_kw > 0 else 1 / EFFICIENCY), abs=1e-12)


def test_what_a_battery_burns_costs_its_home_the_whole_feed_in() -> None:
    """Room made in one ISP and filled in the next takes as little of the surplus for good as what is lost: no cheap sink."""
    known = replace(priced(BATTERY, -6.0), stored_kwh=10.0)
    model = Battery().flexibility(known, NOTHING, window(40, 60))
    moved = np.zeros(21)
    moved[3], moved[4] = -2.0 * EFFICIENCY**2, 2.0
    burned_kwh = 2.0 * (1 - EFFICIENCY**2) * 0.25
    assert float(moved.sum()) * 0.25 == pytest.approx(burned_kwh)
    bent = model.weight / 2 * float(moved @ moved)
    assert model.cost(moved) - bent == pytest.approx(FEED_IN * burned_kwh)
    assert model.wear <= known.costs.wear_ct_per_kwh * model.hours


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1), first=st.integers(1, 90), length=st.integers(2, 60))
def test_the_plan_of_its_own_rule_is_within_its_model(seed: int, share: float, first: int, length: int) -> None:
    """In any window: power, energy and the energy at the end are those of the plan, so that nothing moved is an answer."""
    net, span = np.random.default_rng(seed).normal(size=96) * 6, window(first, min(first + length, 96))
    start = replace(priced(BATTERY, -1.0), stored_kwh=share * 10.0)
    plan = Battery().forecast(start, window(), net)
    before = start.stored_kwh
    for power in plan[: first - 1]:
        before = Battery().stored_later(before, float(power), 0.25)
    model = Battery().flexibility(replace(start, stored_kwh=before), plan, span)
    path = model.energy_kwh + np.cumsum(stored(model.store, model.plan_kw))
    assert (model.plan_kw >= model.low_kw - 1e-9).all()
    assert (model.plan_kw <= model.high_kw + 1e-9).all()
    assert (path >= model.floor_kwh - 1e-9).all()
    assert (path <= model.ceiling_kwh + 1e-9).all()
    assert path[-1] == pytest.approx(model.energy_kwh + model.total_kwh)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0.4, 1),
    at=st.integers(30, 80),
    kw=st.sampled_from([-2.0, -1.0, 1.0, 2.0]),
)
def test_what_is_reserved_of_it_could_be_called_in_every_isp(seed: int, share: float, at: int, kw: float) -> None:
    """An hour for which its aggregator pays: whatever the home does, room (or energy) and power for all of it stand by."""
    net, reserved = np.random.default_rng(seed).normal(size=96) * 6, np.zeros(96)
    reserved[at : at + 4] = kw
    known = replace(unknown(BATTERY), stored_kwh=share * 10.0, reserved_kw=reserved)
    power = own_consumption(known, window(1, now=DAY.next(-1).start), net).power_kw
    stored_kwh = share * 10.0 + np.cumsum(np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY)) * 0.25
    for k in range(at, at + 4):
        left, before = at + 4 - k, stored_kwh[k - 1]
        called = kw * 0.25 * left * (EFFICIENCY if kw > 0 else 1 / EFFICIENCY)
        assert -1e-6 <= before + called <= 10.0 + 1e-6
        assert power[k] + kw <= 4.0 + 1e-9
        assert power[k] + kw >= -5.0 - 1e-9


def test_what_is_not_reserved_any_more_is_free() -> None:
    """Of an ISP that has begun nothing can be ordered: its home has all of it again."""
    reserved = np.zeros(96)
    reserved[8:10] = 3.0
    known = replace(unknown(BATTERY), reserved_kw=reserved)
    now = DAY.isp_start(9)
    power = own_consumption(known, window(9, now=now), np.full(96, -6.0)).power_kw
    assert power[8] == pytest.approx(4.0)
    assert power[9] <= 1.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
def test_nothing_is_planned_or_offered_below_its_reserve(seed: int, share: float) -> None:
    """Of 11,040 Wh 3,312 stay: plan and offer never take out what is below, and from below it nothing is given at first."""
    config = replace(BATTERY, capacity_wh=11_040, reserve_wh=3_312)
    known, least = replace(unknown(config), stored_kwh=share * 11.04), min(share * 11.04, 3.312)
    rest = np.random.default_rng(seed).normal(size=96) * 6
    plan = Battery().forecast(known, window(), rest)
    energy = share * 11.04 + np.cumsum(np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY)) * 0.25
    falls = np.diff(energy, prepend=share * 11.04) < -1e-9
    assert (energy[falls] >= 3.312 - 1e-9).all()
    assert (energy >= least - 1e-9).all()
    model = Battery().flexibility(known, plan, window())
    assert (model.floor_kwh >= least - 1e-9).all()
    if share * 11.04 < 3.312:
        assert (model.low_kw >= np.minimum(plan, 0.0)).all()
