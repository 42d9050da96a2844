"""A battery at home: free where nothing is ordered, held where it is, and held back only for what orders will need."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from agents.planning.elements.battery import Battery
from agents.planning.elements.element import ElementConfig, PlanWindow
from agents.roles.effects import Effect, Send
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceReport, DeviceSchedule, WeatherBulletin
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.member_session import MemberSession
from agents.roles.prosumer.prognoses import ForecastDay, ReviseDay
from cim.model.devices import DeviceKind, Mode, Setpoint, WeatherForecast
from cim.model.readings import Kind, Reading
from market.uftp import DPrognosis, FlexOrder, IspPower
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

BATTERY = "farm-a.battery"
FREE = None


def farm() -> ProsumerRole:
    """10 kW of sun from 8:00 to 16:00, no load but 1 kW at night, a battery of 20 kWh that is empty at eleven the day before."""
    elements = (
        ElementConfig("farm-a.pv", DeviceKind.PV, 10_000),
        ElementConfig(BATTERY, DeviceKind.BATTERY, 5_000, 5_000, 20_000),
    )
    base = np.where((np.arange(96) < 32) | (np.arange(96) >= 64), 1.0, 0.0)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (base,))
    role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)
    sun = np.zeros(192)
    sun[96 + 32 : 96 + 64] = 1.0
    start = DAY.next(-1).start
    role.handle(Received("iles", 1, WeatherBulletin(WeatherForecast(start, start, 900, tuple(sun)))), AHEAD)
    told(role, 0.0, AHEAD, 1)
    return role


def told(role: ProsumerRole, stored_wh: float, at: datetime, number: int) -> list[Effect]:
    """What it wants when its battery says what it stores."""
    readings = (*players.good(BATTERY, 0.0, at), Reading(BATTERY, Kind.STORED_ENERGY, stored_wh, at))
    return role.handle(Received(BATTERY, number, DeviceReport(BATTERY, at, readings, ())), at)


def setpoints(effects: list[Effect]) -> tuple[Setpoint | None, ...]:
    """The last schedule that the battery is told; nothing at all if it is told none."""
    schedules = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, DeviceSchedule)]
    mine = [schedule for schedule in schedules if schedule.element == BATTERY]
    return mine[-1].setpoints if mine else ()


def ordered(role: ProsumerRole, first: int, power_kw: float, isps: int = 4) -> None:
    """An order holds it to a power for some ISPs (from 0) of the day."""
    held = np.full(96, np.nan)
    held[first : first + isps] = power_kw
    role.part(HeldOrders).state.held_kw[FIRST] = {BATTERY: held}


def test_without_orders_it_is_told_nothing() -> None:
    """It is expected to fill from 8:00 on, and to give what is needed from 16:00 on; its device does so by itself."""
    role = farm()
    effects = role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    assert setpoints(effects) == ()
    (prognosis,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, DPrognosis)]
    assert set(prognosis.power_w[:32]) == {1_000}
    assert set(prognosis.power_w[32:48]) == {-5_000}
    assert set(prognosis.power_w[50:64]) == {-10_000}, "full after 20 kWh over 0.95"
    assert set(prognosis.power_w[64:]) == {0}


def test_an_order_holds_its_own_isps_and_what_it_needs_before_them() -> None:
    """5 kW from 14:00 to 15:00 need 4.75 kWh of room: charging stops before the battery is full, and is free after it."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    ordered(role, 56, 5.0)
    told_it = setpoints(role.handle(Fired(ReviseDay(FIRST)), DAY.start + timedelta(minutes=5)))
    assert told_it[56:60] == (Setpoint(Mode.TARGET, 5_000),) * 4
    assert told_it[:44] == (FREE,) * 44
    stopped = [isp for isp, one in enumerate(told_it[:56]) if one is not None]
    assert stopped, "it is held back"
    assert stopped == list(range(stopped[0], 56))
    assert told_it[stopped[0] + 1 : 56] == (Setpoint(Mode.TARGET, 0),) * (55 - stopped[0])
    assert told_it[60:] == (FREE,) * 36
    expected = role.part(DayPlanning).expected_kw(BATTERY, DAY)
    assert expected[:60].sum() * 0.25 * 0.95 == pytest.approx(20.0, abs=0.05)


def test_an_order_beyond_its_energy_is_expected_only_as_far_as_that_goes() -> None:
    """20 kWh of room take 5 kW for 4.21 h, not for the 6 h ordered: the prognosis says so, and no plan passes its capacity."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    ordered(role, 40, 5.0, 24)
    effects = role.handle(Fired(ReviseDay(FIRST)), DAY.start + timedelta(minutes=5))
    expected = role.part(DayPlanning).expected_kw(BATTERY, DAY)
    held_kwh = 20.0 / 0.95
    assert expected[40:64].sum() * 0.25 == pytest.approx(held_kwh)
    np.testing.assert_allclose(expected[40:56], 5.0)
    assert not expected[57:64].any()
    (prognosis,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, DPrognosis)]
    assert set(prognosis.power_w[40:56]) == {-5_000}
    assert set(prognosis.power_w[57:64]) == {-10_000}, "what it cannot take is fed in"


def test_an_order_in_a_running_isp_is_expected_at_once() -> None:
    """What is expected of a running ISP stays as it was told, until an order holds the battery in it to something else."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    planning, now = role.part(DayPlanning), DAY.at(10) + timedelta(minutes=5)
    told(role, 2_000.0, now, 2)
    ordered(role, 40, 1.0)
    planning.follow(DAY, now)
    np.testing.assert_allclose(planning.expected_kw(BATTERY, DAY)[40:45], [5.0, 1.0, 1.0, 1.0, 5.0])
    planning.follow(DAY, now, ordered=True)
    np.testing.assert_allclose(planning.expected_kw(BATTERY, DAY)[40:45], [1.0, 1.0, 1.0, 1.0, 5.0])


