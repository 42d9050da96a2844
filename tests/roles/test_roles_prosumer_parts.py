"""What each part of a prosumer does by itself, and what the parts tell each other."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Arm, Effect, Poll, Send
from agents.roles.element_messages import OrderReleased
from agents.roles.events import Connected, Fired, Measured, Received
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule
from agents.roles.part import DayClosed
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.base_load import BaseLoad
from agents.roles.prosumer.connection_limits import ConnectionLimits
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.device_schedules import DeviceSchedules
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.isp_energy import IspEnergy
from agents.roles.prosumer.metering_messages import MeteringMessages, TellMetering
from agents.roles.prosumer.prognoses import ForecastDay, Prognoses
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.told import PlanChanged
from cim.model.devices import DeviceKind, News, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Reading
from market.uftp import Metering
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT

CAR, METER = "farm-a.car", "farm-a.meter"
NOW_ISP = DAY.isp_of(NOON)


def farm(days: int = 1) -> ProsumerRole:
    """A farm with a charging station."""
    elements = (ElementConfig(CAR, DeviceKind.STATION, 0, 11_000),)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.rules(days=days), players.key("farm-a"), config)


def reported(role: ProsumerRole, at: datetime, *news: News, element: str = CAR, sender: str = CAR) -> list[Effect]:
    """What it wants when an element has reported a charging power of 2 kW, and the energy taken since midnight."""
    taken_wh = 2000 * ((at - DAY.start) / timedelta(hours=1))
    readings = (*players.good(element, 2000.0, at), Reading(element, Kind.ENERGY_IMPORT, taken_wh, at))
    return role.handle(Received(sender, 1, DeviceReport(element, at, readings, news)), at)


def counted(role: ProsumerRole, at: datetime, import_wh: float) -> list[Effect]:
    """What it wants when its meter shows this counter."""
    counters = {Kind.ENERGY_IMPORT: import_wh, Kind.ENERGY_EXPORT: 0.0}
    return role.handle(Measured(METER, tuple(Reading(METER, kind, x, at) for kind, x in counters.items()), ()), at)


def schedules(effects: list[Effect]) -> list[DeviceSchedule]:
    """The schedules that elements are told."""
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, DeviceSchedule)]


def vehicle(hours: int = 6) -> VehiclePlugged:
    """One that leaves in so many hours."""
    return VehiclePlugged(10_000, 11_000, NOON + timedelta(hours=hours), NOON)


def held(role: ProsumerRole, power_kw: float = 2.0) -> list[Effect]:
    """An order holds the station to a power all day: what its agent is told."""
    role.part(HeldOrders).state.held_kw[FIRST] = {CAR: np.full(96, power_kw)}
    return role.part(DeviceSchedules).plan_changed(PlanChanged(DAY), NOON)


def test_no_part_remembers_more_than_ten_things() -> None:
    """A part is one share of the work: its state stays small."""
    assert all(len(fields(part.state)) <= 10 for part in farm().parts.values())


def test_a_meter_that_was_met_is_not_met_again_before_its_first_reading() -> None:
    """A host that dies between the two goes on with the reading it wanted: told of its meter anew, it would read it twice."""
    role = farm()
    assert role.waits
    role.handle(Connected(METER, players.nameplate(DeviceKind.METER, 0, 0)), AHEAD)
    assert not role.waits
    again = farm()
    again.restore(role.snapshot())
    assert not again.waits


def test_only_an_elements_own_agent_reports_of_it() -> None:
    """Neither a stranger's report nor one about another element counts."""
    role = farm()
    before = role.snapshot()
    assert reported(role, NOON, sender="farm-b.car") == reported(role, NOON, element="farm-a.pv") == []
    assert role.snapshot() == before
    reported(role, NOON)
    assert role.part(ElementReports).last_value(CAR, Kind.POWER) == 2000.0


@pytest.mark.parametrize("news", [vehicle(), VehicleUnplugged(500, NOON)])
def test_a_vehicle_that_comes_or_leaves_frees_its_station(news: News) -> None:
    """What an order held the station to was meant for another vehicle: from the running ISP on it is free."""
    role = farm()
    role.part(EvFlexibilityManager).state.vehicles[CAR] = vehicle(hours=2)
    (before,) = schedules(held(role))
    assert None not in before.setpoints
    (after,) = schedules(reported(role, NOON, news))
    assert after.setpoints[: NOW_ISP - 1] == before.setpoints[: NOW_ISP - 1]
    assert after.setpoints[NOW_ISP - 1 :] == (None,) * (96 - NOW_ISP + 1)


