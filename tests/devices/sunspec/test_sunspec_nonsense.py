"""Peers that misbehave, on either side of a real socket."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import DeviceKind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.sunspec.server import ModbusTcpServer
from devices.sunspec.driver import sunspec_port
from devices.sunspec.registers import TcpRegisters

pytestmark = pytest.mark.slow
QUARTER = timedelta(minutes=15)
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _random_bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    generator = random.Random(7)
    while await reader.read(300):
        writer.write(generator.randbytes(40))


async def _half_frame(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.read(300):
        writer.write(request[:2] + bytes.fromhex("0000000b010308535375"))


async def _half_frame_and_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.read(300)
    writer.write(request[:2] + bytes.fromhex("0000000b0103"))
    writer.close()


async def _exception_4(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.read(300):
        writer.write(request[:2] + bytes.fromhex("000000030183") + b"\x04")


async def _short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.read(300):
        writer.write(request[:2] + bytes.fromhex("000000050103025375"))


async def _wrong_function(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.read(300):
        writer.write(request[:2] + bytes.fromhex("00000006011000000001"))


async def _unknown_function(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.read(300):
        writer.write(request[:2] + bytes.fromhex("000000060163000000ff"))


async def _foreign_transaction(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(300):
        writer.write(bytes.fromhex("7fff0000000701030453756e53"))


async def _mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(300):
        pass


@pytest.mark.parametrize(
    ("peer", "error", "sentence"),
    [
        (_random_bytes, DeviceFault, "40 bytes that are no Modbus TCP reply"),
        (_half_frame, DeviceFault, "12 bytes that are no Modbus TCP reply"),
        (_half_frame_and_gone, DeviceFault, "8 bytes that are no Modbus TCP reply"),
        (_exception_4, DeviceFault, r"refused with exception 4 \(device failure\)"),
        (_short, DeviceFault, "answered with 1; expected 2"),
        (_wrong_function, DeviceFault, "answered with function 16; expected 3"),
        (_unknown_function, DeviceFault, "answered with function 99; expected 3"),
        (_foreign_transaction, DeviceFault, "bytes that are no Modbus TCP reply"),
        (_mute, DeviceUnreachable, "no answer within 0.3 s to reading 2 registers at 40000"),
    ],
)
def test_nonsense_peers_end_in_one_sentence(peer: Peer, error: type[Exception], sentence: str, now: datetime) -> None:
    """Whatever answers in a device's place, opening ends in time with a sentence that names host and port."""

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await peer(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        number = listener.sockets[0].getsockname()[1]
        port = sunspec_port("pv", DeviceKind.PV, TcpRegisters("127.0.0.1", number, timeout_s=0.3))
        try:
            with pytest.raises(error, match=rf"(?s)pv: .*127\.0\.0\.1:{number}.*{sentence}"):
                await asyncio.wait_for(port.open(now), 10)
        finally:
            await port.close()
            listener.close()
            await listener.wait_closed()
            await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_client_that_sends_nonsense_harms_only_itself(make: Callable[..., Any], now: datetime) -> None:
    """Random bytes, half frames and oversized frames at the simulator leave the other clients' device at work."""
    device = make("pv_123")

    async def run() -> None:
        server = ModbusTcpServer()
        number = await server.add(device.sunspec_device)
        generator = random.Random(11)
        try:
            for attempt in range(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", number)
                if attempt % 3 == 0:  # a right header around nonsense
                    body = generator.randbytes(generator.randint(1, 40))
                    writer.write(b"\0\1\0\0" + len(body + b"u").to_bytes(2, "big") + b"\1" + body)
                else:
                    writer.write(generator.randbytes(generator.randint(1, 600)))
                writer.write_eof()
                await asyncio.wait_for(_drain(reader), 5)
                writer.close()
            port = sunspec_port("pv", DeviceKind.PV, TcpRegisters("127.0.0.1", number))
            await port.open(now)
            assert await port.measure(now)
            await port.close()
        finally:
            await server.close()

    asyncio.run(run())


async def _drain(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(300):
            pass
    except ConnectionError:
        pass
