"""A driver that is built anew against a station that goes on running, over both wires."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.driver import StationPort
from devices.simulators.dial_out import DialOut
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.machine import StationMachine

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PASSWORD = "sixteen-letters!"


class _Direct:
    """One station in memory; `reborn` builds its driver anew."""

    async def build(self, point):
        self.point, self.now = point, START
        self.station = StationMachine("cs1", point)
        self.link = DirectLink()
        self.link.add("cs1", self.station, START)
        self.port = StationPort("cs1", link=self.link)
        await self.port.open(START)
        return self

    async def reborn(self, while_gone=None):
        """The driver dies without a word; what it knew is gone."""
        if while_gone is not None:
            await while_gone()
        self.port = StationPort("cs1", link=self.link)
        await self.port.open(self.now)

    async def move(self, span=QUARTER):
        self.point.run(span)
        self.now += span
        self.link.advance(self.now)

    async def readings(self):
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def end(self):
        await self.port.close()


class _Tcp(_Direct):
    """The same over a WebSocket."""

    async def build(self, point):
        self.point, self.now = point, START
        self.station = StationMachine("cs1", point)
        self.station.start(START)
        self.out = None
        await self._serve()
        return self

    async def _serve(self):
        self.server = DialInServer(authenticate=known_passwords({"cs1": PASSWORD}))
        await self.server.start()
        self.port = StationPort("cs1", server=self.server)
        self.out = DialOut(self.station, self.server.url("ocpp", "cs1"), ("cs1", PASSWORD), "ocpp2.0.1")
        opening = asyncio.create_task(self.port.open(self.now))
        await asyncio.sleep(0)
        self.out.dial()
        await opening

    async def reborn(self, while_gone=None):
        await self.out.hang_up()
        await self.server.close()
        if while_gone is not None:
            self.out = None
            await while_gone()
        await self._serve()

    async def move(self, span=QUARTER):
        self.point.run(span)
        self.now += span
        frames = self.station.advance(self.now)
        if self.out is not None:
            await self.out.say(frames)
            await self.out.settled()

    async def end(self):
        await self.out.hang_up()
        await self.port.close()
        await self.server.close()


WIRES = [_Direct, pytest.param(_Tcp, marks=pytest.mark.slow)]


@pytest.mark.parametrize("wire", WIRES)
def test_in_mid_transaction_the_readings_are_those_of_a_driver_that_was_there(point, wire):
    """At once and at the next instant: the same values, times and qualities, and no news a second time."""

    async def run():
        site = await wire().build(point)
        point.plug(site.now)
        await site.move(timedelta(0))
        await site.move()
        before = await site.readings()
        assert [type(n) for n in site.port.drain()] == [VehiclePlugged]
        assert before[Kind.POWER].value == 11_040
        await site.reborn()
        assert await site.readings() == before
        assert site.port.drain() == ()
        await site.port.command(Setpoint(Mode.LIMIT, 4000), site.now + QUARTER, site.now)
        assert point.limit_w == 4000, "as a profile of the running transaction"
        await site.move()
        after = await site.readings()
        assert after[Kind.POWER].quality is Quality.GOOD
        assert after[Kind.ENERGY_IMPORT].value == before[Kind.ENERGY_IMPORT].value + 1000
        point.session = None
        await site.move(timedelta(minutes=1))
        await site.readings()
        (left,) = site.port.drain()
        assert left == VehicleUnplugged(2760 + 1000, site.now), "what the whole transaction delivered"
        await site.end()

    asyncio.run(run())


@pytest.mark.parametrize("wire", WIRES)
def test_an_idle_station_reads_as_before(point, wire):
    """The register that was told once, at power-up, is asked for again."""

    async def run():
        site = await wire().build(point)
        before = await site.readings()
        assert {r.quality for r in before.values()} == {Quality.GOOD}
        await site.reborn()
        assert await site.readings() == before
        await site.end()

    asyncio.run(run())


@pytest.mark.parametrize("wire", WIRES)
def test_who_came_while_nobody_listened_is_told_once(point, wire):
    """A vehicle that was plugged in between two lives of the driver is news for the second."""

    async def run():
        site = await wire().build(point)

        async def comes():
            point.plug(site.now)
            await site.move()

        if wire is _Direct:
            site.link.cut("cs1", True)
        await site.reborn(comes) if wire is _Tcp else await comes()
        if wire is _Direct:
            site.link.cut("cs1", False)
            await site.reborn()
        await site.readings()
        news = site.port.drain()
        assert [type(n) for n in news] == [VehiclePlugged]
        assert news[0].departure == START + timedelta(hours=5)
        await site.end()

    asyncio.run(run())


def test_news_is_heard_before_the_station_has_its_answer(point):
    """Whoever listens hears of a vehicle before the frame that acknowledges it is handed to the wire."""

    async def run():
        site = await _Direct().build(point)
        order, exchange = [], site.link.exchange

        async def listen(device, frames):
            order.extend("answer" for f in frames if '"status":"Accepted"' in f and f.startswith("[3"))
            return await exchange(device, frames)

        site.link.exchange = listen
        site.port.listen(lambda news: order.append(type(news).__name__))
        point.plug(site.now)
        await site.move()
        await site.readings()
        assert order.index("VehiclePlugged") < order.index("answer")
        assert len(site.port.drain()) == 1

    asyncio.run(run())


def test_a_vehicle_told_again_is_known_again():
    """The same transaction, or the same need and departure where the transaction is not known, is the same stay."""
    first = VehiclePlugged(9000, 11_040, START + 4 * QUARTER, START, "t1")
    assert first.same_stay(replace(first, at=START + QUARTER, max_power_w=22_000))
    assert first.same_stay(replace(first, at=START + QUARTER, transaction=""))
    assert not first.same_stay(replace(first, transaction="t2"))
    assert not first.same_stay(replace(first, departure=START, transaction=""))
