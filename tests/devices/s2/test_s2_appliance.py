"""Whole conversations between the appliance's driver and the simulated appliance, in memory and over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from cim.model.devices import DeviceKind, Mode, Programme, ProgrammeState, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.appliance import AppliancePort
from devices.s2.driver import GatewayPort
from tests.devices.s2.appliances import ENERGY_WH, HEAT, INTERVAL, START, STEPS, Direct, Tcp


def play(site: Direct, story: Callable[[AppliancePort], Awaitable[None]]) -> None:
    """Open, run the story, close."""

    async def run() -> None:
        port = await site.open()
        try:
            await story(port)
        finally:
            await site.close()

    asyncio.run(run())


def states(site: Direct) -> list[tuple[ProgrammeState, int, float]]:
    """What was told: state, progress, hours after the start."""
    return [(news.state, news.done_s, (news.at - START) / timedelta(hours=1)) for news in site.told]


def test_it_says_what_it_is() -> None:
    """Who made it, and from its forecast what it draws at most; it measures power and nothing else."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        plate = await port.open(START)
        assert (plate.kind, plate.manufacturer, plate.serial) == (DeviceKind.APPLIANCE, "ILES", "w")
        assert (plate.max_consumption_w, plate.max_generation_w) == (2000, 0)
        (power,) = await port.measure(START)
        assert (power.kind, power.value, power.quality) == (Kind.POWER, 0.0, Quality.GOOD)

    play(site, story)


@pytest.mark.parametrize("make", [Direct, Tcp])
def test_a_programme_is_told_when_it_is_ready_and_started_when_it_is_told(make: type[Direct]) -> None:
    """Ready at half past six, started at half past seven: told at once; finished an hour later; each watt-hour measured."""
    site = make()

    async def story(_port: AppliancePort) -> None:
        await site.until(1.5)
        assert states(site) == [(ProgrammeState.READY, 0, 0.5)]
        (told,) = site.told
        assert told.steps == STEPS
        assert (told.earliest, told.latest_end) == (START + timedelta(hours=0.5), START + timedelta(hours=6))
        await site.start()
        assert site.unit.power_w == 100
        await site.until(3)
        expected = [(ProgrammeState.READY, 0, 0.5), (ProgrammeState.RUNNING, 0, 1.5), (ProgrammeState.OVER, 3600, 2.5)]
        assert states(site) == expected
        assert site.measured_wh == pytest.approx(ENERGY_WH)

    play(site, story)


def test_what_is_not_started_begins_by_itself() -> None:
    """At its latest start, and with the progress that it had when it was told."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(4.9)
        assert site.unit.import_wh == 0
        await site.until(6.5)
        assert [state for state, _, _ in states(site)] == [
            ProgrammeState.READY,
            ProgrammeState.RUNNING,
            ProgrammeState.OVER,
        ]
        assert site.unit.started_s == (START + timedelta(hours=5)).timestamp()

    play(site, story)


def test_a_second_start_changes_nothing() -> None:
    """While it runs and when it is over: the same setpoint comes in every control interval."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        for hours in (1.25, 1.5, 1.75, 2.0, 2.25, 2.5):
            await site.start()
            await site.until(hours)
        assert site.unit.import_wh == pytest.approx(ENERGY_WH)

    play(site, story)


def test_nothing_of_a_controller_is_left_when_it_is_gone() -> None:
    """A start of nothing and a release leave it to itself; what began runs to its end while nobody is connected."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        await site.until(1)
        await site.start(Setpoint(Mode.START, 0))
        await port.release(site.now)
        assert site.unit.ready
        await site.start()
        site.link.cut("w", True)
        await site.until(3)
        (power,) = await port.measure(site.now)
        assert power.quality is Quality.ABSENT
        assert site.unit.import_wh == pytest.approx(ENERGY_WH)
        with pytest.raises(DeviceUnreachable, match="is not connected"):
            await site.start()

    play(site, story)


def test_a_driver_that_comes_back_hears_how_far_it_is() -> None:
    """Cut off while it was ready, back when it had been running for ten minutes."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(4.75)
        site.link.cut("w", True)
        await site.until(5 + 1 / 6)
        site.link.cut("w", False)
        await site.until(5.25)
        assert states(site)[-1] == (ProgrammeState.RUNNING, 900, 5.25)
        await site.start()
        assert site.unit.start_at_s is None, "there is nothing left to start"

    play(site, story)


def test_a_new_driver_hears_it_too() -> None:
    """The driver before it died without a word."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        again = AppliancePort("w", link=site.link)
        plate = await again.open(site.now)
        assert plate.max_consumption_w == 2000
        (told,) = again.drain()
        assert isinstance(told, Programme)
        assert told.state is ProgrammeState.READY
        await again.command(HEAT, site.now + INTERVAL, site.now)
        assert site.unit.running

    play(site, story)


def test_without_a_controller_it_begins_at_once() -> None:
    """Before anybody selects PPBC, and after somebody deselected it; with a CEM that once was there it waits."""
    site = Direct()
    site.machine.start(START)
    for _ in range(7):
        site.move()
        site.machine.advance(site.now)
    assert site.unit.started_s == START.timestamp() + 1800


@pytest.mark.parametrize(
    ("setpoint", "expected"),
    [
        (Setpoint(Mode.TARGET, 100), "expected a start"),
        (Setpoint(Mode.LIMIT, 0), "expected a start"),
        (Setpoint(Mode.START, -1), "expected a start"),
    ],
)
def test_what_it_cannot_do_is_refused_before_it_is_sent(setpoint: Setpoint, expected: str) -> None:
    """A target, a limit, a negative start."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        await site.until(1)
        with pytest.raises(BadInput, match=expected):
            await site.start(setpoint)
        assert site.unit.ready

    play(site, story)


def test_a_start_of_nothing_ready_is_a_fault() -> None:
    """Nobody has made it ready; and a setpoint that is over is none."""
    site = Direct()

    async def story(port: AppliancePort) -> None:
        with pytest.raises(DeviceFault, match="has no programme ready"):
            await site.start()
        with pytest.raises(BadInput, match="is over"):
            await port.command(HEAT, START, START)

    play(site, story)


def test_each_driver_says_what_it_needs() -> None:
    """An appliance is no heat pump: the other driver names what it expected, and takes no start."""
    site = Direct()

    async def story(_port: AppliancePort) -> None:
        other = GatewayPort("w", link=site.link)
        with pytest.raises(DeviceFault, match="it offers POWER_PROFILE_BASED_CONTROL; expected FRBC, PEBC or OMBC"):
            await other.open(START)
        with pytest.raises(BadInput, match="is for appliances"):
            await other.command(HEAT, START + INTERVAL, START)

    play(site, story)
