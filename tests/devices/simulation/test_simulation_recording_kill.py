"""A simulator process that is killed, and another one that goes on with its log."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import asynccontextmanager
from datetime import timedelta

import numpy as np
import pytest

from agents.assembly.simulated_world import InProcessWorld, TcpWorld
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceError
from devices.s2.driver import GatewayPort
from devices.simulators.control import ControlClient
from devices.simulators.host import PREFIXES
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import TcpRegisters

pytestmark = pytest.mark.slow

STEP = timedelta(seconds=300)
STEPS = 12
PLAN = {
    1: ("farm-1.pv", Mode.LIMIT, -2000, 1700),
    2: ("care-centre.bess", Mode.TARGET, 30_000, 900),
    3: ("farm-2.gateway", Mode.TARGET, 2000, 1000),
    4: ("charging-park.station-1", Mode.LIMIT, 7000, 1100),
    6: ("farm-1.pv", Mode.LIMIT, -500, 400),
    7: ("charging-park.station-2", Mode.LIMIT, 0, 600),
    8: ("farm-2.gateway", Mode.TARGET, 500, 450),
}


@asynccontextmanager
async def _ports(client, life):
    """New drivers of the devices that the plan speaks to."""
    kinds = await client.kinds()
    names = sorted({name for name, *_ in PLAN.values()})
    passwords = {name: f"password of {name}" for name in names}
    server = DialInServer(authenticate=known_passwords(passwords))
    await server.start()
    ports, targets = {}, {}
    for name in names:
        kind = kinds[name]
        if kind in PREFIXES:
            if kind is DeviceKind.STATION:
                ports[name] = StationPort(name, server=server, run=f"life{life}")
            else:
                ports[name] = GatewayPort(name, server=server)
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


async def _life(client, life, start, alive):
    """Go on with the plan from where the site is; `alive(step)` kills the process when its time has come."""
    async with _ports(client, life) as ports:
        now = await client.now()
        await asyncio.gather(*(port.open(now) for port in ports.values()))
        step = (now - start) // STEP
        while True:
            now = start + step * STEP
            if step in PLAN:
                name, mode, watts, seconds = PLAN[step]
                await ports[name].command(Setpoint(mode, watts), now + timedelta(seconds=seconds), now)
            await alive(step)
            if step == STEPS:
                return
            step += 1
            await client.advance(start + step * STEP)


def test_killed_processes_end_in_the_undisturbed_settlement(noon, tmp_path):
    """SIGKILL after a setpoint and amid a step, a new process with the same log: the truth is that of one life."""
    end = noon + STEPS * STEP
    log = tmp_path / "site.log"
    rng = random.Random(5)

    async def nothing(step):
        """It may live."""

    async def undisturbed():
        client = await ControlClient.start("strem", noon, 7)
        try:
            await _life(client, 0, noon, nothing)
            return await client.truth(noon, end), await client.truth_by_kind(noon, end)
        finally:
            await client.close()

    async def killed():
        fatal = [1, 4, 7, 10]
        for life in range(10):
            client = await ControlClient.start("strem", noon, 7, log=log)
            timers = []

            async def alive(step, client=client, timers=timers):
                if timers:
                    await asyncio.sleep(0.05)  # a fast machine is through the next step before the kill comes
                elif fatal and step >= fatal[0]:
                    fatal.pop(0)
                    kill = (os.kill, client._process.pid, signal.SIGKILL)
                    timers.append(asyncio.get_running_loop().call_later(rng.random() * 0.02, *kill))

            try:
                await _life(client, life, noon, alive)
                return life, await client.truth(noon, end), await client.truth_by_kind(noon, end)
            except DeviceError:
                assert timers, "it was killed before"
            finally:
                for timer in timers:
                    timer.cancel()
                await client.close()
        raise AssertionError("it did not come to an end")

    expected, kinds = asyncio.run(undisturbed())
    lives, truth, other = asyncio.run(killed())
    assert lives == 4
    assert all(np.array_equal(expected[name], truth[name]) for name in expected)
    assert all(np.array_equal(kinds[kind], other[kind]) for kind in kinds)


def test_worlds_go_on_where_their_logs_end(noon, tmp_path):
    """Both worlds tell the instant they have reached, after a restart too, and say what does not fit."""

    async def run():
        for number, make in enumerate((_in_process, TcpWorld.open)):
            log = tmp_path / f"{number}.log"
            world = await make("strem", noon, 7, log=log)
            assert await world.now() == noon
            await world.advance(noon + STEP)
            await world.close()
            world = await make("strem", noon, 7, log=log)
            assert await world.now() == noon + STEP
            await world.close()
            with pytest.raises(BadInput, match=r"^seed: 8 does not fit the log"):
                await make("strem", noon, 8, log=log)

    asyncio.run(run())


async def _in_process(*arguments, **options):
    return InProcessWorld(*arguments, **options)


def test_a_long_log_tells_how_far_it_is(noon, tmp_path):
    """The process that replays more than a megabyte says so by and by, and is given its time."""
    log = tmp_path / "site.log"
    rng = random.Random(1)  # numbers that cannot be deflated

    async def run():
        world = InProcessWorld("strem", noon, 7, log=log)
        end = noon + timedelta(hours=10)
        await world.advance(end)
        sunspec_device = world._simulation.sunspec_devices["farm-1.pv"]
        for _ in range(5000):
            with pytest.raises(Exception, match="Modbus exception 2"):
                sunspec_device.write(40000, [rng.randrange(65536) for _ in range(120)])
        await world.advance(end + STEP)
        await world.close()
        assert log.stat().st_size > 1 << 20
        seen = []
        client = await ControlClient.start("strem", noon, 7, log=log, progress=lambda *told: seen.append(told))
        assert await client.now() == end + STEP
        await client.close()
        assert [at for at, _ in seen] == [end]
        assert 0.9 < seen[0][1] <= 1

    asyncio.run(run())
