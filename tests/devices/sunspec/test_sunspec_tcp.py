"""The same devices behind real sockets: pysunspec2's client, our driver, and peers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import uvloop
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.sunspec.server import ModbusTcpServer
from devices.simulators.sunspec.sunspec_device import DeviceRegisters
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import TcpRegisters

pytestmark = pytest.mark.slow
QUARTER = timedelta(minutes=15)
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _reference_scan(port: int) -> dict[str, Any]:
    """Scan with pysunspec2 and return the computed values of every point of every model, by model and point."""
    client = SunSpecModbusClientDeviceTCP(ipaddr="127.0.0.1", ipport=port, timeout=5)
    try:
        client.scan()
        return {
            f"{model.model_id}.{name}": point.cvalue
            for model in client.model_list
            for name, point in model.points.items()
        }
    finally:
        client.close()


def test_an_independent_client_reads_what_our_driver_reads(device: Any, now: datetime) -> None:
    """pysunspec2's client scans every simulated device and sees the unit's power, rating and identity."""

    async def run() -> dict[str, Any]:
        server = ModbusTcpServer()
        port = await server.add(device.sunspec_device)
        try:
            return await asyncio.to_thread(_reference_scan, port)
        finally:
            await server.close()

    points = asyncio.run(run())
    assert points["1.SN"].startswith("sn-")
    power = next(points[name] for name in ("103.W", "203.W", "701.W") if name in points)
    sign = 1 if device.kind is DeviceKind.METER else -1
    assert power * sign == pytest.approx(device.unit.power_w, abs=0.5)
    energy = next(points[name] for name in ("103.WH", "203.TotWhExp", "701.TotWhInj") if name in points)
    assert energy == pytest.approx(device.unit.export_wh, abs=0.1)


def test_an_independent_client_can_steer(make: Callable[..., Any]) -> None:
    """A limit that pysunspec2 writes reaches the unit, so the simulator is not only right for our own driver."""
    device = make("pv_123")

    def steer(port: int) -> None:
        client = SunSpecModbusClientDeviceTCP(ipaddr="127.0.0.1", ipport=port, timeout=5)
        try:
            client.scan()
            controls = client.models[123][0]
            controls.WMaxLimPct.cvalue = 40
            controls.WMaxLimPct.write()
            controls.WMaxLim_Ena.cvalue = 1
            controls.WMaxLim_Ena.write()
        finally:
            client.close()

    async def run() -> None:
        server = ModbusTcpServer()
        port = await server.add(device.sunspec_device)
        try:
            await asyncio.to_thread(steer, port)
        finally:
            await server.close()

    asyncio.run(run())
    assert device.unit.limit_w == -4_000.0


def test_direct_and_tcp_are_the_same(device: Any, now: datetime) -> None:
    """Nameplate, readings, setpoints and refusals do not depend on which way the registers come."""

    async def walk(port: Any) -> list[Any]:
        trace: list[Any] = [await port.open(now), await port.measure(now)]
        if device.kind is not DeviceKind.METER:
            mode = Mode.LIMIT if device.kind in (DeviceKind.PV, DeviceKind.WIND) else Mode.TARGET
            await port.command(Setpoint(mode, -1_234), now + QUARTER, now)
            trace += [
                device.unit.limit_w,
                device.unit.target_w,
                device.sunspec_device.next_expiry,
                await port.measure(now),
            ]
            await port.release(now)
            trace += [device.unit.limit_w, device.unit.target_w, device.sunspec_device.next_expiry]
        return trace

    async def run() -> None:
        server = ModbusTcpServer()
        tcp = TcpRegisters("127.0.0.1", await server.add(device.sunspec_device))
        direct = DeviceRegisters(device.sunspec_device)
        try:
            assert await walk(sunspec_port("dut", device.kind, direct)) == await walk(
                sunspec_port("dut", device.kind, tcp)
            )
            messages = []
            for registers in (direct, tcp):
                with pytest.raises(DeviceFault) as fault:
                    await registers.write(40000, [1])
                messages.append(str(fault.value).split(": ", 1)[1])
            assert messages[0] == messages[1]
            assert "exception 2 (illegal data address)" in messages[0]
        finally:
            await tcp.close()
            await tcp.close()
            await server.close()
            await server.close()

    asyncio.run(run())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_many_faces_each_on_its_own_port(
    make: Callable[..., Any], now: datetime, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Twenty devices are served and read at once, on asyncio's loop and on uvloop's, which Ray gives its actors."""

    async def run() -> list[float]:
        server = ModbusTcpServer()
        wires = [
            TcpRegisters("127.0.0.1", await server.add(make("pv_123", power_w=-100.0 * n).sunspec_device))
            for n in range(20)
        ]
        ports = [sunspec_port(f"pv{n}", DeviceKind.PV, wire) for n, wire in enumerate(wires)]
        try:
            await asyncio.gather(*(port.open(now) for port in ports))
            return [readings[0].value for readings in await asyncio.gather(*(port.measure(now) for port in ports))]
        finally:
            for port in ports:
                await port.close()
            await server.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run()) == [-100.0 * n for n in range(20)]


