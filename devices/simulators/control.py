"""The control channel of a simulator process: the experiment's clock and faults, beside the devices' own protocols.

TCP on loopback; each message is a length (4 bytes, big-endian) and `cim.codec.codec` bytes. The first one is the token;
then requests `(operation, *arguments)`, each answered by `("ok", value)` or `(fault, sentence)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import struct
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import TypeVar

from cim.codec.codec import decode, encode
from cim.model.arrays import Floats, Ints
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.child_process import ErrorOutput, end_process, read_line
from devices.simulators.recording_log import LogFailed
from environment.physics.device_truth import DeviceTruth

T = TypeVar("T")
TOKEN_VARIABLE = "ILES_SIMULATOR_TOKEN"  # noqa: S105 - the name of a variable, not what is in it
_LENGTH = struct.Struct(">I")
_LONGEST = 1 << 26


async def read_message(reader: asyncio.StreamReader) -> object:
    """The next message. Raises `asyncio.IncompleteReadError` at the end, `BadInput` for what is none."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > _LONGEST:
        raise BadInput(f"message: {length} bytes; expected at most {_LONGEST}")
    message: object = decode(await reader.readexactly(length))
    return message


async def write_message(writer: asyncio.StreamWriter, message: object) -> None:
    """Send one message."""
    data = encode(message)
    writer.write(_LENGTH.pack(len(data)) + data)
    await writer.drain()


class ControlClient:
    """Drives a simulator process. Get one by `start`; all methods belong to one event loop.

    Every method raises `DeviceUnreachable` when the process is gone, and `BadInput` for arguments that do not fit.

    Attributes:
        endpoints: SunSpec devices by name: (host, port).
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        endpoints: dict[str, tuple[str, int]],
        errors: ErrorOutput,
    ) -> None:
        self.endpoints = endpoints
        self._process, self._reader, self._writer = process, reader, writer
        self._errors = errors
        self._lock = asyncio.Lock()
        self._gone = False

    @classmethod
    async def start(
        cls,
        site: str,
        start: datetime,
        seed: int,
        *,
        host: str = "127.0.0.1",
        base_port: int = 0,
        timeout_s: float = 60.0,
        log: Path | None = None,
        progress: Callable[[datetime, float], None] | None = None,
    ) -> ControlClient:
        """Start a simulator process of this Python and connect to it; it ends with this connection.

        Args:
            site: a site's name or the path of its file.
            start: the first instant, UTC.
            seed: see `Simulation`.
            host: where the SunSpec devices listen.
            base_port: the first one's port, 0 for any.
            timeout_s: how long it may take to come up, or to say how far it is.
            log: a file in which it keeps what is done to the site; one that was begun before is gone on with.
            progress: told the instant and the share of a long log that is done again.

        Raises:
            BadInput: the process refused (its own sentence).
            DeviceUnreachable: it did not come up.
        """
        token = secrets.token_urlsafe(32)
        arguments = ["--site", site, "--start", start.isoformat(), "--seed", str(seed), "--host", host]
        arguments += ["--log", str(log)] if log is not None else []
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "devices.simulators", *arguments, "--base-port", str(base_port)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, TOKEN_VARIABLE: token},
            # Ctrl-C, or whatever ends the whole group, is for whoever started it, who releases devices first and hangs up.
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        assert process.stderr is not None  # noqa: S101 - asked for above
        errors = ErrorOutput(process.stderr)
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                while (told := await read_line(process, process.stdout, errors)).control is None:
                    deadline.reschedule(asyncio.get_running_loop().time() + timeout_s)
                    if progress is not None and told.replayed is not None:
                        progress(told.replayed, told.share)
                reader, writer = await asyncio.open_connection("127.0.0.1", told.control)
        except (TimeoutError, OSError, ValueError) as error:
            await end_process(process, errors)
            raise DeviceUnreachable(
                f"the simulator process did not come up within {timeout_s:g} s ({error}); expected its endpoints"
            ) from error
        except BaseException:
            await end_process(process, errors)
            raise
        client = cls(process, reader, writer, told.endpoints, errors)
        try:
            await client._ask(token, NoneType)
        except BaseException:
            await client.close()
            raise
        return client

    async def kinds(self) -> dict[str, DeviceKind]:
        """Every device and smart meter by name, in the order of the site file."""
        return await self._ask(("kinds",), dict)

    async def dial(self, targets: Mapping[str, tuple[str, str, str]]) -> None:
        """Let stations and gateways dial: by name (URL, user, password)."""
        await self._ask(("dial", dict(targets)), NoneType)

    async def advance(self, to: datetime) -> tuple[str, ...]:
        """Move the site on; returns when every connected peer has answered. See `SimulatorHost.advance`."""
        return await self._ask(("advance", to), tuple)

    async def truth(self, start: datetime, end: datetime) -> dict[str, tuple[Ints, Ints]]:
        """See `Simulation.truth`."""
        return await self._ask(("truth", start, end), dict)

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Floats]:
        """See `Simulation.truth_by_kind`."""
        return await self._ask(("truth_by_kind", start, end), dict)

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """See `Simulation.device_truth`."""
        return await self._ask(("device_truth", start, end), DeviceTruth)

    async def silence(self, name: str, lost: bool) -> None:
        """See `Simulation.silence`."""
        await self._ask(("silence", name, lost), NoneType)

    async def misbehave(self, name: str, words: str) -> None:
        """See `Simulation.misbehave`."""
        await self._ask(("misbehave", name, words), NoneType)

    async def now(self) -> datetime:
        """The instant that the site has reached."""
        return await self._ask(("now",), datetime)

    async def close(self) -> None:
        """End the process; safe to call twice."""
        if not self._gone:
            with contextlib.suppress(DeviceUnreachable):
                await self._ask(("stop",), NoneType)
        self._gone = True
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        await end_process(self._process, self._errors)

    async def _ask(self, request: object, expected: type[T]) -> T:
        async with self._lock:
            if self._gone:
                raise DeviceUnreachable("the simulator process has ended; expected it to be running")
            try:
                await write_message(self._writer, request)
                answer = await read_message(self._reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                self._gone = True
                raise DeviceUnreachable(
                    f"the simulator process has ended ({self._errors.last or 'it said nothing'}); "
                    "expected it to be running"
                ) from error
            except BaseException:
                self._gone = True  # an answer may be under way: nothing on this channel fits its request any more
                raise
        match answer:
            case ("ok", value) if isinstance(value, expected):
                return value
            case ("input", str() as sentence):
                raise BadInput(sentence)
            case ("full", str() as sentence):
                raise LogFailed(sentence)
            case ("fault", str() as sentence):
                raise DeviceFault(sentence)
        raise DeviceFault(f"the simulator process answered {str(answer)[:80]!r}; expected {expected.__name__}")