def test_what_orders_hold_already_is_moved_by_the_smallest_move_of_a_later_one() -> None:
    """An order takes 1 kW off each of four held ISPs for 4 kW more in a fifth: all of it is done, or it would be full too soon.

    Of what it does by itself, moves below 15 % are not worth holding it to a forecast.
    """
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    ordered(role, 40, 10.0)
    held, planning = role.part(HeldOrders), role.part(DayPlanning)
    plan = np.array([0.0, 10.0, 10.0, 10.0, 10.0, 10.0])
    move = np.array([4.0, -1.0, -1.0, -1.0, -1.0, 1.0])
    window = PlanWindow(DAY, 40, 45, AHEAD)
    model = Battery().flexibility(planning.knowledge(BATTERY, DAY, AHEAD), np.zeros(96), window)
    session = MemberSession(FIRST, 40, 45, 1.0, (model,), (plan,), (move,))
    header = held.me.header("agr", AHEAD, None, "FlexOrder")
    asked = (IspPower(40, 4_000),)
    order = FlexOrder(header, FIRST, "ean.farm-a", "o-1", 0, "EUR", asked, players.RULES.timezone, 15)
    ((_, rows),) = held.take(order, session, DAY)
    np.testing.assert_allclose(held.held_kw(BATTERY, DAY)[39:44], [4.0, 9.0, 9.0, 9.0, 9.0])
    assert np.isnan(held.held_kw(BATTERY, DAY)[44])
    assert [row.power_w for row in rows] == [4_000, -1_000, -1_000, -1_000, -1_000]


def test_what_it_really_stores_decides_in_each_interval() -> None:
    """Fuller at 10:00 than was expected, it is held back at once, in the running ISP; emptier, it is free again."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    ordered(role, 56, 5.0)
    role.handle(Fired(ReviseDay(FIRST)), DAY.start + timedelta(minutes=5))
    ten = DAY.at(10) + timedelta(minutes=5)
    full = setpoints(told(role, 15_250.0, ten, 2))
    assert full[40:56] == (Setpoint(Mode.TARGET, 0),) * 16
    empty = setpoints(told(role, 2_000.0, ten + timedelta(minutes=5), 3))
    assert empty[40:48] == (FREE,) * 8
    assert told(role, 2_000.0 + 5_000 / 12 * 0.95, ten + timedelta(minutes=10), 4) == [], "nothing new, nothing told"


def curtailed(role: ProsumerRole, by_w: int, isps: range) -> None:
    """Its sun of 10 kW is ordered to give so much less in some ISPs (from 1)."""
    held, orders = np.full(96, np.nan), role.part(HeldOrders).state
    held[isps.start - 1 : isps.stop - 1] = (by_w - 10_000) / 1000
    orders.held_kw.setdefault(FIRST, {})["farm-a.pv"] = held
    orders.parts = (ElementOrder("o-1", FIRST, "farm-a.pv", tuple((isp, -10_000, by_w) for isp in isps)),)


def sun(role: ProsumerRole, available_w: float, given_w: float, at: datetime, number: int) -> None:
    """What its inverter could give, and gives."""
    could = Reading("farm-a.pv", Kind.AVAILABLE_POWER, -available_w, at)
    readings = (*players.good("farm-a.pv", -given_w, at), could)
    role.handle(Received("farm-a.pv", number, DeviceReport("farm-a.pv", at, readings, ())), at)


def test_it_does_not_answer_what_an_order_takes_of_its_homes_sun() -> None:
    """7 of 10 kW curtailed: it goes on charging 5 kW, as without the order, and the connection draws 7 kW more, as was sold."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    planning = role.part(DayPlanning)
    before = planning.connection_kw(DAY)
    curtailed(role, 7_000, range(41, 45))
    told_it = setpoints(role.handle(Fired(ReviseDay(FIRST)), DAY.start + timedelta(minutes=5)))
    assert told_it[:40] == (FREE,) * 40, "elsewhere it is free"
    assert told_it[40:44] == (Setpoint(Mode.TARGET, 5_000),) * 4
    np.testing.assert_allclose((planning.connection_kw(DAY) - before)[40:44], 7.0)


def test_of_the_running_isp_it_follows_the_sun_that_there_is() -> None:
    """4 kW of sun where 10 were foretold, and 7 curtailed: it would take those 4 without the order, so it does."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    curtailed(role, 7_000, range(41, 45))
    now = DAY.at(10) + timedelta(minutes=5)
    sun(role, 4_000.0, 0.0, now, 2)
    assert setpoints(told(role, 2_000.0, now, 3))[40] == Setpoint(Mode.TARGET, 4_000)
    later = now + timedelta(minutes=5)
    sun(role, 3_000.0, 0.0, later, 4)
    assert setpoints(told(role, 2_300.0, later, 5))[40] == Setpoint(Mode.TARGET, 3_000)


def test_a_move_that_nobody_notices_leaves_it_free() -> None:
    """50 W less sun are not worth holding it to a forecast of its home."""
    role = farm()
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    curtailed(role, 50, range(41, 45))
    assert setpoints(role.handle(Fired(ReviseDay(FIRST)), DAY.start + timedelta(minutes=5))) in ((), (FREE,) * 96)
