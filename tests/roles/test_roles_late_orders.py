"""An order that comes while its ISP runs reaches a plant at once, not with its next report."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from agents.planning.elements.element import ElementConfig
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceReport
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.prognoses import ForecastDay
from cim.model.devices import DeviceKind
from cim.model.readings import Kind, Reading
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, POINT

PV, ISP = "farm-a.pv", 45
NOW = DAY.isp_start(ISP) + timedelta(minutes=6)


def planned(available_w: float) -> DayPlanning:
    """A farm whose plant told, at the beginning of ISP 45, what it could give; an order has just moved it by 2 kW from -8."""
    config = terms.prosumer_config("farm-a", POINT, "agr", (ElementConfig(PV, DeviceKind.PV, 10_000),), (np.zeros(96),))
    role = ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)
    role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    at = DAY.isp_start(ISP)
    readings = tuple(Reading(PV, kind, available_w, at) for kind in (Kind.POWER, Kind.AVAILABLE_POWER))
    role.handle(Received(PV, 1, DeviceReport(PV, at, readings, ())), at)
    held = np.full(DAY.count, np.nan)
    held[ISP - 1 : ISP + 1] = -6.0
    state = role.part(HeldOrders).state
    state.held_kw[FIRST] = {PV: held}
    rows = tuple((isp, -8_000, 2_000) for isp in (ISP, ISP + 1))
    state.parts = (ElementOrder("o-1", FIRST, PV, rows),)
    return role.part(DayPlanning)


def test_an_order_in_a_running_isp_reaches_a_plant_at_once() -> None:
    """It could give 9.5 kW: held to 6 of 8, it goes to its level of 6 kW now, as it gives up at most twice its order."""
    planning = planned(-9_500.0)
    planning.follow(DAY, NOW, ordered=True)
    assert planning.steered_kw(PV, DAY)[ISP - 1 : ISP + 1].tolist() == [-6.0, -6.0]
    assert np.isnan(planning.steered_kw(PV, DAY)[ISP + 1])


def test_with_less_sun_than_told_the_order_is_made_at_once_too() -> None:
    """It could give 5 kW where 8 had been told: the 2 kW that were ordered are given up in this ISP, the next waits for its own."""
    planning = planned(-5_000.0)
    planning.follow(DAY, NOW, ordered=True)
    assert planning.steered_kw(PV, DAY)[ISP - 1 : ISP + 1].tolist() == [-3.0, -6.0]


def test_without_an_order_the_next_report_decides() -> None:
    """What was planned anew for another reason holds the plant to the promised level, as before its next report."""
    planning = planned(-5_000.0)
    planning.follow(DAY, NOW)
    assert planning.steered_kw(PV, DAY)[ISP - 1] == -6.0
