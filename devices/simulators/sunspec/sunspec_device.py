"""One simulated SunSpec device without I/O: registers on one side, a physical unit and a clock on the other."""

from __future__ import annotations

from datetime import datetime

from cim.model.errors import ProgrammingFault
from devices.port.errors import DeviceUnreachable
from devices.simulators.sunspec.control_functions import Refused, Running
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.image import BASE, RegisterImage
from devices.sunspec.registers import ExceptionReply


class SunSpecDevice:
    """A register image that shows a unit and puts writes through to it at once.

    Time is what `advance` gives it: reversion timers run on that, never on the wall clock. Set `silent` to lose the
    device: nothing answers any more, while its physics and its timers go on.
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
        self._now = now
        self._device_model = device_model
        self._running = Running(device_model.function) if device_model.function else None
        self._writable = device_model.function.writable if device_model.function else frozenset()
        self._image = RegisterImage((1, *device_model.models), base)
        self._image.set(1, {"Mn": manufacturer, "Md": model, "SN": serial, "Vr": "1", "DA": 1})
        device_model.setup(self._image)
        self.advance(now)

    @property
    def steerable(self) -> bool:
        """False for a meter: nothing of it can be set."""
        return self._running is not None

    @property
    def next_expiry(self) -> datetime | None:
        """When the running setpoint reverts by itself; None if none does."""
        return self._running.expiry if self._running else None

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
        if not self._image.covers(address, count):
            raise Refused(2)
        start = address - self._image.base
        return self._image.registers[start : start + count]

    def write(self, address: int, values: list[int]) -> None:
        """Set registers; either all of it takes effect or, on `Refused`, nothing.

        Raises:
            Refused: code 2 for a register that cannot be written or a part of a wider point, 3 for an illegal value.
        """
        image, running = self._image, self._running
        if running is None or not image.covers(address, len(values)):
            raise Refused(2)
        owners = image.points_in(address, len(values))
        for owner in owners:
            if owner is None or (owner[0], owner[1].name) not in self._writable or owners.count(owner) != owner[1].size:
                raise Refused(2)
        before, start = image.registers.copy(), address - image.base
        image.registers[start : start + len(values)] = values
        try:
            running.written(image, self._now)
        except Refused:
            image.registers[:] = before
            raise
        self.advance(self._now)


class DeviceRegisters:
    """`devices.sunspec.registers.Registers` of a simulated device in this process, without a socket."""

    def __init__(self, sunspec_device: SunSpecDevice, where: str = "direct") -> None:
        """`where` stands in error texts in the place of host and port."""
        self._sunspec_device, self._where = sunspec_device, where

    async def read(self, address: int, count: int) -> list[int]:
        """Read; a refusal becomes the same fault as a Modbus exception reply."""
        what = f"reading {count} registers at {address}"
        self._reach(what)
        try:
            return self._sunspec_device.read(address, count)
        except Refused as refused:
            raise ExceptionReply(self._where, what, refused.code) from refused

    async def write(self, address: int, values: list[int]) -> None:
        """Write; a refusal becomes the same fault as a Modbus exception reply."""
        what = f"writing {len(values)} registers at {address}"
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
