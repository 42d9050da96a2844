"""What polling many SunSpec devices and hearing many charging stations costs our side, over real sockets on loopback.

Shares are CPU seconds of this process (`time.process_time`) for each second of wall clock; the far ends are not counted.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from cim.codec.codec import pack
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.readings import Kind
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.machine import CsmsMachine
from devices.sunspec.driver import SunSpecPlant, sunspec_port
from devices.sunspec.image import DeviceImage, Wanted
from devices.sunspec.registers import TcpRegisters
from devices.sunspec.scan import COMMON, scan
from experiments.bench.figures import Figures
from experiments.bench.wire.far_end import PASSWORD

DEVICES, STATIONS, METERING_S = 200, 1000, 10.0
_STATIC = (COMMON, 120)  # nameplates: read once, when a device is opened


def measure(
    full: bool,
    tell: Callable[[str], None],
    *,
    devices: int = DEVICES,
    stations: int = STATIONS,
    window_s: float = 8.0,
    metering_s: float = METERING_S,
) -> Figures:
    """All figures; see the keys of `iles bench wire --json`.

    Args:
        full: 5,000 stations.
        tell: is told what goes on.
        devices, stations, window_s: how many, and for how long each part is measured.
        metering_s: how often a station meters.
    """
    count = 5 * stations if full else stations
    return asyncio.run(_measured(tell, devices, count, (window_s, metering_s)))


async def _measured(tell: Callable[[str], None], devices: int, stations: int, spans_s: tuple[float, float]) -> Figures:
    window_s = spans_s[0]
    async with _far_end("sunspec", str(devices)) as served:
        ports = json.loads(await _said(served))
        tell("opening SunSpec devices")
        polled = [await _Polled.opened(port) for port in ports]
        try:
            tell("decoded points beside pysunspec2")
            points = await _points_per_cpu_s(polled[0])
            peer = await asyncio.to_thread(_pysunspec2_points_per_cpu_s, ports[0])
            tell(f"{devices} SunSpec devices each second")
            sunspec = await _share(window_s, _polling(polled, window_s))
            answers = sum(one.answers for one in polled)
            tell(f"{stations} charging stations dial in")
            heard = await _heard(tell, polled, stations, spans_s)
        finally:
            for one in polled:
                await one.registers.close()
    return {
        "sunspec_devices": devices,
        "ocpp_stations": stations,
        "sunspec_cpu_share": sunspec,
        "sunspec_polls_per_s": answers / window_s,
        **heard,
        "points_per_cpu_s": points,
        "ratios": {"points_per_cpu_s_vs_pysunspec2": points / peer},
    }


class _Polled:
    """A device that is read whole each second."""

    def __init__(
        self, registers: TcpRegisters, port: SunSpecPlant, image: DeviceImage, wanted: tuple[Wanted, ...]
    ) -> None:
        self.registers, self.port, self._image, self._wanted = registers, port, image, wanted
        self.answers = 0

    @classmethod
    async def opened(cls, port: int) -> _Polled:
        registers = TcpRegisters("127.0.0.1", port)
        driver = sunspec_port(f"pv-{port}", DeviceKind.PV, registers)
        assert isinstance(driver, SunSpecPlant)  # noqa: S101 - a PV plant's driver is
        await driver.open(datetime.now(UTC))
        models = await scan(registers)
        image = DeviceImage(registers, models)
        dynamic = [found.id for found in models if found.id not in _STATIC]
        wanted = tuple((number, name) for number in dynamic for name in image.table(number).points)
        return cls(registers, driver, image, wanted)

    async def read(self) -> int:
        """All points of all models that change, decoded; how many."""
        blocks = await self._image.read(self._wanted)
        return sum(len(block.values()) for block in blocks.values())

    async def run(self, seconds: float, after_s: float) -> None:
        """Each second from `after_s` on: everything decoded, and the duty's readings as they are published."""
        await asyncio.sleep(after_s)
        due = time.monotonic()
        until = due + seconds
        while due < until:
            await self.read()
            pack(await self.port.measure(datetime.now(UTC)))
            self.answers += 1
            due += 1.0
            await asyncio.sleep(max(due - time.monotonic(), 0.0))


def _polling(polled: list[_Polled], window_s: float) -> list[asyncio.Task[None]]:
    """All of them, evenly over the second: together they would stand in each other's way, and a setpoint behind all."""
    return [asyncio.create_task(one.run(window_s, k / len(polled))) for k, one in enumerate(polled)]


