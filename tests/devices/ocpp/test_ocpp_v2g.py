"""A vehicle that gives energy back (V2G), by OCPP 2.1 at the simulated station: asked for, metered, over by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import Mode, Setpoint, VehiclePlugged
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceFault
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass
class _Stay:
    plugged_at: datetime
    departure: datetime
    energy_wh: float
    delivered_wh: float = 0.0


@dataclass
class _Point:
    """An EVSE whose vehicle does what it is asked for, both ways."""

    max_power_w: float = 11_000.0
    discharge_w: float = 5_000.0
    session: _Stay | None = None
    limit_w: float | None = None
    setpoint_w: float | None = None
    energy_import_wh: float = 1000.0
    energy_export_wh: float = 50.0

    @property
    def power_w(self) -> float:
        """What is drawn, W."""
        if self.session is None:
            return 0.0
        most = self.max_power_w if self.limit_w is None else min(self.limit_w, self.max_power_w)
        return most if self.setpoint_w is None else max(min(self.setpoint_w, most), -self.discharge_w)

    def run(self, span: timedelta) -> None:
        """Let time pass."""
        energy = self.power_w * span.total_seconds() / 3600
        self.energy_import_wh += max(energy, 0.0)
        self.energy_export_wh += max(-energy, 0.0)


class _Site:
    """A station, its physics and its port."""

    def __init__(self, version: str = "2.1", point: _Point | None = None) -> None:
        self.point, self.now, self.link = _Point() if point is None else point, START, DirectLink()
        self.link.add("cs1", STATIONS[version]("cs1", self.point), START)
        self.port = StationPort("cs1", link=self.link)

    async def plugged(self) -> _Site:
        """The site with a vehicle."""
        await self.port.open(START)
        self.point.session = _Stay(START, START + timedelta(hours=5), 20_000.0)
        await self.step(timedelta(0))
        return self

    async def step(self, span: timedelta = QUARTER) -> dict[Kind, Reading]:
        """Time passes; what is measured then."""
        self.point.run(span)
        self.now += span
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def ask(self, power_w: int, mode: Mode = Mode.TARGET) -> None:
        """Ask for a power for a quarter of an hour."""
        await self.port.command(Setpoint(mode, power_w), self.now + QUARTER, self.now)


def test_a_vehicle_gives_what_it_is_asked_for_and_stops_by_itself() -> None:
    """-4 kW are read back, metered as export, and over when the setpoint ends on the simulated clock."""

    async def run() -> None:
        site = await _Site().plugged()
        (plugged,) = site.port.drain()
        assert plugged == VehiclePlugged(
            20_000, 11_000, START + timedelta(hours=5), START, site.port._machine.state.transaction.id
        )
        await site.ask(-4000)
        assert site.point.power_w == -4000
        giving = await site.step(QUARTER - timedelta(seconds=1))
        assert (giving[Kind.POWER].value, giving[Kind.POWER].quality) == (-4000, Quality.GOOD)
        assert giving[Kind.ENERGY_EXPORT].value == pytest.approx(50 + 4000 * 899 / 3600)
        assert giving[Kind.ENERGY_IMPORT].value == 1000
        after = await site.step(timedelta(seconds=1))
        assert site.point.setpoint_w is None
        assert after[Kind.POWER].value == 11_000, "it charges again by its own rule"

    asyncio.run(run())


def test_a_power_can_be_asked_for_upwards_and_taken_back() -> None:
    """A target above 0 charges with it; release ends it; a limit then holds as ever."""

    async def run() -> None:
        site = await _Site().plugged()
        await site.ask(3000)
        assert site.point.power_w == 3000
        await site.port.release(site.now)
        assert site.point.setpoint_w is None
        await site.ask(2000, Mode.LIMIT)
        assert (site.point.limit_w, site.point.power_w) == (2000, 2000)

    asyncio.run(run())


def test_more_than_the_vehicle_can_give_is_refused() -> None:
    """Its own word is 5 kW; a limit below 0 says nothing either; nothing of it reaches the station."""

    async def run() -> None:
        site = await _Site().plugged()
        with pytest.raises(BadInput, match="-5001 W is more than its vehicle can give; expected -5000 W or more"):
            await site.ask(-5001)
        with pytest.raises(BadInput, match="expected a limit of 0 W or more"):
            await site.ask(-1, Mode.LIMIT)
        with pytest.raises(BadInput, match="is over; expected a later instant"):
            await site.port.command(Setpoint(Mode.TARGET, -1), site.now, site.now)
        assert (site.point.setpoint_w, site.point.limit_w) == (None, None)

    asyncio.run(run())


@pytest.mark.parametrize(("version", "discharge_w"), [("2.0.1", 5000.0), ("1.6", 5000.0), ("2.1", 0.0)])
def test_who_cannot_give_is_not_asked(version: str, discharge_w: float) -> None:
    """Earlier versions have no word for it, and not every vehicle of 2.1 can: the sentence says so."""

    async def run() -> None:
        site = await _Site(version, _Point(discharge_w=discharge_w)).plugged()
        with pytest.raises(BadInput, match=f"cannot be given to an OCPP {version} station.*cannot discharge"):
            await site.ask(-1000)
        assert Kind.ENERGY_EXPORT not in await site.step()

    asyncio.run(run())


def test_when_the_vehicle_has_gone_nothing_can_be_asked_for() -> None:
    """What it could give was its own: the next vehicle says for itself."""

    async def run() -> None:
        site = await _Site().plugged()
        site.point.session = None
        await site.step()
        with pytest.raises(BadInput, match="cannot discharge"):
            await site.ask(-1000)

    asyncio.run(run())


def test_a_setpoint_that_reads_back_otherwise_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A station that accepts and applies something else is found by its composite schedule."""

    async def run(told: Any, match: str) -> None:
        site = await _Site().plugged()
        version = site.port._machine.version
        monkeypatch.setattr(type(version), "power_read", lambda *_: told)
        with pytest.raises(DeviceFault, match=match):
            await site.ask(-1000)

    asyncio.run(run(None, "reads back no setpoint; expected -1000 W"))
    asyncio.run(run(-900.0, "reads back a setpoint of -900 W"))
