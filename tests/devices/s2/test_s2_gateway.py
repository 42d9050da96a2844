"""Whole conversations between the gateway driver and the simulated gateway, in memory and over a socket."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, Setpoint, ThermalDescription, ThermalUsage
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.driver import GatewayPort
from devices.s2.rm_state import FRBC
from devices.simulators.dial_out import DialOut
from devices.simulators.gateway.machine import GatewayMachine
from devices.simulators.in_memory_link import DirectLink

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PASSWORD = "sixteen-letters!"


class _Direct:
    """The gateway in memory."""

    async def build(self, room):
        self.room, self.now = room, START
        self.gateway = GatewayMachine("gw", room)
        self.link = DirectLink()
        self.link.add("gw", self.gateway, START)
        self.port = GatewayPort("gw", link=self.link)
        return self

    async def advance(self):
        self.room.run(QUARTER)
        self.now += QUARTER
        self.link.advance(self.now)
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def command(self, mode, watts, span=QUARTER):
        await self.port.command(Setpoint(mode, watts), self.now + span, self.now)

    async def reborn(self):
        """The driver dies without a word and is built anew."""
        self.port = GatewayPort("gw", link=self.link)
        await self.port.open(self.now)

    async def end(self):
        await self.port.close()


class _Tcp(_Direct):
    """The same gateway over a WebSocket."""

    async def build(self, room):
        self.room, self.now = room, START
        self.gateway = GatewayMachine("gw", room)
        self.gateway.start(START)
        self.server = DialInServer(authenticate=known_passwords({"gw": PASSWORD}))
        await self.server.start()
        self.port = GatewayPort("gw", server=self.server)
        self.out = DialOut(self.gateway, self.server.url("s2", "gw"), ("gw", PASSWORD), "s2")
        self.out.dial()
        return self

    async def advance(self):
        self.room.run(QUARTER)
        self.now += QUARTER
        await self.out.say(self.gateway.advance(self.now))
        await self.out.settled()
        await self.port.sync(self.now)
        return {r.kind: r for r in await self.port.measure(self.now)}

    async def reborn(self):
        await self.out.hang_up()
        await self.port.close()
        self.port = GatewayPort("gw", server=self.server)
        opening = asyncio.create_task(self.port.open(self.now))
        await asyncio.sleep(0)
        self.out.dial()
        await opening

    async def end(self):
        await self.out.hang_up()
        await self.port.close()
        await self.server.close()


def test_open_tells_what_the_room_is(room):
    """Handshake, details, control type and description become a nameplate and two pieces of news."""

    async def run():
        site = await _Direct().build(room)
        plate = await site.port.open(START)
        assert (plate.manufacturer, plate.serial, plate.max_consumption_w) == ("ILES", "gw", 4000)
        description, usage = site.port.drain()
        assert description == ThermalDescription(19.0, 23.0, 0, 4000, pytest.approx(1e-7), START)
        assert usage == ThermalUsage(START, 900, (1e-4,) * 4, START)
        assert site.gateway.quiet

    asyncio.run(run())


def test_a_target_ends_by_itself(room):
    """The target holds until valid_until; without a new one the thermostat takes over, on the simulated clock."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500)
        readings = {r.kind: r for r in await site.port.measure(site.now)}
        assert readings[Kind.TEMPERATURE].value == 20.5
        assert room.target_w == 1500
        site.link.cut("gw", True)
        room.run(QUARTER)
        site.link.advance(START + QUARTER)
        assert room.target_w is None, "the scheduled return works without the controller"

    asyncio.run(run())


def test_a_new_target_is_not_ended_by_the_return_of_the_old_one(room):
    """The return of the earlier pair is revoked: at its time the newer target still holds."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500)
        await site.command(Mode.TARGET, 2500, 2 * QUARTER)
        await site.advance()
        assert room.target_w == 2500
        await site.advance()
        assert room.target_w is None

    asyncio.run(run())


def test_release_goes_back_to_the_thermostat(room):
    """After release nothing of ours is left in the gateway, in either control type."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500)
        await site.port.release(site.now)
        assert room.target_w is None
        await site.command(Mode.LIMIT, 1000)
        assert room.target_w == 1000
        await site.port.release(site.now)
        await site.port.release(site.now)
        assert room.target_w is None
        assert site.gateway.control is FRBC
        await site.command(Mode.TARGET, 500)
        assert room.target_w == 500

    asyncio.run(run())


