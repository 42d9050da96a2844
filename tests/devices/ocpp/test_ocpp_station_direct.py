"""Whole conversations between the station driver and the simulated station, without a socket."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.machine import StationMachine

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


class _Site:
    """One station, its physics and its port; `step` is one quarter-hour of the walk."""

    def __init__(self, point):
        self.point = point
        self.now = START
        self.link = DirectLink()
        self.station = StationMachine("cs1", point)
        self.link.add("cs1", self.station, self.now)
        self.port = StationPort("cs1", link=self.link)

    async def step(self, span=QUARTER):
        self.point.run(span)
        self.now += span
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def limit(self, watts, span=QUARTER):
        await self.port.command(Setpoint(Mode.LIMIT, watts), self.now + span, self.now)


def test_a_charging_day(point):
    """Plug, limit, meter, expire, unplug: every value arrives in our units, and news in order."""

    async def day():
        site = _Site(point)
        plate = await site.port.open(site.now)
        assert (plate.manufacturer, plate.max_consumption_w) == ("ILES", 11_040)
        idle = await site.step()
        assert (idle[Kind.POWER].value, idle[Kind.POWER].quality) == (0.0, Quality.GOOD)
        point.plug(site.now)
        site.link.advance(site.now)
        await site.port.sync(site.now)
        (plugged,) = site.port.drain()
        number = site.station._evses[1].transaction
        assert plugged == VehiclePlugged(20_000, 11_040, site.now + timedelta(hours=5), site.now, number)
        await site.limit(4000)
        assert point.limit_w == 4000
        limited = await site.step()
        assert limited[Kind.ENERGY_IMPORT].value == 2000
        assert limited[Kind.POWER].at == site.now
        assert point.limit_w is None, "the profile has ended on the simulated clock"
        await site.step()
        point.session = None
        await site.step()
        (left,) = site.port.drain()
        assert left == VehicleUnplugged(1000 + 2760, site.now)
        assert site.station.quiet

    asyncio.run(day())


def test_release_drops_the_limit(point):
    """ClearChargingProfile frees the vehicle, and a second release is no fault."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        point.plug(site.now)
        await site.step()
        await site.limit(0)
        assert point.power_w == 0
        await site.port.release(site.now)
        await site.port.release(site.now)
        assert point.limit_w is None

    asyncio.run(run())


def test_a_limit_before_the_vehicle_waits_for_it(point):
    """Without a transaction a TxDefaultProfile holds for whoever plugs in before it ends."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        await site.limit(3000, timedelta(hours=1))
        point.plug(site.now)
        readings = await site.step()
        assert readings[Kind.POWER].value == 3000

    asyncio.run(run())


def test_a_limit_holds_at_once_at_a_station_whose_clock_is_behind(point):
    """Clocks are never equal: what is to hold from now on also holds at a station that has not come to now."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        point.plug(site.now)
        site.link.advance(site.now)
        ours = site.now + timedelta(seconds=2)
        await site.port.command(Setpoint(Mode.LIMIT, 3000), ours + QUARTER, ours)
        assert point.limit_w == 3000

    asyncio.run(run())


def test_what_a_station_cannot_do_is_refused_in_one_sentence(point):
    """OCPP 2.0.1 cannot discharge, and a setpoint that is over is none."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        for setpoint in (Setpoint(Mode.LIMIT, -1), Setpoint(Mode.TARGET, 1000)):
            with pytest.raises(BadInput, match="cannot discharge"):
                await site.port.command(setpoint, site.now + QUARTER, site.now)
        with pytest.raises(BadInput, match="valid_until"):
            await site.port.command(Setpoint(Mode.LIMIT, 1), site.now, site.now)

    asyncio.run(run())


def test_a_station_that_does_not_dial_in_is_named():
    """open says which station was missed and where it should have dialled."""
    with pytest.raises(DeviceUnreachable, match=r"cs9.*BootNotification.*ocpp2\.0\.1"):
        asyncio.run(StationPort("cs9", link=DirectLink()).open(START))


def test_a_station_that_reads_back_more_than_it_was_given_is_a_fault(point):
    """A limit that the station accepted but does not apply is found by GetCompositeSchedule."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        site.station._profiles.composite = lambda *_: [(0, 11_040.0)]
        with pytest.raises(DeviceFault, match="reads back"):
            await site.limit(2000)

    asyncio.run(run())


def test_a_cut_line_shows_as_absent_and_heals(point):
    """While cut off readings are ABSENT and commands fail; afterwards what waited in the station is told, once."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        point.plug(site.now)
        await site.step()
        assert len(site.port.drain()) == 1
        site.link.cut("cs1", True)
        readings = await site.step()
        assert {r.quality for r in readings.values()} == {Quality.ABSENT}
        with pytest.raises(DeviceUnreachable, match="cs1"):
            await site.limit(1000)
        point.session = None
        await site.step()
        site.link.cut("cs1", False)
        readings = await site.step()
        assert readings[Kind.POWER].quality is Quality.GOOD
        (left,) = site.port.drain()
        assert left.energy_wh == 2760, "one quarter-hour at full power was metered before the vehicle left"
        await site.limit(1000)

    asyncio.run(run())


def test_old_meter_values_are_stale(point):
    """A reading older than two intervals is not GOOD any more."""

    async def run():
        site = _Site(point)
        await site.port.open(site.now)
        point.plug(site.now)
        await site.step()
        later = {r.kind: r.quality for r in await site.port.measure(site.now + 3 * QUARTER)}
        assert later[Kind.POWER] is Quality.STALE

    asyncio.run(run())


def test_the_same_run_gives_the_same_frames(point):
    """Message ids are counted, not drawn: a conversation can be repeated byte for byte."""

    async def frames():
        point.session, point.energy_import_wh, point.limit_w = None, 0.0, None
        site = _Site(point)
        heard = []
        exchange = site.link.exchange

        async def listen(device, sent):
            back = await exchange(device, sent)
            heard.extend([*sent, *back])
            return back

        site.link.exchange = listen
        await site.port.open(site.now)
        point.plug(site.now)
        await site.step()
        await site.limit(2000)
        return heard

    assert asyncio.run(frames()) == asyncio.run(frames())
