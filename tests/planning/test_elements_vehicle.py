"""A vehicle charges from the sun or at once, stops at what it needs, and moves its charging only while it is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig, ElementKnowledge
from agents.planning.elements.vehicle import Vehicle, owner_plan
from cim.model.devices import DeviceKind, VehiclePlugged
from tests.worlds.elements import DAY, NOTHING, unknown, window

STATION = ElementConfig("s", DeviceKind.STATION, 0, 11_000, history_kw=(np.full(96, 1.5),))


def plugged(energy_wh: int, departure: datetime) -> VehiclePlugged:
    """A vehicle that may take up to 22 kW."""
    return VehiclePlugged(energy_wh, 22_000, departure, departure - timedelta(hours=9))


def there(energy_wh: int, departure: datetime, delivered_wh: float = 0.0) -> ElementKnowledge:
    """What is known of the station while the vehicle is there."""
    return replace(unknown(STATION), session=plugged(energy_wh, departure), delivered_wh=delivered_wh)


@settings(max_examples=60, deadline=None)
@given(
    energy=st.integers(0, 120_000),
    delivered=st.floats(0, 130_000),
    hours=st.integers(-5, 30),
    first=st.integers(1, 96),
    seed=st.integers(0, 1000),
)
def test_charging_stops_at_departure_and_at_what_was_asked(
    energy: int, delivered: float, hours: int, first: int, seed: int
) -> None:
    """As much as station and vehicle allow in time, never more than is missing, nothing from the departure on."""
    departure = DAY.start + timedelta(hours=hours)
    rest = np.random.default_rng(seed).normal(size=96) * 9
    plan = owner_plan(there(energy, departure, delivered), window(first), rest)
    gone = np.array([DAY.isp_start(k) >= departure for k in range(1, 97)])
    assert not plan[gone].any()
    assert not plan[: first - 1].any()
    assert (plan >= 0).all()
    assert (plan <= 11.0).all()
    missing = max(energy - delivered, 0.0) / 1000
    assert plan.sum() * 0.25 <= missing + 1e-9
    time_left = max(int((~gone[first - 1 :]).sum()), 0) * 0.25
    assert plan.sum() * 0.25 == pytest.approx(min(missing, time_left * 11.0))


def test_it_takes_the_sun_that_is_to_come_and_the_rest_at_once() -> None:
    """20 kWh by 17:00, 4 kW of surplus from 10:00 to 14:00: 16 kWh of it are waited for, 4 kWh are charged at once."""
    rest = np.full(96, 1.0)
    rest[40:56] = -4.0
    known = there(20_000, DAY.at(17))
    plan = owner_plan(known, window(33), rest)
    np.testing.assert_allclose(plan[40:56], 4.0)
    np.testing.assert_allclose(plan[32:34], [11.0, 5.0])
    assert plan.sum() * 0.25 == pytest.approx(20.0)
    limits = Vehicle().owner_kw(known, window(33), rest)
    assert np.isnan(limits[:33]).all(), "what is charged at once needs no limit"
    np.testing.assert_allclose(limits[33:40], [5.0, *[0.0] * 6])
    np.testing.assert_allclose(limits[40:55], 4.0)
    assert np.isnan(limits[55:]).all(), "from its last planned ISP on it may take what it still lacks"


def test_it_does_not_wait_for_sun_in_its_last_hour() -> None:
    """Surplus that comes when the vehicle is about to leave is not waited for; without time for more it takes all there is."""
    rest = np.zeros(96)
    rest[64:68] = -11.0  # from 16:00 to 17:00
    early = owner_plan(there(11_000, DAY.at(17)), window(33), rest)
    np.testing.assert_allclose(early[32:36], 11.0)
    late = owner_plan(there(22_000, DAY.at(17)), window(61), rest)
    np.testing.assert_allclose(late[60:68], 11.0)


def test_it_charges_around_what_orders_hold() -> None:
    """10 kWh, of which an order wants 5 kWh at 12:00 and nothing before 9:00: the rest is charged from 9:00 on."""
    held = np.full(96, np.nan)
    held[48:50], held[32:36] = 10.0, 0.0
    known = replace(there(10_000, DAY.at(17)), held_kw=held)
    plan = owner_plan(known, window(33), np.zeros(96))
    np.testing.assert_allclose(plan[32:40], [0, 0, 0, 0, 11.0, 9.0, 0, 0])
    np.testing.assert_allclose(plan[48:50], 10.0)
    np.testing.assert_allclose(Vehicle().owner_kw(known, window(33), np.zeros(96))[37:48], [9.0, *[0.0] * 10])


def test_what_a_running_isp_still_gives_is_counted() -> None:
    """Nine minutes of an ISP are left: at 11 kW they give 1.65 kWh, and the next ISPs what is missing."""
    start = DAY.isp_start(5)
    plan = owner_plan(there(22_000, DAY.at(17)), window(5, now=start + timedelta(minutes=6)), np.zeros(96))
    assert plan[5:].sum() * 0.25 == pytest.approx(22.0 - 1.65)


def test_the_plugged_vehicle_is_expected_until_it_leaves_and_others_after_it() -> None:
    """During its stay what it still needs, afterwards what the last days had; the day before, nobody is known."""
    known = replace(unknown(STATION), session=plugged(12_000, DAY.at(7)), delivered_wh=1_000.0)
    expected = Vehicle().forecast(known, window(5), NOTHING)
    np.testing.assert_allclose(expected[4:8], 11.0)
    np.testing.assert_allclose(expected[8:28], 0.0)
    np.testing.assert_allclose(expected[28:], 1.5)
    before = window(now=DAY.start - timedelta(hours=9))
    np.testing.assert_allclose(Vehicle().forecast(known, before, NOTHING), 1.5)
    np.testing.assert_allclose(Vehicle().forecast(unknown(STATION), window(5), NOTHING), 1.5)


def test_a_vehicle_moves_its_charging_but_keeps_its_energy() -> None:
    """What it planned to take in the window it takes before it leaves; nothing to move is no flexibility."""
    known = replace(unknown(STATION), session=plugged(22_000, DAY.start + timedelta(hours=7)))
    plan = owner_plan(known, window(), NOTHING)
    model = Vehicle().flexibility(known, plan, window())
    assert isinstance(model, Storable)
    power = plan + model.respond(np.where(np.arange(96) < 8, -20.0, 20.0), 1.0)
    assert power[:8].sum() == pytest.approx(0, abs=1e-6)
    assert not np.abs(power[28:]).max() > 1e-9
    assert power.sum() * 0.25 == pytest.approx(22.0, abs=1e-5)
    assert Vehicle().flexibility(known, NOTHING, window()) is None


EIGHT_TO_TEN = np.where((np.arange(96) >= 32) & (np.arange(96) < 40), 11.0, 0.0)  # 22 kWh
BEFORE = window(now=DAY.start - timedelta(hours=13))


def visited(*days_kw: np.ndarray, leaves_hour: float | None = 18.0) -> ElementKnowledge:
    """A station and what it drew on its last days."""
    return unknown(replace(STATION, history_kw=days_kw, leaves_hour=leaves_hour))


def test_what_came_on_every_day_can_be_moved_the_day_before() -> None:
    """22 kWh from 8:00 on ten days, gone at 18:00: all of it may be held back until noon, none of it past 18:00 or before 8:00."""
    known = visited(*[EIGHT_TO_TEN] * 10)
    plan = Vehicle().forecast(known, BEFORE, NOTHING)
    np.testing.assert_allclose(plan, EIGHT_TO_TEN)
    model = Vehicle().flexibility(known, plan, BEFORE)
    assert isinstance(model, Storable)
    noon = np.where((np.arange(96) >= 48) & (np.arange(96) < 56), 20.0, 0.0)
    power = plan + model.respond(noon - plan, 1.0)
    np.testing.assert_allclose(power, np.where(noon > 0, 11.0, 0.0), atol=1e-6)
    early_or_late = np.where((np.arange(96) < 32) | (np.arange(96) >= 72), 20.0, -20.0)
    power = plan + model.respond(early_or_late, 1.0)
    assert not np.abs(power[:32]).max() > 1e-6
    assert not np.abs(power[72:]).max() > 1e-6
    assert power.sum() * 0.25 == pytest.approx(22.0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(1, 80))
def test_no_more_is_held_back_than_the_poorest_day_had(seed: int, first: int) -> None:
    """Whatever is asked for: owed is never more than every day brought, and it is had only while one was there on all of them."""
    rng, isps = np.random.default_rng(seed), np.arange(96)
    begins, lengths = rng.integers(20, 40, 8), rng.integers(2, 30, 8)
    days = [np.where((isps >= a) & (isps < a + n), 11.0, 0.0) for a, n in zip(begins, lengths, strict=True)]
    known, span = visited(*days), window(first, now=BEFORE.now)
    plan = Vehicle().forecast(known, span, NOTHING)
    model = Vehicle().flexibility(known, plan, span)
    if model is None:
        assert min(float(day.sum()) for day in days) * 0.25 <= 0.1 or first > lengths.max()
        return
    moved = model.respond(rng.normal(size=97 - first) * 20, 1.0)
    owed = -np.cumsum(moved) * 0.25
    assert owed.max() <= min(float(day.sum()) for day in days) * 0.25 + 1e-5
    assert owed.min() >= -1e-5, "nothing is charged before it is expected"
    assert not (moved[~((isps >= begins.max()) & (isps < 72))[first - 1 :]] > 1e-6).any()


@pytest.mark.parametrize("known", [visited(EIGHT_TO_TEN, NOTHING), visited(EIGHT_TO_TEN, leaves_hour=None), visited()])
def test_what_came_on_some_days_is_no_promise(known: ElementKnowledge) -> None:
    """A day without a vehicle, or an unknown hour of leaving: there is nothing to order the day before."""
    assert Vehicle().flexibility(known, EIGHT_TO_TEN / 2, BEFORE) is None


def test_a_vehicle_that_has_not_come_is_not_expected_any_more() -> None:
    """At 9:00 it was there on all days; as long as it is not, neither its usual charging nor what was ordered of it is told."""
    held = np.full(96, np.nan)
    held[48:56] = 11.0
    known = replace(visited(*[EIGHT_TO_TEN] * 10), held_kw=held)
    early = Vehicle().forecast(known, window(now=DAY.at(7)), NOTHING)
    np.testing.assert_allclose(early[48:56], 11.0)
    np.testing.assert_allclose(early[32:40], 11.0)
    late = Vehicle().forecast(known, window(37, now=DAY.at(9)), NOTHING)
    np.testing.assert_allclose(late[36:72], 0.0)


def test_what_is_held_for_it_is_expected_as_far_as_it_needs_it() -> None:
    """Ordered to take 11 kW from 12:00 to 14:00, it comes with a need of 11 kWh: after an hour it is full."""
    held = np.full(96, np.nan)
    held[32:40], held[48:56] = 0.0, 11.0
    known = replace(there(11_000, DAY.at(18)), held_kw=held)
    expected = Vehicle().expected(Vehicle().forecast(known, window(33), NOTHING), held, NOTHING)
    np.testing.assert_allclose(expected[32:56], [0.0] * 16 + [11.0] * 4 + [0.0] * 4)


def test_who_is_not_there_or_about_to_leave_has_nothing_to_move() -> None:
    """No session, a departure before the window, or a session on another day give no flexibility."""
    gone = replace(unknown(STATION), session=plugged(22_000, DAY.start - timedelta(hours=1)))
    here = there(22_000, DAY.at(7))
    plan = np.full(96, 5.0)
    assert Vehicle().flexibility(unknown(STATION), plan, window()) is None
    assert Vehicle().flexibility(gone, plan, window()) is None
    assert Vehicle().flexibility(here, plan, window(now=DAY.start - timedelta(seconds=1))) is None
    assert Vehicle().flexibility(here, plan, window()) is not None


def test_a_running_isp_cannot_be_moved() -> None:
    """What is drawn in it is known when it is over: an order begins with the next."""
    late = window(5, now=DAY.isp_start(5) + timedelta(minutes=2))
    plan = np.full(96, 5.0)
    model = Vehicle().flexibility(there(60_000, DAY.at(17)), plan, late)
    assert model is not None
    moved = model.respond(np.full(92, -5.0), 1.0)
    assert moved[0] == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), energy_wh=st.integers(500, 60_000), room_kw=st.floats(0, 12))
def test_a_vehicle_with_a_least_power_is_planned_with_nothing_or_more(
    seed: int, energy_wh: int, room_kw: float
) -> None:
    """Of a 11 kW vehicle with 4140 W at least: 0 or as much in each ISP, but for one that fills it; its limits, too."""
    rest = np.random.default_rng(seed).normal(size=96) * 6
    stay = VehiclePlugged(energy_wh, 11_040, DAY.at(20), DAY.at(8), min_power_w=4_140)
    config = ElementConfig("s", DeviceKind.STATION, consumption_w=11_040)
    room = np.full(96, np.inf)
    room[::2] = room_kw
    known = replace(unknown(config), session=stay, import_room_kw=room)
    at = window(33, now=DAY.isp_start(33))
    plan = Vehicle().forecast(known, at, rest)
    small = plan[(plan > 0) & (plan < 4.14 - 1e-9)]
    assert len(small) <= 1
    assert not len(small) or (plan[plan >= 4.14] < 4.14 + small[0] + 11.04).all()
    assert (plan <= room + 1e-9).all()
    assert plan.sum() * 0.25 <= energy_wh / 1000 + 1e-6
    told = Vehicle().owner_kw(known, at, rest)
    told = told[~np.isnan(told)]
    assert ((told < 1e-9) | (told >= 4.14 - 1e-9)).all()
    model = Vehicle().flexibility(known, plan, at)
    if model is not None:
        moved = model.high_kw > model.low_kw + 1e-9
        assert (model.low_kw[moved] >= 4.14 - 1e-9).all(), "no order between nothing and its least"


def test_a_site_that_may_only_give_3_kw_charges_nothing() -> None:
    """12 kWh are wanted in four hours, at least 4140 W: under a cap of 3 kW the plan and the limit are 0."""
    stay = VehiclePlugged(12_000, 11_040, DAY.at(12), DAY.at(8), min_power_w=4_140)
    config = ElementConfig("s", DeviceKind.STATION, consumption_w=11_040)
    known = replace(unknown(config), session=stay, import_room_kw=np.full(96, 3.0))
    at = window(33, now=DAY.isp_start(33))
    assert not Vehicle().forecast(known, at, np.zeros(96)).any()
    assert not np.nan_to_num(Vehicle().owner_kw(known, at, np.zeros(96))[32:]).any()
    free = replace(known, import_room_kw=None)
    plan = Vehicle().forecast(free, at, np.zeros(96))
    assert plan.sum() * 0.25 == pytest.approx(12.0)
    assert ((plan == 0) | (plan >= 4.14 - 1e-9)).all()
