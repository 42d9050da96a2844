"""A simulated site that can be stopped at any instant and goes on bit for bit where it was.

A site is a function of what was done to it, and when. So every input is kept before it takes effect, and a restart does
it all again in the same order, without sending anything; then the connections of the earlier run are over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cim.model.errors import BadInput
from devices.simulators.in_memory_link import DirectLink, SiteMachine
from devices.simulators.recording_log import Entry, Field, InputLog
from devices.simulators.recording_wires import Inputs, Op, RecordedDevice, RecordedLink, RecordedMachine
from devices.simulators.simulation import Simulation
from devices.simulators.sunspec.control_functions import Refused
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.sunspec_device import SunSpecDevice
from environment.profiles.library import Profiles
from environment.sites.schema import Site

Progress = Callable[[datetime, float], None]  # the instant reached, and the share of the log that is done again

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_EVERY = 0.02  # of the log, between two reports of progress
_LONG = 1 << 20  # bytes of log from which on progress is reported
_HEAD = ("site", "start", "seed", "devices")


class RecordedSimulation(Simulation):
    """A `Simulation` that keeps its inputs in a file, and begins where the file ends.

    Args:
        site, profiles, start, seed: see `Simulation`.
        path: the log; made if there is none.
        progress: told how far the replay of a long log is.

    Raises:
        BadInput: the log is of another site, start or seed, is in use or damaged, or does not lead where it led.
    """

    def __init__(
        self,
        site: Site,
        profiles: Profiles,
        start: datetime,
        seed: int,
        path: Path,
        progress: Progress | None = None,
    ) -> None:
        self._inputs = Inputs()
        self._numbers: dict[str, int] = {}
        super().__init__(site, profiles, start, seed)
        devices = hashlib.sha256("\n".join(self.names).encode()).hexdigest()[:16]
        self._numbered = list(self._numbers)
        self._head = (site.name, start.isoformat(), seed, devices)
        log = InputLog.open(path)
        try:
            self._replay(log, progress)
            self._inputs.log = log
            if self.replayed:
                with self._inputs.during(Op.RESTART):
                    self._restart()
        except BaseException:
            log.close()
            raise

    def close(self) -> None:
        """Let go of the log; nothing can be done to the site any more. Safe to call twice."""
        if self._inputs.log is not None:
            self._inputs.log.close()

    # -- inputs -----------------------------------------------------------------------------------------------------

    def step(self, to: datetime) -> dict[str, list[str]]:
        """See `Simulation.step`."""
        with self._inputs.during(Op.STEP, _ticks(to), self._witness()):
            return super().step(to)

    def move(self, to: datetime) -> None:
        """See `Simulation.move`."""
        with self._inputs.during(Op.MOVE, _ticks(to), self._witness()):
            super().move(to)

    def report(self) -> dict[str, list[str]]:
        """See `Simulation.report`."""
        with self._inputs.during(Op.REPORT):
            return super().report()

    def silence(self, name: str, lost: bool) -> None:
        """See `Simulation.silence`."""
        self._check(name)
        with self._inputs.during(Op.SILENCE, self._numbers[self.wire_name(name)], lost):
            super().silence(name, lost)

    def misbehave(self, name: str, words: str) -> None:
        """See `Simulation.misbehave`."""
        self._check(name)
        with self._inputs.during(Op.MISBEHAVE, self._numbers[self.wire_name(name)], words):
            super().misbehave(name, words)

    def _make_link(self) -> DirectLink:
        return RecordedLink(self._inputs, lambda name: self._numbers[name])

    def _make_sunspec_device(self, name: str, device_model: DeviceModel) -> SunSpecDevice:
        return RecordedDevice(self._inputs, self._number(name), device_model, self.now, self._serial(name))

    def _make_machine(self, name: str, machine: SiteMachine) -> SiteMachine:
        return RecordedMachine(self._inputs, self._number(name), machine)

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def _witness(self) -> float:
        """What all meters have counted: a replay that counts something else has diverged."""
        return sum(meter.import_wh + meter.export_wh for meter in self._world.connections.values())

    # -- the same again ---------------------------------------------------------------------------------------------

    def _replay(self, log: InputLog, progress: Progress | None) -> None:
        entries = log.entries()
        head, _ = next(entries, ((), 0.0))
        if not head:
            log.append(self._head)
            return
        self._compare(log.path, head)
        told = 0.0
        self._inputs.blind = True
        waiting: list[Entry] = []  # what was done since a move; whether that one was the last is not known yet
        for entry, share in entries:
            if entry[0] in (Op.STEP, Op.MOVE):
                self._all_again(waiting, log.path)
                waiting.clear()
                if progress is not None and share >= told + _EVERY and log.total >= _LONG:
                    told = share
                    progress(self.now, share)
            waiting.append(entry)
        self._inputs.blind = False  # from the last move on, registers show what they showed
        self.show()
        self._all_again(waiting, log.path)

    def _all_again(self, entries: list[Entry], path: Path) -> None:
        for entry in entries:
            try:
                self._again(*entry)
            except (TypeError, ValueError, LookupError) as error:
                raise BadInput(f"log: {path} holds {entry!r:.80}; expected an input that this site knows") from error
            except _ReplayDiverged as error:
                raise BadInput(
                    f"log: {path} leads elsewhere from {self.now.isoformat()} on than it led ({error}); "
                    "expected the same site, profiles and version of ILES"
                ) from error
            self.replayed += 1

    def _compare(self, path: Path, head: Entry) -> None:
        if len(head) != len(_HEAD):
            raise BadInput(f"log: {path} has no head that this version of ILES knows; expected {', '.join(_HEAD)}")
        for field, kept, given in zip(_HEAD, head, self._head, strict=True):
            if kept != given:
                raise BadInput(
                    f"{field}: {given!r} does not fit the log {path}; expected {kept!r}, with which it began"
                )

    def _again(self, op: Field, *fields: Field) -> None:
        """Do an input again. What was refused in the first run is refused again and has no effect."""
        match op, fields:
            case (Op.STEP | Op.MOVE, (int() as to, float() as witness)):
                if witness != self._witness():
                    raise _ReplayDiverged(f"{self._witness()} Wh counted instead of {witness} Wh")
                with suppress(BadInput):
                    super().move(_EPOCH + to * _TICK)
                    if op == Op.STEP:
                        super().report()
            case (Op.REPORT, ()):
                super().report()
            case (Op.WRITE, (int() as number, int() as address, tuple() as values)):
                with suppress(Refused):
                    self.sunspec_devices[self._numbered[number]].write(address, list(values))
            case (Op.FRAME, (int() as number, str() as frame)):
                self.machines[self._numbered[number]].receive(frame)
            case (Op.ATTACHED, (int() as number,)):
                self.machines[self._numbered[number]].attached()
            case (Op.DETACHED, (int() as number,)):
                self.machines[self._numbered[number]].detached()
            case (Op.SILENCE | Op.CUT | Op.MISBEHAVE, (int() as number, (bool() | str()) as how)):
                self._disturb_again(op, self._numbered[number], how)
            case (Op.RESTART, ()):
                self._restart()
            case _:
                raise LookupError(op)

    def _disturb_again(self, op: Field, name: str, how: bool | str) -> None:
        match op, how:
            case (Op.SILENCE, bool()):
                super().silence(name, how)
            case (Op.CUT, bool()):
                self.link.cut(name, how)
            case (Op.MISBEHAVE, str()):
                with suppress(BadInput):
                    super().misbehave(name, how)
            case _:
                raise LookupError(op)

    def _restart(self) -> None:
        """Every connection is over, and those that are not cut begin again."""
        for name in self.machines:
            if not self.link.gone(name):
                self.link.cut(name, True)
                self.link.cut(name, False)


class _ReplayDiverged(Exception):
    """The replay does not count what the first run counted."""


def _ticks(at: datetime) -> int:
    return (at - _EPOCH) // _TICK
