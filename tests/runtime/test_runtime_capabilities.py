"""A host asks a device only for what it can: one clear fault for the rest."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from agents.assembly.site_agents import SiteAgents
from agents.roles.effects import Command, Poll, Release
from agents.roles.events import Commanded, Measured
from agents.runtime.host.effects import EffectRunner
from agents.runtime.local import inline
from cim.model.devices import DeviceKind, Mode, Nameplate, News, Setpoint, WeatherForecast
from cim.model.readings import Kind, Reading
from devices.port.tells import NewsBox, OnNews

NOON = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


class Meter:
    """Connects and measures, no more."""

    name = "m"

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate."""
        return Nameplate(DeviceKind.METER, "Maker", "Model", "1")

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """One power."""
        return (Reading("m", Kind.POWER, 5.0, now),)

    async def close(self) -> None:
        """Nothing to close."""


class Weather:
    """Connects and tells, no more."""

    name = "w"

    def __init__(self) -> None:
        self.box = NewsBox()

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate."""
        return Nameplate(DeviceKind.WEATHER, "Maker", "Model", "1")

    def listen(self, on_news: OnNews) -> None:
        """As every device that tells."""
        self.box.on_news = on_news

    async def sync(self, now: datetime) -> None:
        """One forecast."""
        self.box.put(WeatherForecast(now, now, 900, (0.5,)))

    def drain(self) -> tuple[News, ...]:
        """Its forecasts."""
        return self.box.drain()

    async def close(self) -> None:
        """Nothing to close."""


RUNNER = EffectRunner({"m": Meter(), "w": Weather()}, inline(SiteAgents.jobs), None, None)


@pytest.mark.parametrize("device", ["m", "w"])
def test_a_setpoint_for_what_takes_none_is_an_outcome_that_says_so(device: str) -> None:
    """Neither a command nor a release ends the host: each comes back as one fault that names the missing capability."""
    wanted = Setpoint(Mode.LIMIT, 0)
    effects = [("a", Command(device, wanted, NOON + timedelta(minutes=15))), ("a", Release(device))]
    told = [event for _, event in asyncio.run(RUNNER.carry_out(effects, NOON, {}))]
    assert [type(event) for event in told] == [Commanded, Commanded]
    for event in told:
        assert isinstance(event, Commanded)
        assert event.fault is not None
        assert event.fault.startswith(f"{device}: the device takes no setpoint; expected Limits")


def test_what_only_tells_is_polled_without_being_measured() -> None:
    """A poll of a weather service brings its news, no readings and no fault."""
    ((_, event),) = asyncio.run(RUNNER.carry_out([("a", Poll("w"))], NOON, {}))
    assert event == Measured("w", (), (WeatherForecast(NOON, NOON, 900, (0.5,)),), None)


def test_what_only_measures_is_polled_without_being_listened_to() -> None:
    """A poll of a meter brings its readings and no news."""
    ((_, event),) = asyncio.run(RUNNER.carry_out([("a", Poll("m"))], NOON, {}))
    assert event == Measured("m", (Reading("m", Kind.POWER, 5.0, NOON),), (), None)
