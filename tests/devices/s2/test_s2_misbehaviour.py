"""Resource managers that misbehave on command: what our side makes of each way is never a wrong reading and never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from cim.model.devices import Mode, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.driver import GatewayPort
from devices.simulators.gateway.machine import GatewayMachine
from devices.simulators.gateway.misbehaviour import Way
from devices.simulators.in_memory_link import DirectLink, Misbehaves
from tests.devices.s2.conftest import Room

T = TypeVar("T")
START = datetime(2026, 1, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


class World:
    """A gateway that behaves until it is told not to, and its driver."""

    def __init__(self, room: Room) -> None:
        self.room, self.now = room, START
        self.gateway, self.link = GatewayMachine("gw", room), DirectLink()
        self.link.add("gw", self.gateway, START)
        self.port = GatewayPort("gw", link=self.link)

    async def pass_time(self) -> dict[Kind, Reading]:
        """A quarter of an hour, and what is read then."""
        self.room.run(QUARTER)
        self.now += QUARTER
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {reading.kind: reading for reading in await self.port.measure(self.now)}

    async def target(self, watts: int) -> None:
        """A target for a quarter of an hour."""
        await self.port.command(Setpoint(Mode.TARGET, watts), self.now + QUARTER, self.now)

    def run(self, words: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives once the driver is open and the gateway misbehaves."""

        async def all_of_it() -> T:
            await self.port.open(self.now)
            await self.pass_time()
            self.gateway.misbehave(words)
            return await work()

        return asyncio.run(all_of_it())


@pytest.mark.parametrize("words", ["silent", "not-a-number", "no-json"])
def test_a_gateway_that_tells_nothing_true_goes_stale(room: Room, words: str) -> None:
    """Its last good values grow old and STALE; none takes their place, and a later good one does."""
    world = World(room)

    async def work() -> None:
        before = {r.kind: r.value for r in await world.port.measure(world.now)}
        for quality in (Quality.GOOD, Quality.GOOD, Quality.STALE, Quality.STALE):
            found = await world.pass_time()
            assert {kind: reading.value for kind, reading in found.items()} == before
            assert found[Kind.POWER].quality is quality
        world.gateway.misbehave("")
        found = await world.pass_time()
        assert found[Kind.POWER].quality is found[Kind.TEMPERATURE].quality is Quality.GOOD
        assert found[Kind.TEMPERATURE].value == pytest.approx(room.temperature_c)

    world.run(words, work)


def test_a_gateway_that_is_late_is_read_as_of_when_it_was(room: Room) -> None:
    """Each power stands with the time that it was measured at, one report ago."""
    world = World(room)

    async def work() -> list[timedelta]:
        await world.pass_time()
        ages = []
        for _ in range(3):
            power = (await world.pass_time())[Kind.POWER]
            assert power.quality is Quality.GOOD
            ages.append(world.now - power.at)
        return ages

    assert world.run("late", work) == [QUARTER] * 3


def test_the_same_id_again_is_no_repetition(room: Room) -> None:
    """Measurements with one message id are all taken, as their contents differ."""
    world = World(room)

    async def work() -> list[float]:
        return [(await world.pass_time())[Kind.TEMPERATURE].value - room.temperature_c for _ in range(3)]

    assert world.run("one-id", work) == pytest.approx([0.0] * 3)


@pytest.mark.parametrize("words", ["silent", "no-status", "late"])
def test_an_instruction_without_an_answer_is_a_fault(room: Room, words: str) -> None:
    """Nobody knows what became of it: not done; and once the gateway behaves, the next one is."""
    world = World(room)

    async def work() -> None:
        with pytest.raises((DeviceUnreachable, DeviceFault), match="did not answer to"):
            await world.target(1000)
        world.gateway.misbehave("")
        await world.pass_time()
        await world.target(1000)
        assert room.power_w == 1000.0

    world.run(words, work)


def test_a_gateway_that_only_says_that_it_obeys_is_seen_by_its_power(room: Room) -> None:
    """It says STARTED and its mode; what it is measured at tells otherwise, and that is what is read."""
    world = World(room)

    async def work() -> tuple[float, float]:
        await world.target(1000)
        power = (await world.pass_time())[Kind.POWER].value
        return power, room.energy_import_wh

    power, _ = world.run("heedless", work)
    assert power == pytest.approx(4000.0)


def test_kilowatts_called_watts_are_read_as_told(room: Room) -> None:
    """Nothing in S2 says otherwise: the driver cannot know, and the smart meter's sum is what gives it away."""
    world = World(room)

    async def work() -> Reading:
        return (await world.pass_time())[Kind.POWER]

    assert world.run("kilowatts", work).value == pytest.approx(4.0)


def test_unknown_words_are_a_sentence(room: Room) -> None:
    """It lists the known ones; and a gateway can be commanded over the simulation as any device."""
    machine = GatewayMachine("gw", room)
    assert isinstance(machine, Misbehaves)
    with pytest.raises(BadInput, match=r"misbehave: 'rude' is unknown; expected words of silent, late, .*no-json$"):
        machine.misbehave("late, rude")
    machine.misbehave(",".join(Way))
    machine.misbehave("")
