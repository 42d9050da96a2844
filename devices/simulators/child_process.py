"""The simulator process as its parent sees it: what it says, how it fails, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from datetime import datetime
from typing import NamedTuple

from cim.model.errors import BadInput
from devices.port.errors import DeviceUnreachable


class Line(NamedTuple):
    """What the process says on its standard output: how far a replay is, or at last where it can be reached."""

    control: int | None = None  # port of the control channel
    endpoints: dict[str, tuple[str, int]] = {}  # noqa: RUF012 - of a tuple that nobody changes
    replayed: datetime | None = None
    share: float = 0.0


class ErrorOutput:
    """Reads a process's standard error, so that it never blocks, and keeps the end of it."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._lines: deque[str] = deque(maxlen=20)
        self._task = asyncio.create_task(self._read(stream))

    @property
    def last(self) -> str:
        """The last line that says something."""
        return next((line for line in reversed(self._lines) if line), "")

    async def ended(self) -> None:
        """Return when the stream has ended."""
        await self._task

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._lines.append(line.decode(errors="replace").strip())


async def read_line(process: asyncio.subprocess.Process, stream: asyncio.StreamReader, errors: ErrorOutput) -> Line:
    """The next line that the process says.

    Raises:
        BadInput: it refused what it was given (its own sentence).
        DeviceUnreachable: it ended.
    """
    line = await stream.readline()
    if not line:
        await errors.ended()
        code = await process.wait()
        if code == 2 and errors.last:
            raise BadInput(errors.last)
        raise DeviceUnreachable(f"the simulator process ended at once (exit code {code}): {errors.last}")
    told = json.loads(line)
    if "control" not in told:
        return Line(replayed=datetime.fromisoformat(told["replayed"]), share=float(told["share"]))
    endpoints = {name: (str(host), int(port)) for name, (host, port) in told["endpoints"].items()}
    return Line(int(told["control"]), endpoints)


async def end_process(process: asyncio.subprocess.Process, errors: ErrorOutput) -> None:
    """Wait until the process has ended; after five seconds it is killed."""
    try:
        async with asyncio.timeout(5.0):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await errors.ended()