async def _points_per_cpu_s(one: _Polled) -> float:
    begun, points = time.process_time(), 0
    for _ in range(100):
        points += await one.read()
    return points / (time.process_time() - begun)


def _pysunspec2_points_per_cpu_s(port: int) -> float:
    """The same device by pysunspec2's own client: the same models read, and each point's value taken."""
    from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

    device = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=port, timeout=10)
    try:
        device.scan()
        models = [
            found[0] for number, found in device.models.items() if isinstance(number, int) and number not in _STATIC
        ]
        begun, points = time.thread_time(), 0
        for _ in range(30):
            for one in models:
                one.read()
                points += len([point.cvalue for point in one.points.values()])
        return points / (time.thread_time() - begun)
    finally:
        device.close()


async def _heard(
    tell: Callable[[str], None], polled: list[_Polled], stations: int, spans_s: tuple[float, float]
) -> dict[str, float]:
    window_s, metering_s = spans_s
    names = [f"cs{number}" for number in range(stations)]
    clock = partial(datetime.now, UTC)
    server = DialInServer(authenticate=known_passwords(dict.fromkeys(names, PASSWORD)), clock=clock)
    machines = {name: CsmsMachine(name) for name in names}
    for name, machine in machines.items():
        machine.state.clock(clock())
        server.register("ocpp", name, machine)
    await server.start()
    try:
        url = server.url("ocpp", "x").rpartition("/")[0]
        async with _far_end("ocpp", url, str(stations), str(metering_s)) as dialling:
            await _said(dialling)
            assert dialling.stdin is not None  # noqa: S101 - it is a pipe
            dialling.stdin.write(b"go\n")
            tell(f"{stations} charging stations each {metering_s:g} s")
            ocpp = await _share(metering_s, [])
            tell("setpoints at the load of both")
            polling = _polling(polled, window_s)
            late: list[float] = []
            watching = asyncio.create_task(_woken_late_ms(late))
            latencies = await _setpoints_ms(polled, window_s)
            watching.cancel()
            await asyncio.gather(*polling)
            dialling.stdin.write(b"end\n")
            sent, answered = json.loads(await _said(dialling))
    finally:
        await server.close()
    silent = sum(Kind.POWER not in machine.state.last.values for machine in machines.values())
    return {
        "ocpp_cpu_share": ocpp,
        "ocpp_messages": sent,
        "ocpp_lost": max(sent - answered, 0),  # with those that were under way at the end
        "ocpp_silent_stations": silent,
        "setpoint_p50_ms": statistics.median(latencies),
        "setpoint_p99_ms": _p99(latencies),
        "setpoints": len(latencies),
        "woken_late_p99_ms": _p99(late),  # where this is large, the machine was busy, and the setpoints waited for it
    }


def _p99(found: list[float]) -> float:
    return sorted(found)[int(0.99 * len(found))]


async def _woken_late_ms(found: list[float]) -> None:
    """How much later than it wanted this process is woken, each 10 ms, until cancelled: what the machine adds to each step."""
    while True:
        due = time.perf_counter() + 0.01
        await asyncio.sleep(0.01)
        found.append(1000 * (time.perf_counter() - due))


async def _setpoints_ms(polled: list[_Polled], window_s: float) -> list[float]:
    """How long it took until each limit was written, enabled and read back."""
    until, found = time.monotonic() + window_s, list[float]()
    while time.monotonic() < until:
        one = polled[len(found) % len(polled)]
        now, begun = datetime.now(UTC), time.perf_counter()
        await one.port.command(Setpoint(Mode.LIMIT, -3000), now + timedelta(minutes=5), now)
        found.append(1000 * (time.perf_counter() - begun))
        await asyncio.sleep(0.04)
    return found


async def _share(window_s: float, tasks: list[asyncio.Task[None]]) -> float:
    """CPU seconds of this process for each second, while `tasks` run; they end by themselves."""
    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(window_s)
    share = (time.process_time() - cpu) / (time.monotonic() - begun)
    await asyncio.gather(*tasks)
    return share


@asynccontextmanager
async def _far_end(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "experiments.bench.wire.far_end", *arguments, stdin=pipe, stdout=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _said(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    line = await process.stdout.readline()
    if not line:
        raise ChildProcessError("the far end of the bench ended before it was asked to")
    return line
