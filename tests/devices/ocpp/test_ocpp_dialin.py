"""The door: who may dial in, who wins, and that a socket changes nothing of what is said."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cim.model.devices import Mode, Setpoint
from cim.model.errors import BadInput
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceUnreachable
from devices.simulators.dial_out import DialOut
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.machine import StationMachine

pytestmark = pytest.mark.slow
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PASSWORD = "sixteen-letters!"


def _basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def _server(**devices):
    server = DialInServer(authenticate=known_passwords(devices or {"cs1": PASSWORD, "cs2": PASSWORD}))
    await server.start()
    return server


async def _status(server, path, headers, subprotocols=("ocpp2.0.1",)):
    url = f"ws://127.0.0.1:{server.port}{path}"
    try:
        async with connect(url, additional_headers=headers, subprotocols=list(subprotocols) or None, proxy=None):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize(
    ("path", "headers", "subprotocols", "status"),
    [
        ("/ocpp/cs1", _basic("cs1", PASSWORD), ("ocpp2.0.1",), 101),
        ("/ocpp/cs1", _basic("cs1", PASSWORD), ("ocpp1.6", "ocpp2.0.1"), 101),
        ("/ocpp/cs1", {}, ("ocpp2.0.1",), 401),
        ("/ocpp/cs1", {"Authorization": "Basic %%%"}, ("ocpp2.0.1",), 401),
        ("/ocpp/cs1", _basic("cs1", "wrong"), ("ocpp2.0.1",), 401),
        ("/ocpp/cs1", _basic("cs1", ""), ("ocpp2.0.1",), 401),
        ("/ocpp/cs1", _basic("cs2", PASSWORD), ("ocpp2.0.1",), 401),
        ("/ocpp/stranger", _basic("stranger", ""), ("ocpp2.0.1",), 401),
        ("/ocpp/cs2", _basic("cs2", PASSWORD), ("ocpp2.0.1",), 404),
        ("/s2/cs1", _basic("cs1", PASSWORD), ("s2",), 404),
        ("/else/cs1", _basic("cs1", PASSWORD), ("ocpp2.0.1",), 404),
        ("/ocpp/cs1", _basic("cs1", PASSWORD), ("ocpp1.6",), 101),
        ("/ocpp/cs1", _basic("cs1", PASSWORD), ("ocpp1.5", "ocpp2.0"), 400),
        ("/ocpp/cs1", _basic("cs1", PASSWORD), ("s2",), 400),
        ("/ocpp/cs1", _basic("cs1", PASSWORD), (), 400),
    ],
)
def test_who_may_dial_in(path, headers, subprotocols, status):
    """Password, identity, path and subprotocol are all checked before the upgrade."""

    async def run():
        server = await _server()
        port = StationPort("cs1", server=server, timeout_s=0.01)
        with pytest.raises(DeviceUnreachable, match=r"cs1.*dial ws://127\.0\.0\.1"):
            await port.open(START)
        assert await _status(server, path, headers, subprotocols) == status
        await port.close()
        await server.close()

    asyncio.run(run())


def test_a_busy_port_is_one_sentence():
    """Two servers on one port: the second says which port, not a traceback."""

    async def run():
        server = await _server()
        with pytest.raises(BadInput, match=f"port: {server.port} "):
            await DialInServer(port=server.port).start()
        await server.close()
        await server.close()

    asyncio.run(run())


class _Tcp:
    """The walk over a WebSocket."""

    async def build(self, point):
        self.server = await _server()
        self.station = StationMachine("cs1", point)
        self.station.start(START)
        self.port = StationPort("cs1", server=self.server)
        self.out = DialOut(self.station, self.server.url("ocpp", "cs1"), ("cs1", PASSWORD), "ocpp2.0.1")
        self.out.dial()

    async def settle(self):
        await self.out.settled()

    async def advance(self, now):
        await self.out.say(self.station.advance(now))
        await self.out.settled()
        await self.port.sync(now)

    async def end(self):
        await self.out.hang_up()
        await self.port.close()
        await self.server.close()


class _Direct:
    """The same walk in memory."""

    async def build(self, point):
        self.link = DirectLink()
        self.link.add("cs1", StationMachine("cs1", point), START)
        self.port = StationPort("cs1", link=self.link)

    async def settle(self):
        return

    async def advance(self, now):
        self.link.advance(now)
        await self.port.sync(now)

    async def end(self):
        await self.port.close()


async def _walk(way, point):
    await way.build(point)
    told = [await way.port.open(START)]
    await way.settle()
    now = START
    for step in range(12):
        point.run(QUARTER)
        now += QUARTER
        if step == 2:
            point.plug(now)
        if step == 9:
            point.session = None
        await way.advance(now)
        told += [await way.port.measure(now), way.port.drain()]
        if step % 3 == 0:
            await way.port.command(Setpoint(Mode.LIMIT, 1500 + 100 * step), now + QUARTER, now)
    await way.end()
    return told


def test_direct_and_socket_tell_the_same(point):
    """A day over a WebSocket and in memory gives identical nameplates, readings and news."""
    direct = asyncio.run(_walk(_Direct(), type(point)()))
    assert direct == asyncio.run(_walk(_Tcp(), type(point)()))
    assert sum(len(news) for news in direct[2::2]) == 2


def test_the_newest_authenticated_session_wins(point):
    """A second session of a station takes over, and the end of the first does not close it."""

    async def run():
        server = await _server()
        port = StationPort("cs1", server=server)
        opening = asyncio.create_task(port.open(START))
        await asyncio.sleep(0)
        old = await connect(
            server.url("ocpp", "cs1"),
            additional_headers=_basic("cs1", PASSWORD),
            subprotocols=["ocpp2.0.1"],
            proxy=None,
        )
        station = StationMachine("cs1", point)
        station.start(START)
        out = DialOut(station, server.url("ocpp", "cs1"), ("cs1", PASSWORD), "ocpp2.0.1")
        out.dial()
        await opening
        await old.wait_closed()
        assert old.close_code == 4001
        assert server.connected("ocpp", "cs1")
        await port.command(Setpoint(Mode.LIMIT, 2000), START + QUARTER, START)
        assert point.limit_w == 2000
        await out.hang_up()
        await port.close()
        await server.close()

    asyncio.run(run())


def test_a_station_dials_again_after_the_server_was_gone(point):
    """The dialler backs off and comes back; what it had to say in between arrives once."""

    async def run():
        server = await _server()
        port = StationPort("cs1", server=server)
        station = StationMachine("cs1", point)
        station.start(START)
        out = DialOut(station, server.url("ocpp", "cs1"), ("cs1", PASSWORD), "ocpp2.0.1", backoff_s=0.01)
        out.dial()
        await port.open(START)
        await out.settled()
        await server.close()
        await out.cut_off()
        point.plug(START)
        await out.say(station.advance(START + QUARTER))
        await server.start()
        await out.settled()
        assert len(port.drain()) == 1
        await out.hang_up()
        await port.close()
        await server.close()

    asyncio.run(run())


def test_open_can_be_tried_again(point):
    """A port whose station came too late is opened by a second try."""

    async def run():
        server = await _server()
        port = StationPort("cs1", server=server, timeout_s=0.01)
        with pytest.raises(DeviceUnreachable):
            await port.open(START)
        station = StationMachine("cs1", point)
        station.start(START)
        out = DialOut(station, server.url("ocpp", "cs1"), ("cs1", PASSWORD), "ocpp2.0.1")
        out.dial()
        await out.settled()
        assert (await port.open(START)).manufacturer == "ILES"
        await out.hang_up()
        await port.close()
        await port.close()
        await server.close()

    asyncio.run(run())


def test_a_wrong_password_never_settles(point):
    """The simulated station says why it is not let in."""

    async def run():
        server = await _server()
        out = DialOut(StationMachine("cs1", point), server.url("ocpp", "cs1"), ("cs1", "guess"), "ocpp2.0.1")
        out.dial()
        with pytest.raises(DeviceUnreachable, match="401"):
            await out.settled(timeout_s=0.3)
        await out.hang_up()
        await server.close()

    asyncio.run(run())
