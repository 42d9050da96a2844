"""The same site as a process of its own, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import numpy as np
import pytest

from cim.codec.codec import encode
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.appliance import AppliancePort
from devices.s2.driver import GatewayPort
from devices.simulators.control import TOKEN_VARIABLE, ControlClient, read_message, write_message
from devices.simulators.host import PREFIXES
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import TcpRegisters
from tests.devices.asking import read

pytestmark = pytest.mark.slow

STEP = timedelta(seconds=300)
DRIVERS = {
    DeviceKind.STATION: StationPort,
    DeviceKind.GATEWAY: GatewayPort,
    DeviceKind.APPLIANCE: AppliancePort,
}


@asynccontextmanager
async def _process(start, seed=7, **options):
    client = await ControlClient.start("strem", start, seed, **options)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _tcp_ports(client):
    """The drivers of all devices of a simulator process."""
    kinds = await client.kinds()
    passwords = {name: f"password of {name}" for name in kinds}
    server = DialInServer(authenticate=known_passwords(passwords))
    await server.start()
    ports = {}
    targets = {}
    for name, kind in kinds.items():
        if kind in PREFIXES:
            ports[name] = DRIVERS[kind](name, server=server)
            targets[name] = (server.url(PREFIXES[kind], name), name, passwords[name])
        else:
            ports[name] = sunspec_port(name, kind, TcpRegisters(*client.endpoints[name]))
    try:
        await client.dial(targets)
        yield ports
    finally:
        for port in ports.values():
            await port.close()
        await server.close()


_COMMANDS = {
    2: ("farm-1.pv", Mode.LIMIT, -20_000, 900),
    3: ("care-centre.bess", Mode.TARGET, 30_000, 500),
    6: ("charging-park.station-1", Mode.LIMIT, 7000, 700),
    8: ("farm-2.gateway", Mode.TARGET, 2000, 450),
    12: ("charging-park.station-2", Mode.LIMIT, 0, 300),
}


async def _three_hours(start, ports, advance):
    """Everything that the drivers see in three hours with some commands."""
    now = start
    seen = []
    # In the order of the names: vehicles' news are drained per device, so no order between devices matters.
    await asyncio.gather(*(port.open(now) for port in ports.values()))
    for step in range(36):
        now += STEP
        await advance(now)
        for name, port in ports.items():
            readings, news = await read(port, now)
            seen += [*((step, reading) for reading in readings), *((step, name, told) for told in news)]
        if step in _COMMANDS:
            name, mode, watts, seconds = _COMMANDS[step]
            await ports[name].command(Setpoint(mode, watts), now + timedelta(seconds=seconds), now)
    return seen


def test_direct_and_sockets_tell_the_same(simulate, port_of, noon):
    """Over three hours with commands, both transports give equal readings and news, and the same truth."""
    end = noon + timedelta(hours=3)

    async def direct():
        simulation = simulate(noon)
        ports = {name: port_of(simulation, name) for name in simulation.names}

        async def advance(to):
            simulation.advance(to)

        return (
            await _three_hours(noon, ports, advance),
            simulation.truth(noon, end),
            simulation.truth_by_kind(noon, end),
            encode(simulation.device_truth(noon, end)),
        )

    async def tcp():
        async with _process(noon) as client, _tcp_ports(client) as ports:

            async def advance(to):
                assert await client.advance(to) == ()

            seen = await _three_hours(noon, ports, advance)
            assert await client.now() == end
            told = encode(await client.device_truth(noon, end))
            return seen, await client.truth(noon, end), await client.truth_by_kind(noon, end), told

    (seen, truth, kinds, units), (other, other_truth, other_kinds, other_units) = (
        asyncio.run(direct()),
        asyncio.run(tcp()),
    )
    assert units == other_units
    assert len(seen) > 36 * 55
    assert seen == other
    assert all(np.array_equal(truth[name], other_truth[name]) for name in truth)
    assert all(np.array_equal(kinds[kind], other_kinds[kind]) for kind in kinds)


def test_silence_over_sockets(noon):
    """A silenced device hangs up or does not answer, and comes back by itself."""

    async def run():
        async with _process(noon) as client, _tcp_ports(client) as ports:
            names = ("farm-1.pv", "farm-2.gateway", "charging-park.station-1")
            for name in names:
                await ports[name].open(noon)
                await client.silence(name, True)
            await client.advance(noon + STEP)
            with pytest.raises(DeviceUnreachable):
                await ports[names[0]].measure(noon + STEP)
            for name in names[1:]:
                assert {r.quality.value for r in await ports[name].measure(noon + STEP)} == {"ABSENT"}
            for name in names:
                await client.silence(name, False)
            assert await ports[names[0]].measure(noon + STEP)
            for name in names[1:]:
                await ports[name].open(noon + STEP)  # waits for it to dial in again
            await client.advance(noon + 2 * STEP)
            for name in names:
                assert {r.quality.value for r in await ports[name].measure(noon + 2 * STEP)} == {"GOOD"}

    asyncio.run(run())


def test_misbehaviour_over_sockets(noon):
    """What is commanded over the control channel is what a client of the device meets."""

    async def run():
        async with _process(noon) as client, _tcp_ports(client) as ports:
            await ports["farm-1.pv"].open(noon)
            await client.misbehave("farm-1.pv", "short")
            with pytest.raises(DeviceFault, match="was answered with"):
                await ports["farm-1.pv"].measure(noon)
            await client.misbehave("farm-1.pv", "")
            assert await ports["farm-1.pv"].measure(noon)

    asyncio.run(run())


def test_bad_requests_are_one_sentence_and_do_no_harm(noon):
    """What does not fit is refused as BadInput, and the channel goes on."""

    async def run():
        async with _process(noon) as client:
            with pytest.raises(BadInput, match="'nobody' is unknown at strem"):
                await client.silence("nobody", True)
            with pytest.raises(BadInput, match="'rude' is unknown"):
                await client.misbehave("farm-1.pv", "rude")
            with pytest.raises(BadInput, match="expected one that dials out"):
                await client.dial({"farm-1.pv": ("ws://127.0.0.1:1/ocpp/x", "x", "y")})
            with pytest.raises(BadInput, match="cannot be reached"):
                await client.advance(noon - STEP)
            with pytest.raises(BadInput, match="'fly' is unknown"):
                await client._ask(("fly", 1), object)
            assert await client.now() == noon

    asyncio.run(run())


def test_a_process_that_cannot_start_says_why(noon):
    """A busy port and an unknown site come as the process's own sentence."""

    async def run():
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            with pytest.raises(BadInput, match=rf"port: {port} on 127.0.0.1 cannot be listened on"):
                await ControlClient.start("strem", noon, 1, base_port=port)
        with pytest.raises(BadInput, match="site: 'atlantis' is unknown"):
            await ControlClient.start("atlantis", noon, 1)

    asyncio.run(run())


