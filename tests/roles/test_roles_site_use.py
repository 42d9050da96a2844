"""Batteries that serve the site: what the manager plans by outlooks, what the meter changes, and whose plan a home takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from agents.planning.forecast.bands.history import KnownDays
from agents.planning.microgrid.own_use import SharedStore
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Fired, Received
from agents.roles.iles_manager import IlesConfig, IlesRole
from agents.roles.messages import DeviceReport
from agents.roles.parts.exchange_bands import ExchangeConfig
from agents.roles.site_use_messages import HomeOutlook, StorePlan, StoreTold
from cim.model.arrays import Floats
from cim.model.readings import Kind, Quality, Reading
from tests.worlds import players
from tests.worlds.players import RULES

DAY = RULES.periods[0]
HOURS = RULES.hours
STORE = SharedStore("home.bess", 100.0, 0.0, 50.0, 50.0, 0.95, 10.0, np.full(DAY.count, np.nan))
SUNNY = np.where(np.arange(DAY.count) < DAY.count // 2, -20.0, 10.0)


def manager() -> IlesRole:
    """One that hears the meter at the point of common coupling, and plans for the site."""
    exchange = ExchangeConfig("point.meter", KnownDays(DAY.next(-1).day, (), (), "AT"))
    config = IlesConfig("weather", (), "ledger", "dso", exchange, serves_site=True)
    return IlesRole("iles", RULES, players.key("iles"), config)


def outlook(rest_kw: Floats, *stores: SharedStore) -> HomeOutlook:
    """What a home tells of the day."""
    return HomeOutlook(DAY.day, rest_kw, stores)


def settled(role: IlesRole, effects: list[Effect], now: datetime) -> dict[str, StorePlan]:
    """The plans that follow once all timers of this instant have fired."""
    plans = dict[str, StorePlan]()
    for armed in effects:
        if isinstance(armed, Arm) and armed.at <= now + timedelta(seconds=1):
            for effect in role.handle(Fired(armed.timer), armed.at):
                if isinstance(effect, Send) and isinstance(effect.message, StorePlan):
                    plans[effect.to] = effect.message
    return plans


def foreseen(role: IlesRole, now: datetime, **homes: HomeOutlook) -> dict[str, StorePlan]:
    """All homes tell at one instant."""
    effects = list[Effect]()
    for number, (name, one) in enumerate(homes.items()):
        effects = role.handle(Received(name, number, one), now)
    return settled(role, effects, now)


def test_one_home_s_battery_takes_another_s_surplus() -> None:
    """The neighbour feeds in 20 kW: the battery takes them, and later gives the 10 kW that the site needs."""
    eve = DAY.next(-1).at(11)
    plans = foreseen(manager(), eve, bess=outlook(np.zeros(DAY.count), STORE), sun=outlook(SUNNY))
    assert set(plans) == {"bess"}
    plan = plans["bess"]
    assert plan.foretold
    assert plan.power_kw[0] == pytest.approx(20.0)
    assert plan.power_kw[DAY.count // 2] == pytest.approx(-10.0)


def told(role: IlesRole, at: datetime, stored_kwh: float, net_wh: float) -> dict[str, StorePlan]:
    """As an ISP begins: the counters at the point of common coupling, and what the battery holds."""
    values = ((Kind.ENERGY_IMPORT, 1e6 + net_wh), (Kind.ENERGY_EXPORT, 1e6))
    readings = tuple(Reading("point.meter", kind, value, at, Quality.GOOD) for kind, value in values)
    role.handle(Received("point.meter", 1, DeviceReport("point.meter", at, readings, ())), at)
    return settled(role, role.handle(Received("bess", 2, StoreTold("home.bess", at, stored_kwh)), at), at)


def test_what_was_metered_in_the_last_isp_corrects_the_next() -> None:
    """The battery took 20 kW as planned, and 8 kW still left the site: in the next ISP it takes 28, and 8 more to be sure."""
    role = manager()
    foreseen(role, DAY.next(-1).at(11), bess=outlook(np.zeros(DAY.count), STORE), sun=outlook(SUNNY))
    told(role, DAY.isp_start(1), 10.0, 0.0)
    plans = told(role, DAY.isp_start(2), 10.0 + 20.0 * 0.95 * HOURS, -8000 * HOURS)
    assert plans["bess"].power_kw[1] == pytest.approx(28.0 + 8.0)
    assert plans["bess"].power_kw[0] == pytest.approx(20.0)
    assert plans["bess"].power_kw[2] < 28.0  # only the running one is leant, and the correction fades
    assert not plans["bess"].foretold


def test_a_forecast_that_holds_is_not_leant_on() -> None:
    """All that the sun gave was taken, nothing crossed the point of common coupling: the plan stays, and is not told again."""
    role = manager()
    foreseen(role, DAY.next(-1).at(11), bess=outlook(np.zeros(DAY.count), STORE), sun=outlook(SUNNY))
    told(role, DAY.isp_start(1), 10.0, 0.0)
    assert not told(role, DAY.isp_start(2), 10.0 + 20.0 * 0.95 * HOURS, 0.0)


def test_the_same_plan_is_not_told_twice() -> None:
    """Homes that tell the same again hear nothing."""
    role, eve = manager(), DAY.next(-1).at(11)
    homes = {"bess": outlook(np.zeros(DAY.count), STORE), "sun": outlook(SUNNY)}
    assert foreseen(role, eve, **homes)
    assert not foreseen(role, eve, **homes)


def test_what_an_order_holds_is_planned_around() -> None:
    """In that ISP the plan says what the order says."""
    held = STORE.held_kw.copy()
    held[3] = -5.0
    store = replace(STORE, held_kw=held)
    plans = foreseen(manager(), DAY.next(-1).at(11), bess=outlook(np.zeros(DAY.count), store), sun=outlook(SUNNY))
    assert plans["bess"].power_kw[3] == -5.0


def test_rows_of_another_length_are_not_taken() -> None:
    """They lapse, and no plan follows."""
    role, now = manager(), DAY.next(-1).at(11)
    effects = role.handle(Received("sun", 1, outlook(SUNNY[:-1])), now)
    assert not [one for one in effects if isinstance(one, Arm)]
