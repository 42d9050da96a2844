"""The simulated units of an island: what they show, what they do, and that setpoints end by themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.readings import Kind, Quality
from devices.port.errors import DeviceFault
from devices.simulators.island_units import (
    Engine,
    FormingBattery,
    Inverters,
    IslandUnitsWorld,
    MainsBreaker,
    Stage,
)
from environment.outages import Cause, Outage
from environment.physics import frequency as f
from environment.physics.island import limits_of
from environment.physics.island_event import IslandEvent
from environment.physics.island_year import IslandYear, islanding_of
from environment.sites import load_site

FIRST = datetime(2016, 5, 20, tzinfo=UTC)
LOST = FIRST + timedelta(minutes=5)


@pytest.fixture
def world() -> IslandUnitsWorld:
    """Strem's units on a day of 100 kW of load and 50 kW of sun; mains are lost for ten minutes."""
    site = load_site("strem")
    loads = np.repeat(np.array([40.0, 30.0, 20.0, 10.0])[:, None] * 1000, 96, axis=1)
    year = IslandYear(FIRST, loads, np.full(96, 50_000.0), np.full(96, 220_000.0), 1_998_200.0)
    limits = limits_of(site, islanding_of(site), year.inverter_rated_w)
    event = IslandEvent(
        year, limits, Outage(LOST, 600, Cause.OWN), stored_wh=200_000, battery_w=0, separation_s=0.2, traced=True
    )
    units = {"breaker": (MainsBreaker(), 0), "bess": (FormingBattery(), 250_000), "chp": (Engine(), 500_000),
             "pv": (Inverters(), 1_998_200), "stage-4": (Stage(3), 10_000)}  # fmt: skip
    return IslandUnitsWorld(event, units)


def shown(world: IslandUnitsWorld, unit: str) -> dict[Kind, float | None]:
    """What a unit measures now; None: absent."""
    readings = asyncio.run(world.unit_ports[unit].measure(world.event.now))
    return {r.kind: None if r.quality is Quality.ABSENT else r.value for r in readings}


def run(world: IslandUnitsWorld, seconds: float) -> None:
    """Until so long after the loss of mains."""
    asyncio.run(world.advance(LOST + timedelta(seconds=seconds)))


def order(world: IslandUnitsWorld, unit: str, setpoint: Setpoint, seconds: float = 180) -> None:
    """Command a unit for some seconds."""
    until = world.event.now + timedelta(seconds=seconds)
    asyncio.run(world.unit_ports[unit].command(setpoint, until, world.event.now))


def test_units_say_what_they_are(world: IslandUnitsWorld) -> None:
    """Kind and rating on the nameplate."""
    plate = asyncio.run(world.unit_ports["bess"].open(LOST))
    assert (plate.kind, plate.max_generation_w) == (DeviceKind.BATTERY, 250_000)


def test_what_they_show_before_and_after(world: IslandUnitsWorld) -> None:
    """The breaker shows power only while it is closed; sources are negative, loads positive."""
    assert shown(world, "breaker") == {Kind.VOLTAGE: 400, Kind.POWER: 0}
    assert shown(world, "chp") == {Kind.POWER: -220_000, Kind.AVAILABLE_POWER: -500_000}
    assert shown(world, "stage-4") == {Kind.VOLTAGE: 400, Kind.POWER: 10_000}
    run(world, 60)
    assert shown(world, "breaker") == {Kind.VOLTAGE: 0, Kind.POWER: None}
    assert (shown(world, "bess")[Kind.POWER] or 0) > 0  # it takes what the plant gives too much
    assert shown(world, "pv")[Kind.AVAILABLE_POWER] == -50_000


