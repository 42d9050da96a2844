"""One simulated SunSpec device without I/O: registers on one side, a physical unit and a clock on the other."""

from __future__ import annotations

from datetime import datetime

from cim.model.errors import ProgrammingFault
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.sunspec.control_functions import Refused, Running
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.image import BASE, RegisterImage
from devices.simulators.sunspec.misbehaviour import Misbehaviour, Way
from devices.sunspec.registers import PATIENCE_S, ExceptionReply, NoAnswer, PatientRegisters


class SunSpecDevice:
    """A register image that shows a unit and puts writes through to it at once.

    Time is what `advance` gives it: reversion timers run on that, never on the wall clock. Set `silent` to lose the
    device: nothing answers any more, while its physics and its timers go on; let it `misbehave` in other ways.
    """

    def __init__(
        self,
        device_model: DeviceModel,
        now: datetime,
        *,
        serial: str,
        manufacturer: str = "ILES",
        model: str = "simulator",
        base: int = BASE,
    ) -> None:
        """`device_model` is one of `devices.simulators.sunspec.device_models` around a unit; the rest goes into model 1."""
        self.silent = False
        self.misbehaviour = Misbehaviour()
        self._now = now
        self._device_model = device_model
        self._running = Running(device_model.function) if device_model.function else None
        self._writable = device_model.function.writable if device_model.function else frozenset()
        self._image = RegisterImage((1, *device_model.models), base)
        self._image.set(1, {"Mn": manufacturer, "Md": model, "SN": serial, "Vr": "1", "DA": 1})
        device_model.setup(self._image)
        self._shown = self.misbehaviour.shown(self._image)
        self.advance(now)

    @property
    def steerable(self) -> bool:
        """False for a meter: nothing of it can be set."""
        return self._running is not None

    @property
    def next_expiry(self) -> datetime | None:
        """When the running setpoint reverts by itself; None if none does."""
        return self._running.expiry if self._running else None

    def misbehave(self, how: Misbehaviour) -> None:
        """From now on; `Misbehaviour()` makes it a sound device again."""
        self.misbehaviour, self._shown = how, how.shown(self._image)

    def advance(self, now: datetime) -> None:
        """The clock reads `now`: run reversions that are due, and show what the physics says.

        Raises:
            ProgrammingFault: time would run backwards.
        """
        if now < self._now:
            raise ProgrammingFault(f"now: {now.isoformat()} is before {self._now.isoformat()}; time runs forward only")
        self._now = now
        if self._running:
            self._running.advance(self._image, now)
        self._device_model.refresh(self._image)

    def read(self, address: int, count: int) -> list[int]:
        """Holding registers as of the last `advance` or write. Raises `Refused(2)` outside of the image."""
        how, image = self.misbehaviour, self._image
        if Way.BUSY in how.ways:
            raise Refused(6)
        if not image.covers(address, count):
            raise Refused(2)
        if count > how.most_read:
            raise Refused(3)
        start = address - image.base
        shown = image.registers if self._shown is None else self._shown(image.registers)
        return shown[start : start + count - (Way.SHORT in how.ways)]

    def write(self, address: int, values: list[int]) -> None:
        """Set registers; either all of it takes effect or, on `Refused`, nothing.

        Raises:
            Refused: code 2 for a register that cannot be written or a part of a wider point, 3 for an illegal value.
        """
        image, running, ways = self._image, self._running, self.misbehaviour.ways
        if Way.BUSY in ways:
            raise Refused(6)
        if len(values) > 1 and Way.SINGLE_WRITES in ways:
            raise Refused(1)
        if running is None or not image.covers(address, len(values)):
            raise Refused(2)
        owners = image.points_in(address, len(values))
        for owner in owners:
            if owner is None or (owner[0], owner[1].name) not in self._writable or owners.count(owner) != owner[1].size:
                raise Refused(2)
        if Way.PASSES_OVER in ways:
            return
        before, start = image.registers.copy(), address - image.base
        image.registers[start : start + len(values)] = values
        if Way.HEEDLESS in ways:
            return
        try:
            running.written(image, self._now)
        except Refused:
            image.registers[:] = before
            raise
        self.advance(self._now)


class DeviceRegisters(PatientRegisters):
    """`devices.sunspec.registers.Registers` of a simulated device in this process, without a socket."""

    def __init__(self, sunspec_device: SunSpecDevice, where: str = "direct") -> None:
        """`where` stands in error texts in the place of host and port."""
        self._sunspec_device, self._where = sunspec_device, where

    async def _read_once(self, address: int, count: int) -> list[int]:
        what = f"reading {count} registers at {address}"
        self._reach(what)
        try:
            found = self._sunspec_device.read(address, count)
        except Refused as refused:
            raise ExceptionReply(self._where, what, refused.code) from refused
        if len(found) != count:
            raise DeviceFault(f"{self._where}: {what} was answered with {len(found)}; expected {count}")
        return found

    async def _write_together(self, address: int, values: list[int]) -> None:
        self._write(address, values, f"writing {len(values)} registers at {address}")

    async def _write_one(self, address: int, value: int) -> None:
        self._write(address, [value], f"writing the register {address}")

    def _write(self, address: int, values: list[int], what: str) -> None:
        self._reach(what)
        try:
            self._sunspec_device.write(address, values)
        except Refused as refused:
            raise ExceptionReply(self._where, what, refused.code) from refused

    async def close(self) -> None:
        """Nothing to let go of."""

    def _reach(self, what: str) -> None:
        if self._sunspec_device.silent:
            raise DeviceUnreachable(f"{self._where}: no answer to {what}; the simulated device is silent")
        if self._sunspec_device.misbehaviour.slow_s > PATIENCE_S:
            raise NoAnswer(f"{self._where}: no answer within {PATIENCE_S:g} s to {what}")
