"""Cooling, and a second actuator: our driver against the simulated gateway, over S2's own messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from cim.model.devices import Mode, Setpoint, ThermalDescription
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.s2.driver import GatewayPort
from devices.simulators.gateway.machine import GatewayMachine
from devices.simulators.in_memory_link import DirectLink
from tests.devices.s2.conftest import Room

T = TypeVar("T")
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass
class CoolRoom(Room):
    """A room that warms by itself and is cooled: its fill level target is below where it drifts to, and leakage heats it."""

    temperature_c: float = 24.5
    level_min_c: float = 21.0
    level_max_c: float = 26.0
    set_c: float = 24.0
    fill_rate_per_w: float = -1e-7

    @property
    def power_w(self) -> float:
        """What is drawn now, W."""
        if self.target_w is not None:
            return self.target_w
        return self.max_power_w if self.temperature_c > self.set_c else 0.0

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """Even warming for an hour."""
        return now, 900, (-1e-4,) * 4

    def run(self, span: timedelta) -> None:
        """Cool and warm for `span`."""
        seconds = span.total_seconds()
        self.energy_import_wh += self.power_w * seconds / 3600
        self.temperature_c += seconds * (self.power_w * self.fill_rate_per_w + 1e-4)


@dataclass
class Rod:
    """A heating rod: a watt of it warms a third of what one of the heat pump does."""

    on: bool = False
    rated_w: float = 3000.0
    fill_rate_per_w: float = 3.3e-8


@dataclass
class RoomWithRod(Room):
    """One meter for both."""

    rod: Rod = field(default_factory=Rod)

    @property
    def power_w(self) -> float:
        """What is drawn now, W."""
        pump_w = self.target_w if self.target_w is not None else self.max_power_w * (self.temperature_c < self.set_c)
        return pump_w + (self.rod.rated_w if self.rod.on else 0.0)


class World:
    """A simulated gateway in memory, and its driver."""

    def __init__(self, room: Room) -> None:
        self.room, self.now, self.link = room, START, DirectLink()
        self.gateway = GatewayMachine("gw", room, rod=getattr(room, "rod", None))
        self.link.add("gw", self.gateway, START)
        self.port = GatewayPort("gw", link=self.link)

    async def pass_time(self, span: timedelta = QUARTER) -> dict[Kind, float]:
        """Time, and what is read then."""
        self.room.run(span)
        self.now += span
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {reading.kind: reading.value for reading in await self.port.measure(self.now)}

    async def command(self, mode: Mode, watts: int) -> None:
        """For a quarter of an hour."""
        await self.port.command(Setpoint(mode, watts), self.now + QUARTER, self.now)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives with the driver open."""

        async def all_of_it() -> T:
            await self.port.open(self.now)
            return await work()

        return asyncio.run(all_of_it())


def test_a_room_is_cooled_to_order() -> None:
    """A target cools it, none lets it warm; after the quarter of an hour its thermostat rules again; nothing plans it as heat."""
    room = CoolRoom()
    world = World(room)

    async def work() -> list[float]:
        assert world.port.drain() == ()  # a description with a falling slope would be taken for a house that heats
        temperatures = []
        for watts in (3000, 0):
            before = room.temperature_c
            await world.command(Mode.TARGET, watts)
            assert room.target_w == watts
            found = await world.pass_time()
            assert (found[Kind.POWER], found[Kind.TEMPERATURE]) == (watts, room.temperature_c)
            temperatures.append(room.temperature_c - before)
            assert room.target_w is None
        return temperatures

    cooled, warmed = world.run(work)
    assert cooled == pytest.approx(900 * (1e-4 - 3e-4))
    assert warmed == pytest.approx(900 * 1e-4)


def test_a_limit_leaves_a_warm_room_what_it_allows_and_a_cool_one_nothing() -> None:
    """Under PEBC its thermostat cools above the set point, with no more than the limit."""
    room = CoolRoom()
    world = World(room)

    async def work() -> list[float | None]:
        await world.command(Mode.LIMIT, 1200)
        found = [room.target_w]
        room.temperature_c = 23.5
        await world.pass_time(timedelta(minutes=1))
        return [*found, room.target_w]

    assert world.run(work) == [1200.0, 0.0]


def test_a_room_that_is_cooled_too_far_goes_first() -> None:
    """At the lower edge of its comfort the gateway drops the target, as it does at the upper edge of one that is heated."""
    room = CoolRoom(temperature_c=21.1)
    world = World(room)

    async def work() -> None:
        await world.command(Mode.TARGET, 4000)
        await world.pass_time(timedelta(minutes=10))
        assert room.temperature_c < room.level_min_c
        assert room.target_w is None

    world.run(work)


@pytest.mark.parametrize(
    ("watts", "pump_w", "rod_on"),
    [(0, 0.0, False), (2500, 2500.0, False), (4000, 4000.0, False), (4500, 1500.0, True), (7000, 4000.0, True)],
)
def test_each_actuator_takes_its_mode(watts: int, pump_w: float, rod_on: bool) -> None:
    """The rod is on only where the heat pump alone does not reach; both go back to their own rule at the end."""
    room = RoomWithRod(temperature_c=20.0)
    world = World(room)

    async def work() -> None:
        plate = await world.port.open(world.now)
        assert plate.max_consumption_w == 7000
        (told,) = [news for news in world.port.drain() if isinstance(news, ThermalDescription)]
        assert (told.power_min_w, told.power_max_w, told.fill_rate_per_w) == (0, 4000, pytest.approx(1e-7))
        await world.command(Mode.TARGET, watts)
        assert (room.target_w, room.rod.on) == (pump_w, rod_on)
        assert (await world.pass_time())[Kind.POWER] == watts
        assert (room.target_w, room.rod.on) == (None, False)

    world.run(work)


def test_what_they_cannot_run_at_together_names_what_they_can() -> None:
    """A rod that is on or off, beside a heat pump that is weaker, leaves a gap."""
    room = RoomWithRod(max_power_w=1000.0)
    world = World(room)

    async def work() -> None:
        with pytest.raises(BadInput, match=r"2000 W is outside .*; expected 0\.\.1000 or 3000\.\.4000 W"):
            await world.command(Mode.TARGET, 2000)
        assert (room.target_w, room.rod.on) == (None, False)

    world.run(work)


def test_release_and_a_full_room_free_both() -> None:
    """A release, and the edge of comfort, end what each was asked for."""
    room = RoomWithRod(temperature_c=22.9)
    world = World(room)

    async def work() -> None:
        await world.command(Mode.TARGET, 7000)
        await world.port.release(world.now)
        assert (room.target_w, room.rod.on) == (None, False)
        await world.command(Mode.TARGET, 7000)
        room.temperature_c = 23.5
        await world.pass_time(timedelta(minutes=1))
        assert (room.target_w, room.rod.on) == (None, False)

    world.run(work)