def test_a_busy_port_is_named(make: Callable[..., Any]) -> None:
    """A port that someone else has is bad input, in one sentence with the port."""

    async def run() -> None:
        server = ModbusTcpServer()
        port = await server.add(make("pv_123").sunspec_device)
        try:
            with pytest.raises(BadInput, match=f"port: {port} on 127.0.0.1"):
                await server.add(make("pv_123").sunspec_device, port)
        finally:
            await server.close()

    asyncio.run(run())


def test_a_lost_device_comes_back_on_a_new_link(make: Callable[..., Any], now: datetime) -> None:
    """Silent over TCP means unreachable; when it speaks again the driver dials again by itself."""
    device = make("pv_123")

    async def run() -> None:
        server = ModbusTcpServer()
        wire = TcpRegisters("127.0.0.1", await server.add(device.sunspec_device))
        port = sunspec_port("pv", DeviceKind.PV, wire)
        try:
            await port.open(now)
            device.sunspec_device.silent = True
            with pytest.raises(DeviceUnreachable, match=r"pv: 127\.0\.0\.1:\d+: the link dropped twice"):
                await port.measure(now)
            device.sunspec_device.silent = False
            assert await port.measure(now)
        finally:
            await port.close()
            await server.close()

    asyncio.run(run())


def test_a_write_waits_for_one_request_of_a_poll_and_not_for_the_poll() -> None:
    """A device that answers few registers at once is polled in many requests; a setpoint goes between two of them."""
    asked: list[int] = []
    begun, go_on, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                header = await reader.readexactly(7)
                pdu = await reader.readexactly(header[5] - 1)
                asked.append(pdu[0])
                begun.set()
                await go_on.wait()
                count = int.from_bytes(pdu[3:5], "big")
                told = bytes([3, 2 * count]) + bytes(2 * count) if pdu[0] == 3 else pdu[:5]
                if pdu[0] == 3 and count > 8:
                    told = bytes([0x83, 3])
                writer.write(header[:4] + (len(told) + 1).to_bytes(2, "big") + header[6:] + told)
        writer.close()
        gone.set()

    async def run() -> None:
        server = await asyncio.start_server(device, "127.0.0.1", 0)
        registers = TcpRegisters("127.0.0.1", server.sockets[0].getsockname()[1], timeout_s=60.0)
        poll = asyncio.create_task(registers.read(40000, 64))
        await begun.wait()
        write = asyncio.create_task(registers.write(40100, [1, 2]))
        await asyncio.sleep(0)  # it waits for its turn
        go_on.set()
        await asyncio.wait_for(asyncio.gather(poll, write), 60)
        assert await poll == [0] * 64
        await registers.close()
        await asyncio.wait_for(gone.wait(), 60)
        server.close()
        await server.wait_closed()

    asyncio.run(run())
    assert asked.index(16) == 1, "the next request after the one under way"
    assert asked.count(3) > 8


def test_nobody_there_is_unreachable(now: datetime) -> None:
    """A refused connection names host and port."""

    async def run() -> None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        number = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        with pytest.raises(DeviceUnreachable, match=f"pv: 127.0.0.1:{number}: nothing accepts a connection"):
            await sunspec_port("pv", DeviceKind.PV, TcpRegisters("127.0.0.1", number)).open(now)

    asyncio.run(run())