def test_a_limit_is_an_envelope_that_ends(room):
    """A PEBC limit caps the thermostat until valid_until and no longer."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.LIMIT, 1000)
        assert room.power_w == 1000
        readings = await site.advance()
        assert room.target_w is None
        assert readings[Kind.POWER].quality is Quality.GOOD

    asyncio.run(run())


def test_what_the_gateway_cannot_do_is_refused_in_one_sentence(room):
    """A target beyond the heat pump and a limit outside its constraints name the range."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        with pytest.raises(BadInput, match=r"9000 W.*0\.\.4000"):
            await site.command(Mode.TARGET, 9000)
        with pytest.raises(DeviceFault, match=r"not within 0\.\.4000"):
            await site.command(Mode.LIMIT, 9000)
        with pytest.raises(DeviceFault, match="not within"):
            await site.command(Mode.LIMIT, -1000)
        assert room.target_w is None

    asyncio.run(run())


def test_the_room_goes_first(room):
    """Outside its comfort range the gateway drops the target and the thermostat takes over."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        room.temperature_c = 19.05
        await site.command(Mode.TARGET, 0, 4 * QUARTER)
        await site.advance()
        assert room.temperature_c < 19
        assert room.target_w is None

    asyncio.run(run())


def test_a_cut_line_shows_as_absent_and_heals(room):
    """While cut off readings are ABSENT and commands fail; after it the gateway describes itself again."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500, 4 * QUARTER)
        site.link.cut("gw", True)
        assert {r.quality for r in (await site.advance()).values()} == {Quality.ABSENT}
        with pytest.raises(DeviceUnreachable, match="gw"):
            await site.command(Mode.TARGET, 1000)
        site.link.cut("gw", False)
        await site.port.sync(site.now)
        assert {r.quality for r in (await site.advance()).values()} == {Quality.GOOD}
        assert room.target_w == 1500, "what was instructed before is still in force"
        await site.command(Mode.TARGET, 1000)
        await site.advance()
        assert room.target_w is None

    asyncio.run(run())


def test_a_gateway_that_does_not_dial_in_is_named():
    """open says which gateway was missed and what was expected of it."""
    with pytest.raises(DeviceUnreachable, match=r"gw9.*subprotocol s2"):
        asyncio.run(GatewayPort("gw9", link=DirectLink()).open(START))


async def _walk(site, room):
    await site.build(room)
    told = [await site.port.open(START)]
    for step in range(10):
        told += [await site.advance(), site.port.drain()]
        if step in (1, 2, 5):
            await site.command(Mode.TARGET, 300 * step)
        if step in (3, 7):
            await site.command(Mode.LIMIT, 800)
        if step == 6:
            await site.port.release(site.now)
    await site.end()
    return told


@pytest.mark.slow
def test_direct_and_socket_tell_the_same(room):
    """A walk over a WebSocket and in memory gives identical nameplates, readings and news."""
    direct = asyncio.run(_walk(_Direct(), type(room)()))
    assert direct == asyncio.run(_walk(_Tcp(), type(room)()))
    assert sum(len(news) for news in direct[2::2]) >= 4


@pytest.mark.parametrize("wire", [_Direct, pytest.param(_Tcp, marks=pytest.mark.slow)])
def test_a_new_driver_finds_the_device_as_the_old_one_left_it(wire, room):
    """Readings are the same, the old target goes on; the first target of the new life is not ended by the old return."""

    async def run():
        site = await wire().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500, 2 * QUARTER)
        before = await site.advance()
        await site.reborn()
        assert {r.kind: r for r in await site.port.measure(site.now)} == before
        assert room.target_w == 1500
        await site.command(Mode.TARGET, 1000, 3 * QUARTER)
        assert room.target_w == 1000
        await site.advance()
        assert room.target_w == 1000, "the return that the first driver had scheduled is gone"
        await site.advance()
        await site.advance()
        assert room.target_w is None
        await site.end()

    asyncio.run(run())


def test_news_is_heard_as_it_comes(room):
    """A listener hears each description and forecast once, in the order in which they are drained."""

    async def run():
        site = await _Direct().build(room)
        heard = []
        site.port.listen(heard.append)
        await site.port.open(START)
        assert tuple(heard) == site.port.drain()
        assert len(heard) == 2

    asyncio.run(run())


def test_after_a_reconnection_the_old_return_is_still_revoked(room):
    """A target given after a cut is not ended by the return that was scheduled before it."""

    async def run():
        site = await _Direct().build(room)
        await site.port.open(START)
        await site.command(Mode.TARGET, 1500, 2 * QUARTER)
        site.link.cut("gw", True)
        await site.port.sync(site.now)
        site.link.cut("gw", False)
        await site.advance()
        await site.command(Mode.TARGET, 1000, 3 * QUARTER)
        await site.advance()
        assert room.target_w == 1000

    asyncio.run(run())
