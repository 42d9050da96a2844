"""Frames between a dial-in device and its machine, in memory or over a WebSocket.

A `Machine` is a protocol endpoint without I/O; a *wire* carries its frames:
`DirectWire` hands them over in memory (no asyncio object is made), `ServerWire` sends them to whoever dialled in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from devices.dial_in.machine import Machine, Polyglot
from devices.dial_in.server import DialInServer
from devices.port.errors import DeviceFault, DeviceUnreachable

MAX_ROUNDS = 1000  # a peer that still talks after so many exchanges at one instant is broken, not chatty


@runtime_checkable
class Dialled(Protocol):
    """A link that outlives its drivers: it is told when a new driver connects."""

    def dial(self, device: str) -> None:
        """A driver opens: if one held the connection before, that connection ends and a new one begins."""
        ...


@runtime_checkable
class Speaking(Protocol):
    """A link that knows what its devices speak, as a WebSocket's handshake does."""

    def subprotocol(self, device: str) -> str | None:
        """The WebSocket subprotocol that the device would offer; None where nobody of that name is there."""
        ...


class FrameLink(Protocol):
    """A link to a device in this process: its frames are handed over in memory. It may be `Dialled` and `Speaking` as well."""

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """Hand `frames` to `device` and get the frames it wants to send; called until both are silent.

        Raises:
            DeviceUnreachable: the device is not there (or a fault was injected).
        """
        ...


class FrameWire(Protocol):
    """How a driver reaches the device behind its machine."""

    @property
    def connected(self) -> bool:
        """True while the device is there."""
        ...

    @property
    def where(self) -> str:
        """Where the device is expected to dial, for error sentences."""
        ...

    async def open(self) -> None:
        """Let the device in from now on."""
        ...

    async def deliver(self, frames: list[str], done: Callable[[], bool]) -> bool:
        """Send `frames` and wait until `done()` or the time-out; returns what `done()` says then."""
        ...

    async def sync(self) -> None:
        """Work off what the device has to say, where it does not arrive by itself."""
        ...

    async def close(self) -> None:
        """Turn the device away; safe to call twice."""
        ...


class DirectWire:
    """Frames handed over in memory through a `FrameLink`; no socket, no task, no event."""

    def __init__(self, link: FrameLink, device: str, machine: Machine) -> None:
        self._link = link
        self._device = device
        self._machine = machine
        self._attached = False

    @property
    def connected(self) -> bool:
        """True after the last exchange went through."""
        return self._attached

    @property
    def where(self) -> str:
        """The in-memory link has no address."""
        return "the direct link"

    async def open(self) -> None:
        """Begin a session; a device that is not there yet is found at the next exchange."""
        if not self._attached and isinstance(self._link, Dialled):
            self._link.dial(self._device)
        await self.sync()

    async def deliver(self, frames: list[str], done: Callable[[], bool]) -> bool:
        """Exchange frames until both sides are silent."""
        if frames:
            await self._pump(frames)
        else:
            await self.sync()
        return done()

    async def sync(self) -> None:
        """Fetch what the device has to say; a silent line shows in `connected`, not as an exception."""
        try:
            await self._pump([])
        except DeviceUnreachable:
            return

    async def close(self) -> None:
        """End the session."""
        if self._attached:
            self._attached = False
            self._machine.detached()

    async def _pump(self, frames: list[str]) -> None:
        if not self._attached:
            self._attached = True
            spoken = self._link.subprotocol(self._device) if isinstance(self._link, Speaking) else None
            if spoken is not None and isinstance(self._machine, Polyglot):
                self._machine.speak(spoken)
            frames = self._machine.attached() + frames
        try:
            for _ in range(MAX_ROUNDS):
                frames_back = await self._link.exchange(self._device, frames)
                if not frames_back:
                    return
                frames = [answer for frame in frames_back for answer in self._machine.receive(frame)]
                if self._machine.closed:
                    await self._link.exchange(self._device, frames)
                    await self.close()
                    return
        except DeviceUnreachable:
            await self.close()
            raise
        await self.close()
        raise DeviceFault(f"{self._device} still talks after {MAX_ROUNDS} exchanges at one instant; expected silence")


class ServerWire:
    """Frames over the WebSocket on which the device dialled in."""

    def __init__(self, server: DialInServer, prefix: str, device: str, machine: Machine, timeout_s: float) -> None:
        self._server = server
        self._prefix = prefix
        self._device = device
        self._machine = machine
        self._timeout_s = timeout_s
        self._opened = False

    @property
    def connected(self) -> bool:
        """True while a session of the device is open."""
        return self._server.connected(self._prefix, self._device)

    @property
    def where(self) -> str:
        """The URL the device should dial."""
        return self._server.url(self._prefix, self._device)

    async def open(self) -> None:
        """Let the device in from now on; opening again after a time-out goes on waiting."""
        if not self._opened:
            self._server.register(self._prefix, self._device, self._machine)
            self._opened = True

    async def deliver(self, frames: list[str], done: Callable[[], bool]) -> bool:
        """Send `frames` and wait for `done()`, at most the driver's time-out."""
        if frames:
            await self._server.send(self._prefix, self._device, frames)
        return await self._server.until(self._prefix, self._device, done, self._timeout_s)

    async def sync(self) -> None:
        """Nothing to do: frames arrive by themselves."""

    async def close(self) -> None:
        """Turn the device away and end its session."""
        if self._opened:
            self._opened = False
            await self._server.unregister(self._prefix, self._device)


def wire_to(
    prefix: str, device: str, machine: Machine, *, link: FrameLink | None, server: DialInServer | None, timeout_s: float
) -> FrameWire:
    """The wire of a driver that was given either a `link` or a `server`."""
    if link is not None:
        return DirectWire(link, device, machine)
    if server is not None:
        return ServerWire(server, prefix, device, machine, timeout_s)
    raise DeviceFault(f"{device}: neither a link nor a server was given; expected one of them")