def test_what_was_ordered_before_the_day_is_meant_for_whoever_comes() -> None:
    """A vehicle that comes finds its station free of the day's orders and held by those of the day before."""
    role = farm()
    held(role)
    state = role.part(HeldOrders).state
    today = ElementOrder("o-1", FIRST, CAR, ((NOW_ISP + 4, 1_000, 3_000),))
    before = ElementOrder("o-2", FIRST, CAR, ((NOW_ISP - 1, 0, 5_000), (NOW_ISP + 4, 1_000, 6_000)), ahead=True)
    state.parts = (before, today, replace(before, order_reference="o-3", isps=((NOW_ISP + 4, 7_000, -2_000),)))
    reported(role, NOON, vehicle())
    held_kw = role.part(HeldOrders).held_kw(CAR, DAY)
    assert held_kw[NOW_ISP + 3] == pytest.approx(5.0)
    assert np.isnan(held_kw[NOW_ISP - 1 : NOW_ISP + 3]).all()
    assert np.isnan(held_kw[NOW_ISP + 4 :]).all()


def test_a_freed_station_is_judged_by_no_level_any_more() -> None:
    """What the day's orders moved of a vehicle that left ends with it, on both sides; what is over, or ordered before, stays."""
    role = farm()
    held(role)
    over = (NOW_ISP - 1, 2_000, 1_000)
    today = ElementOrder("o-1", FIRST, CAR, (over, (NOW_ISP, 2_000, 3_000), (NOW_ISP + 4, 2_000, 3_000)))
    whole = ElementOrder("o-2", FIRST, CAR, ((NOW_ISP + 5, 2_000, -1_000),))
    before = ElementOrder("o-3", FIRST, CAR, ((NOW_ISP + 4, 0, 5_000),), ahead=True)
    other = ElementOrder("o-4", FIRST, "farm-a.pv", ((NOW_ISP + 4, 0, 5_000),))
    role.part(HeldOrders).state.parts = (today, whole, before, other)
    effects = reported(role, NOON, vehicle())
    assert role.part(HeldOrders).state.parts == (replace(today, isps=(over,)), before, other)
    told = [e for e in effects if isinstance(e, Send) and isinstance(e.message, OrderReleased)]
    assert {e.to for e in told} == {"agr"}
    assert [e.message for e in told] == [
        OrderReleased("o-1", CAR, (NOW_ISP, NOW_ISP + 4)),
        OrderReleased("o-2", CAR, (NOW_ISP + 5,)),
    ]


def test_a_vehicle_told_again_frees_nothing() -> None:
    """It is the same stay: its needs may be known better, the order stands, and what it took is counted on."""
    role = farm()
    reported(role, NOON, vehicle())
    held(role)
    again = VehiclePlugged(10_000, 7_000, NOON + timedelta(hours=6), NOON)
    assert schedules(reported(role, NOON + timedelta(minutes=30), again)) == []
    cars = role.part(EvFlexibilityManager)
    assert cars.vehicle(CAR) == again
    assert cars.delivered_wh(CAR) == pytest.approx(1000.0)


def test_a_vehicle_counts_from_the_register_before_it_came() -> None:
    """By the report that tells of it, it may have taken something already."""
    role = farm()
    reported(role, NOON - timedelta(minutes=5))
    reported(role, NOON, vehicle())
    cars = role.part(EvFlexibilityManager)
    # A station's register is that of its import alone.
    assert cars.delivered_wh(CAR) == pytest.approx(2000 / 12)


def test_a_device_that_has_lost_everything_is_told_its_schedule_again() -> None:
    """Its agent joins a second time: it hears what it had been told of today and later, and nothing else changes."""
    role = farm()
    joined = Received(CAR, 1, DeviceJoined(CAR, players.nameplate(DeviceKind.STATION, 0, 11_000)))
    assert schedules(role.handle(joined, AHEAD)) == []
    told = schedules(held(role))
    assert schedules(role.handle(joined, NOON)) == told != []
    assert schedules(role.handle(joined, DAY.end)) == []


def test_the_meter_is_read_through_the_operated_days() -> None:
    """At once when it answers, from the first operated day each interval, for the last time at their end."""
    role = farm()
    plate = players.nameplate(DeviceKind.METER, 0, 0)
    first, armed = role.handle(Connected(METER, plate), AHEAD)
    assert first == Poll(METER)
    assert isinstance(armed, Arm)
    assert armed.at == DAY.start
    assert role.handle(Fired(armed.timer), NOON) == [
        Poll(METER),
        Arm(armed.timer, NOON + timedelta(seconds=role.me.rules.control_s)),
    ]
    assert role.handle(Fired(armed.timer), DAY.end) == [Poll(METER)]


