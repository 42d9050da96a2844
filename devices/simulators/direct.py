"""The direct way to simulated dial-in devices: a `FrameLink` over simulators in the same process."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from devices.port import DeviceUnreachable


class Simulator(Protocol):
    """A simulated dial-in device, without I/O."""

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


class DirectLink:
    """Hands frames to simulators by name; what they have to say waits here until it is fetched."""

    def __init__(self) -> None:
        self._simulators: dict[str, Simulator] = {}
        self._waiting: dict[str, list[str]] = {}
        self._cut: dict[str, bool] = {}

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

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `devices.frames.FrameLink`."""
        simulator = self._simulators.get(device)
        if simulator is None or self._cut.get(device, False):
            raise DeviceUnreachable(f"{device} does not answer on the direct link; expected a simulator of that name")
        waiting, self._waiting[device] = self._waiting[device], []
        for frame in frames:
            waiting += simulator.receive(frame)
        return waiting
