"""The in-memory link to simulated dial-in devices: a `FrameLink` over simulators in the same process."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

from devices.port.errors import DeviceUnreachable


class Simulator(Protocol):
    """A simulated dial-in device, without I/O."""

    @property
    def subprotocol(self) -> str:
        """What it offers in the WebSocket handshake."""
        ...

    @property
    def quiet(self) -> bool:
        """True when nothing of its own is unanswered."""
        ...

    @property
    def closed(self) -> bool:
        """True when it wants the session ended."""
        ...

    def start(self, now: datetime) -> list[str]:
        """Power up."""
        ...

    def advance(self, now: datetime) -> list[str]:
        """The clock moved on."""
        ...

    def receive(self, frame: str) -> list[str]:
        """Take one frame."""
        ...

    def attached(self) -> list[str]:
        """The connection is there."""
        ...

    def detached(self) -> None:
        """The connection is gone."""
        ...


class SiteMachine(Simulator, Protocol):
    """A simulated dial-in device as part of a site, whose physics somebody else moves."""

    def next_change(self) -> datetime | None:
        """The next instant at which something that it was told begins or ends by itself."""
        ...

    def look(self, now: datetime) -> None:
        """The physics has moved on to `now`: do what is due, and note what to tell in `advance`."""
        ...


@runtime_checkable
class Misbehaves(Protocol):
    """A simulated device that misbehaves on command."""

    def misbehave(self, words: str) -> None:
        """From now on as `words` say, which are its own kind's; "": not any more. Raises `BadInput`."""
        ...


class DirectLink:
    """EffectRunner frames to simulators by name; what they have to say waits here until it is fetched."""

    def __init__(self) -> None:
        self._simulators: dict[str, Simulator] = {}
        self._waiting: dict[str, list[str]] = {}
        self._cut: dict[str, bool] = {}
        self._held: set[str] = set()  # devices that a driver has spoken to

    def add(self, name: str, simulator: Simulator, now: datetime) -> None:
        """Power up a simulator."""
        self._simulators[name] = simulator
        self._waiting[name] = simulator.start(now)

    def advance(self, now: datetime) -> None:
        """Move every simulator's clock on, in the order in which they were added."""
        for name, simulator in self._simulators.items():
            self._waiting[name] += simulator.advance(now)

    def queue(self, name: str, frames: list[str]) -> None:
        """Let `frames` of `name` wait until they are fetched, where somebody else moves the clocks."""
        self._waiting[name] += frames

    def cut(self, name: str, gone: bool) -> None:
        """Lose (or restore) the connection to `name`; after it, what was not answered is sent again."""
        was = self._cut.get(name, False)
        self._cut[name] = gone
        if gone and not was:
            self._simulators[name].detached()
            self._waiting[name] = []
        elif was and not gone:
            self._waiting[name] = self._simulators[name].attached()

    def gone(self, name: str) -> bool:
        """True while the connection to `name` is cut."""
        return self._cut.get(name, False)

    def subprotocol(self, device: str) -> str | None:
        """See `devices.dial_in.transport.Speaking`."""
        simulator = self._simulators.get(device)
        return None if simulator is None else simulator.subprotocol

    def dial(self, device: str) -> None:
        """See `devices.dial_in.transport.Dialled`."""
        if device in self._held and not self._cut.get(device, False):
            self.cut(device, True)
            self.cut(device, False)

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `devices.dial_in.transport.FrameLink`."""
        simulator = self._simulators.get(device)
        if simulator is None or self._cut.get(device, False):
            raise DeviceUnreachable(f"{device} does not answer on the direct link; expected a simulator of that name")
        self._held.add(device)
        waiting, self._waiting[device] = self._waiting[device], []
        for frame in frames:
            waiting += simulator.receive(frame)
        return waiting