def test_what_is_ordered_before_is_carried_out_at_the_separation(world: IslandUnitsWorld) -> None:
    """Armed: the plant is off and a stage open within the first second; not a moment before."""
    order(world, "chp", Setpoint(Mode.TARGET, 0))
    order(world, "stage-4", Setpoint(Mode.LIMIT, 0))
    assert shown(world, "chp")[Kind.POWER] == -220_000
    assert shown(world, "stage-4")[Kind.POWER] == 10_000
    run(world, 1)
    assert shown(world, "chp")[Kind.POWER] == 0
    assert shown(world, "stage-4") == {Kind.VOLTAGE: 0, Kind.POWER: 0}


def test_setpoints_end_by_themselves(world: IslandUnitsWorld) -> None:
    """A limit on the sun that is not renewed is dropped; the plant goes to its least power."""
    run(world, 10)
    order(world, "pv", Setpoint(Mode.LIMIT, 0), seconds=60)
    order(world, "chp", Setpoint(Mode.TARGET, -300_000), seconds=60)
    run(world, 60)
    assert shown(world, "pv")[Kind.POWER] == pytest.approx(0, abs=1)
    run(world, 71)
    assert world.event.island.orders.sun_limit_w > 1e6
    assert world.event.island.orders.chp_w == 200_000
    asyncio.run(world.unit_ports["chp"].command(Setpoint(Mode.TARGET, -250_000), LOST + timedelta(hours=1), LOST))
    asyncio.run(world.unit_ports["chp"].release(LOST))
    assert world.event.island.orders.chp_w == 200_000


def test_let_go_started_and_back_on_mains(world: IslandUnitsWorld) -> None:
    """TARGET 0 makes it dark, START forms it anew, the breaker closes when mains are back and in step."""
    run(world, 60)
    order(world, "bess", Setpoint(Mode.TARGET, 0))
    run(world, 120)
    assert shown(world, "bess")[Kind.VOLTAGE] == 0
    assert world.event.dark_s == 60
    order(world, "bess", Setpoint(Mode.START, 1))
    order(world, "breaker", Setpoint(Mode.START, 1))
    assert not world.event.island.orders.close  # mains are away still
    run(world, 600)
    assert shown(world, "bess")[Kind.VOLTAGE] == 400
    order(world, "breaker", Setpoint(Mode.START, 1))
    run(world, 700)
    assert world.event.island.connected
    assert not world.event.lost
    assert shown(world, "breaker")[Kind.POWER] == 0


def test_a_dark_island_is_taken_by_mains_at_once(world: IslandUnitsWorld) -> None:
    """Nothing to be in step with."""
    run(world, 30)
    world.event.stop()
    run(world, 601)
    order(world, "breaker", Setpoint(Mode.START, 1))
    assert world.event.island.connected


def test_a_silent_unit_cannot_be_read_or_told(world: IslandUnitsWorld) -> None:
    """Both end in a fault that names it; it comes back."""
    port = world.unit_ports["pv"]
    port.silence(True)
    with pytest.raises(DeviceFault, match="pv: does not answer"):
        asyncio.run(port.measure(LOST))
    with pytest.raises(DeviceFault, match="pv: does not answer"):
        order(world, "pv", Setpoint(Mode.LIMIT, 0))
    port.silence(False)
    assert shown(world, "pv")[Kind.AVAILABLE_POWER] == -50_000


def test_a_plant_out_of_order_stays_off() -> None:
    """It shows that it could give nothing, and gives nothing when asked."""
    site = load_site("strem")
    year = IslandYear(FIRST, np.full((4, 96), 10_000.0), np.zeros(96), np.full(96, 220_000.0), 1.0)
    limits = limits_of(site, islanding_of(site), 1.0)
    outage = Outage(LOST, 600, Cause.OWN, chp_ready=False)
    event = IslandEvent(year, limits, outage, stored_wh=200_000, battery_w=0, separation_s=0.2)
    event.run_to(LOST + timedelta(seconds=10))
    event.engine(300_000)
    event.run_to(LOST + timedelta(seconds=300))
    assert event.island.state[f.CHP_W] == 0
    assert Engine().shows(event) == {Kind.POWER: 0, Kind.AVAILABLE_POWER: 0}
