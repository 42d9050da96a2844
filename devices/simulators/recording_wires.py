"""What can be done to a simulated site from outside, each kept in a log before it happens.

Every class here stands in the place of one that knows no log, and does as that one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum

from devices.simulators.in_memory_link import DirectLink, SiteMachine
from devices.simulators.recording_log import Field, InputLog
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.sunspec_device import SunSpecDevice


class Op(IntEnum):
    """The first field of an entry; the others are given here. A device is told by its place in `Simulation.names`."""

    STEP = 0  # to (microseconds since 1970), witness
    MOVE = 1  # to, witness
    REPORT = 2
    WRITE = 3  # device, address, values
    FRAME = 4  # device, frame
    ATTACHED = 5  # device
    DETACHED = 6  # device
    SILENCE = 7  # device, lost
    CUT = 8  # device, gone
    RESTART = 9
    MISBEHAVE = 10  # device, words


class Inputs:
    """Keeps what is done from outside; what follows from it by itself (a call within a call) is not kept."""

    def __init__(self) -> None:
        self.log: InputLog | None = None  # None: nothing is kept
        self.blind = False  # nobody looks: registers need not show anything
        self._depth = 0

    @contextmanager
    def during(self, op: Op, *fields: Field) -> Iterator[None]:
        """Keep the input, then let it happen. Raises `LogFailed` before anything happened."""
        if self.log is not None and self._depth == 0:
            self.log.append((int(op), *fields))
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


class RecordedDevice(SunSpecDevice):
    """A SunSpec device whose writes are kept."""

    def __init__(self, inputs: Inputs, number: int, device_model: DeviceModel, now: datetime, serial: str) -> None:
        self._inputs, self._number = inputs, number
        super().__init__(device_model, now, serial=serial)

    def advance(self, now: datetime) -> None:
        """See `SunSpecDevice.advance`."""
        if not self._inputs.blind:
            super().advance(now)
        elif self._running is not None:
            self._now = now
            self._running.advance(self._image, now)

    def write(self, address: int, values: list[int]) -> None:
        """See `SunSpecDevice.write`."""
        with self._inputs.during(Op.WRITE, self._number, address, tuple(values)):
            super().write(address, values)


class RecordedMachine:
    """A station or gateway whose sessions and frames are kept.

    Attributes:
        machine: the station or gateway itself.
    """

    def __init__(self, inputs: Inputs, number: int, machine: SiteMachine) -> None:
        self.machine = machine
        self._inputs, self._number = inputs, number

    @property
    def subprotocol(self) -> str:
        """See `Simulator`."""
        return self.machine.subprotocol

    @property
    def quiet(self) -> bool:
        """See `Simulator`."""
        return self.machine.quiet

    @property
    def closed(self) -> bool:
        """See `Simulator`."""
        return self.machine.closed

    def start(self, now: datetime) -> list[str]:
        """Power up, which is no input: it comes before all of them."""
        return self.machine.start(now)

    def advance(self, now: datetime) -> list[str]:
        """Part of a report, which is kept as a whole."""
        return self.machine.advance(now)

    def look(self, now: datetime) -> None:
        """Part of a move, which is kept as a whole."""
        self.machine.look(now)

    def next_change(self) -> datetime | None:
        """See `SiteMachine`."""
        return self.machine.next_change()

    def receive(self, frame: str) -> list[str]:
        """Take one frame."""
        with self._inputs.during(Op.FRAME, self._number, frame):
            return self.machine.receive(frame)

    def attached(self) -> list[str]:
        """The connection is there."""
        with self._inputs.during(Op.ATTACHED, self._number):
            return self.machine.attached()

    def detached(self) -> None:
        """The connection is gone."""
        with self._inputs.during(Op.DETACHED, self._number):
            self.machine.detached()


class RecordedLink(DirectLink):
    """The in-memory link, whose interruptions are kept."""

    def __init__(self, inputs: Inputs, number: Callable[[str], int]) -> None:
        super().__init__()
        self._inputs, self._number = inputs, number

    def cut(self, name: str, gone: bool) -> None:
        """See `DirectLink.cut`."""
        with self._inputs.during(Op.CUT, self._number(name), gone):
            super().cut(name, gone)