def test_a_dead_simulator_is_unreachable(noon):
    """When the process is killed, the next request says so in one sentence, and closing is harmless."""

    async def run():
        client = await ControlClient.start("strem", noon, 1)
        os.kill(client._process.pid, signal.SIGKILL)
        with pytest.raises(DeviceUnreachable, match="the simulator process has ended"):
            await client.advance(noon + STEP)
        with pytest.raises(DeviceUnreachable, match="the simulator process has ended"):
            await client.now()
        await client.close()
        await client.close()

    asyncio.run(run())


_PARENT = """
import asyncio, sys
from datetime import datetime
from devices.simulators.control import ControlClient

async def main():
    client = await ControlClient.start("strem", datetime.fromisoformat(sys.argv[1]), 1)
    print(client._process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_killing_the_parent_ends_the_process(noon):
    """No orphan stays: the process ends when the control connection that started it is gone."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, noon.isoformat()], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent:
        child = int(parent.stdout.readline())
        assert _alive(child)
        parent.kill()
    for _ in range(200):
        if not _alive(child):
            return
        import time

        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the simulator process outlived the process that had started it")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_only_the_token_opens_the_channel(noon):
    """A stranger is hung up on without a word; standard output holds one line and no token; --stay stays."""

    async def run():
        arguments = ["--site", "strem", "--start", noon.isoformat(), "--stay"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "devices.simulators", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, TOKEN_VARIABLE: "the token"},
        )
        assert process.stdout is not None
        line = await process.stdout.readline()
        port = json.loads(line)["control"]
        assert b"the token" not in line

        async def say(first):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await write_message(writer, first)
                answer = await read_message(reader)
                if answer == ("ok", None):
                    await write_message(writer, ("now",))
                    return await read_message(reader)
                return answer
            finally:
                writer.close()
                await writer.wait_closed()

        for stranger in ("a token", 5, ("now",)):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await say(stranger)
        assert await say("the token") == ("ok", noon)
        assert await say("the token") == ("ok", noon), "--stay: the end of a connection ends nothing"
        process.send_signal(signal.SIGTERM)
        out, errors = await process.communicate()
        assert (out, errors, process.returncode) == (b"", b"", 0)

    asyncio.run(run())


def test_without_a_token_nothing_starts(noon):
    """A control channel that anybody could use is never opened."""
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-m", "devices.simulators", "--site", "strem", "--start", noon.isoformat()],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{TOKEN_VARIABLE}: not set; expected the token that the control channel asks for\n"
