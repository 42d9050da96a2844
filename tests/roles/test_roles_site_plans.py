"""A home whose battery serves the site: it tells its outlook and its store, and does what the manager plans, nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.planning.elements.store_operation import StoreOperation
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceReport, DeviceSchedule
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.prognoses import ForecastDay
from agents.roles.site_use_messages import HomeOutlook, StorePlan, StoreTold
from cim.model.devices import DeviceKind
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.incidents import MessageLapsed
from market.uftp import DPrognosis
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, POINT, RULES

BATTERY = "farm-a.battery"
Message = TypeVar("Message")


def farm(operation: StoreOperation | None, *, served: bool = True) -> ProsumerRole:
    """A farm that draws 2 kW all day, with a battery of 40 kWh and 10 kW."""
    battery = ElementConfig(BATTERY, DeviceKind.BATTERY, 10_000, 10_000, capacity_wh=40_000, operation=operation)
    config = terms.prosumer_config("farm-a", POINT, "agr", (battery,), (np.full(96, 2.0),))
    return ProsumerRole("farm-a", RULES, players.key("farm-a"), replace(config, site_served=served))


def sent(effects: list[Effect], kind: type[Message]) -> list[Message]:
    """The messages of a type among effects."""
    return [effect.message for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def holding(kwh: float, at: object = players.AHEAD) -> Received:
    """The battery says what it holds."""
    reading = Reading(BATTERY, Kind.STORED_ENERGY, kwh * 1000, at, Quality.GOOD)  # type: ignore[arg-type]
    return Received(BATTERY, 1, DeviceReport(BATTERY, at, (reading,), ()))  # type: ignore[arg-type]


def planned(power_kw: float, *, foretold: bool = True, sender: str = "iles", count: int = DAY.count) -> Received:
    """The manager's plan, the same all day."""
    return Received(sender, 2, StorePlan(BATTERY, FIRST, np.full(count, power_kw), foretold))


SERVES = StoreOperation(serves_site=True)


def test_the_outlook_is_the_home_without_its_battery() -> None:
    """2 kW, whatever the battery would do; a site that is not served is told nothing."""
    role = farm(SERVES)
    role.handle(holding(20.0), players.AHEAD)
    (told,) = sent(role.handle(Fired(ForecastDay(FIRST)), players.AHEAD), HomeOutlook)
    np.testing.assert_allclose(told.rest_kw, 2.0)
    assert (told.stores[0].element, told.stores[0].in_kw, told.stores[0].capacity_kwh) == (BATTERY, 10.0, 40.0)
    assert not sent(farm(None, served=False).handle(Fired(ForecastDay(FIRST)), players.AHEAD), HomeOutlook)


def test_what_it_holds_is_told_as_an_isp_begins() -> None:
    """At the quarter-hour, not five minutes later; a battery that serves its home alone is not told of."""
    at = DAY.isp_start(9)
    (told,) = sent(farm(SERVES).handle(holding(12.0, at), at), StoreTold)
    assert told.stored_kwh == 12.0
    later = at + timedelta(minutes=5)
    assert not sent(farm(SERVES).handle(holding(12.0, later), later), StoreTold)
    assert not sent(farm(None).handle(holding(12.0, at), at), StoreTold)


def test_a_plan_becomes_schedule_and_prognosis() -> None:
    """The battery is told 4 kW until it is full; the aggregator hears of them, too, where they follow from a forecast."""
    role = farm(SERVES)
    role.handle(holding(20.0), players.AHEAD)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    effects = role.handle(planned(4.0), players.AHEAD)
    (schedule,) = sent(effects, DeviceSchedule)
    setpoint = schedule.setpoints[0]
    assert setpoint is not None
    assert setpoint.power_w == 4000
    (prognosis,) = sent(effects, DPrognosis)
    assert prognosis.power_w[0] == 6000
    assert prognosis.power_w[-1] == 2000  # full by then
    again = role.handle(planned(3.0, foretold=False), players.AHEAD)
    assert sent(again, DeviceSchedule)
    assert not sent(again, DPrognosis)


@pytest.mark.parametrize("message", [planned(4.0, sender="agr"), planned(4.0, count=95)])
def test_a_plan_of_others_or_of_another_length_lapses(message: Received) -> None:
    """It is told as lapsed, and changes nothing."""
    role = farm(SERVES)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    effects = role.handle(message, players.AHEAD)
    assert [type(one.publication) for one in effects if isinstance(one, Publish)] == [MessageLapsed]
    assert not sent(effects, DeviceSchedule)


def test_a_battery_that_serves_its_home_takes_no_plan() -> None:
    """The manager plans only what was given to it."""
    role = farm(None)
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    assert not sent(role.handle(planned(4.0), players.AHEAD), DeviceSchedule)
