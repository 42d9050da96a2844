"""The driver to copy is a whole one: it can be run, and keeps the rules that it states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import Mode, Setpoint
from cim.model.readings import Kind, Quality
from devices.BLUEPRINT import LinePort
from devices.port.capabilities import capabilities
from devices.port.errors import DeviceFault, DeviceUnreachable

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
ANSWERS = {"WHO": "ILES;Line 1;7;5000", "READ": "-1500 20310"}


@asynccontextmanager
async def device(**answers: str | None) -> AsyncIterator[tuple[LinePort, list[str]]]:
    """A device that answers so (None: not at all), and what it was asked."""
    asked: list[str] = []
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        while line := (await reader.readline()).decode().strip():
            asked.append(line)
            answer = {**ANSWERS, "LIMIT": "OK", **answers}[line.split()[0]]
            if answer is not None:
                writer.write(f"{answer}\n".encode())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = LinePort("line", "127.0.0.1", server.sockets[0].getsockname()[1], timeout_s=0.2)
    try:
        yield port, asked
    finally:
        await port.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*(task for task in served if task is not None))


def test_it_reads_and_limits() -> None:
    """Nameplate, readings, a limit with its expiry; it has Measures and Limits, and says so."""

    async def scenario() -> None:
        async with device() as (port, asked):
            assert (await port.open(NOW)).max_generation_w == 5000
            assert [(r.kind, r.value) for r in await port.measure(NOW)] == [
                (Kind.POWER, -1500),
                (Kind.ENERGY_EXPORT, 20_310),
            ]
            await port.command(Setpoint(Mode.LIMIT, -2000), NOW + timedelta(minutes=15), NOW)
            await port.release(NOW)
            assert asked[-2:] == ["LIMIT 2000 900", "LIMIT 0 0"]
            assert capabilities(port) == ("Measures", "Limits")

    asyncio.run(scenario())


@pytest.mark.parametrize("said", ["nan 20310", "inf 1", "1e12 1", "a b", "", "-1500 -1"])
def test_what_cannot_be_true_is_not_good(said: str) -> None:
    """Not-a-number, no number, beyond all bounds, missing: at least one of the two readings is INVALID, none is made up."""

    async def scenario() -> None:
        async with device(READ=said) as (port, _):
            found = await port.measure(NOW)
            assert any(r.quality is Quality.INVALID and r.value == 0 for r in found)

    asyncio.run(scenario())


def test_silence_and_refusal_are_told_apart() -> None:
    """A device that says nothing is unreachable, within the time-out; one that refuses a limit is a fault."""

    async def scenario() -> None:
        async with device(READ=None, LIMIT="NO") as (port, _):
            with pytest.raises(DeviceUnreachable, match="line: no answer"):
                await port.measure(NOW)
            with pytest.raises(DeviceFault, match="is answered by 'NO'; expected OK"):
                await port.command(Setpoint(Mode.LIMIT, 0), NOW + timedelta(minutes=15), NOW)

    asyncio.run(scenario())