@given(
    st.lists(st.tuples(st.integers(0, 86_400), st.floats(0, 5000)), min_size=2, max_size=12, unique_by=lambda x: x[0])
)
def test_what_the_meter_counted_is_what_the_isps_sum_up_to(readings: list[tuple[int, float]]) -> None:
    """However far readings are apart, no energy is lost or added, and none falls outside their span."""
    role, counter = farm(), 0.0
    for seconds, more_wh in sorted(readings):
        counter += more_wh
        counted(role, DAY.start + timedelta(seconds=seconds), counter)
    (first, first_wh), *_, (last, _) = sorted(readings)
    energy = role.part(EnergyMetering).energy_wh(METER, DAY)
    assert energy.sum() == pytest.approx(counter - first_wh, abs=1e-6)
    assert not energy[: first // 900].any()
    assert not energy[-(-last // 900) :].any()


def test_an_energy_is_spread_by_time() -> None:
    """Of 40 minutes from 12:10 on, five fall into the first ISP, fifteen into each of the next two, five into the last."""
    role = farm()
    begin = NOON + timedelta(minutes=10)
    counted(role, begin, 0.0)
    counted(role, begin + timedelta(minutes=40), 800.0)
    energy = role.part(EnergyMetering).energy_wh(METER, DAY)
    assert energy[NOW_ISP - 1 : NOW_ISP + 3] == pytest.approx([100.0, 300.0, 300.0, 100.0])


def test_the_base_of_an_isp_is_known_when_the_isp_is_over() -> None:
    """The connection less its elements: of the running ISP, and of one that was not read, nobody knows it."""
    role = farm()
    for minutes in range(0, 31, 5):
        at = NOON + timedelta(minutes=minutes)
        reported(role, at)
        counted(role, at, 250.0 * minutes)  # 15 kW
    metering = role.part(EnergyMetering)
    assert metering.base_kw(DAY, NOW_ISP) == pytest.approx(13.0)
    assert metering.base_kw(DAY, NOW_ISP + 1) == pytest.approx(13.0)
    assert metering.base_kw(DAY, NOW_ISP + 2) is None
    assert metering.base_kw(DAY, 0) is None


def told_days(days: int, last: int) -> ProsumerRole:
    """A farm that forecast and metered its first days one after the other."""
    role = farm(days)
    for number in range(last):
        day = role.me.rules.day(FIRST + timedelta(days=number))
        role.handle(Fired(ForecastDay(day.day)), day.start)
        held_kw = role.part(HeldOrders).state.held_kw
        held_kw[day.day] = {CAR: np.zeros(day.count)}
        counted(role, day.start, number * 100.0)
        counted(role, day.end, number * 100.0 + 96.0)
        role.handle(Fired(TellMetering(day.day)), day.end + timedelta(hours=1))
    return role


def test_what_a_metered_day_was_planned_with_is_dropped_with_the_next() -> None:
    """Of two days told, only the last is still held as energy, forecast, order and revision; both meterings are kept."""
    role = told_days(2, 2)
    second = FIRST + timedelta(days=1)
    assert list(role.part(DayPlanning).state.forecasts) == [second]
    assert list(role.part(HeldOrders).state.held_kw) == [second]
    assert list(role.part(Prognoses).state.revisions) == [second]
    assert FIRST not in role.part(EnergyMetering).state.energy.energy_wh
    assert list(role.part(MeteringMessages).state.metered) == [FIRST, second]


def test_only_a_day_that_was_read_through_becomes_history() -> None:
    """Two readings tell a day's energy and nothing of its ISPs; read each interval it is what the next is expected to be."""
    assert len(told_days(1, 1).part(BaseLoad).state.history_kw) == 1  # what it was given at the start
    role = farm()
    for minutes in range(0, 24 * 60 + 1, 5):
        at = DAY.start + timedelta(minutes=minutes)
        reported(role, at)
        counted(role, at, 250.0 * minutes)
    role.handle(Fired(TellMetering(FIRST)), DAY.end + timedelta(hours=1))
    *_, latest = role.part(BaseLoad).state.history_kw
    assert latest == pytest.approx(np.full(96, 13.0))


def test_a_day_not_metered_yet_keeps_its_energy() -> None:
    """A day whose metering was put off is metered with what was read of it, though a later one was told before."""
    role = farm(2)
    second = role.me.rules.day(FIRST).next()
    counted(role, DAY.start, 0.0)
    counted(role, DAY.end, 960.0)
    counted(role, second.end, 2000.0)
    role.handle(Fired(TellMetering(second.day)), second.end + timedelta(hours=1))
    effects = role.handle(Fired(TellMetering(FIRST)), second.end + timedelta(hours=1))
    assert [e for e in effects if isinstance(e, Poll)]  # it stood still over the day's end: one more reading
    effects = role.handle(Fired(TellMetering(FIRST)), second.end + timedelta(hours=2))
    told: list[Any] = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Metering)]
    (row,) = {m.profile("Power").values for m in told if m.ean == "ean.farm-a"}
    assert row == (40,) * 96


def test_meterings_of_days_closed_for_good_are_dropped() -> None:
    """A day older than the days that can still be settled is gone from every part once a day is told."""
    role = told_days(KEPT_DAYS + 2, KEPT_DAYS + 2)
    assert min(role.part(MeteringMessages).state.metered) == FIRST + timedelta(days=1)


@given(st.integers(0, 20))
def test_pruning_leaves_nothing_before_its_day(later: int) -> None:
    """Whatever day is closed, no part holds anything keyed by a day before it, and nothing of a later one is lost."""
    role = told_days(3, 3)
    before = FIRST + timedelta(days=later)
    kept = {name: _days(part.state) for name, part in role.parts.items()}
    role._emit(DayClosed(before), DAY.end)
    for name, part in role.parts.items():
        assert _days(part.state) == {day for day in kept[name] if day >= before}


def _days(state: Any) -> set[date]:
    """The days by which a part's state is keyed."""
    found = [getattr(state, field.name) for field in fields(state)]
    return {key for value in found if isinstance(value, dict) for key in value if isinstance(key, date)}


def test_a_schedule_is_told_when_the_power_changes_and_not_again_while_it_stays() -> None:
    """The same power tells nothing, also after the role was made anew from its snapshot; another one does, and the first again."""
    role = farm()
    assert len(schedules(held(role))) == 1
    assert not schedules(held(role))
    role.restore(role.snapshot())
    assert not schedules(held(role))
    assert schedules(held(role, 3.0)) != schedules(held(role, 2.0))
    assert not schedules(held(role, 2.0))


def test_what_orders_move_follows_each_order_and_cannot_be_changed_by_who_asks() -> None:
    """It is worked out once for all who ask between two orders; a second order adds to it."""
    part = farm().part(HeldOrders)
    assert not part.moved_kw(CAR, DAY).any()
    first = ElementOrder("order-1", DAY.day, CAR, ((3, 0, 1500),))
    part.state.parts = (first,)
    assert part.moved_kw(CAR, DAY)[2] == 1.5
    assert part.moved_kw(CAR, DAY) is part.moved_kw(CAR, DAY)
    part.state.parts = (first, ElementOrder("order-2", DAY.day, CAR, ((3, 0, -500),)))
    assert part.moved_kw(CAR, DAY)[2] == 1.0
    assert np.isnan(part.held_kw(CAR, DAY)).all()
    for profile in (part.moved_kw(CAR, DAY), part.held_kw(CAR, DAY)):
        with pytest.raises(ValueError, match="read-only"):
            profile[0] = 1.0


def test_without_limits_nobody_limits_and_what_is_planned_may_be_anything() -> None:
    """A home that was told no limit has none in any ISP, for planning and for steering; what it is held to stays."""
    role = farm()
    limits, steered = role.part(SupplyLimits), np.full(96, 2.0)
    assert np.isnan(limits.most_kw(CAR, DAY)).all()
    assert limits.room_kw(CAR, DAY, None) is None
    np.testing.assert_array_equal(limits.steered_kw(CAR, DAY, steered), steered)
    assert np.isnan(role.part(ConnectionLimits).limit_kw(CAR, DAY)).all()


def test_an_isp_is_lost_until_it_was_read_through() -> None:
    """The mask and the numbers say the same: all of a day without readings, then all but the ISPs that were read."""
    role = farm()
    energy = IspEnergy()
    assert energy.lost(CAR, DAY).all()
    assert energy.lost_isps(CAR, DAY) == tuple(range(1, DAY.count + 1))
    energy.add(role.me.rules, CAR, DAY.isp_start(5), DAY.isp_start(7), 100.0)
    assert not energy.lost(CAR, DAY)[4:6].any()
    assert energy.lost_isps(CAR, DAY) == tuple(isp for isp in range(1, DAY.count + 1) if isp not in (5, 6))
