"""One SunSpec device as a `devices.port.port.Port`: PV, battery, CHP or meter, by the models that its scan finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from cim.mapping.sunspec import PointMapping, rows_of
from cim.model.devices import DeviceKind, Mode, Nameplate, News, Setpoint
from cim.model.errors import ProgrammingFault
from cim.model.readings import Quality, Reading
from devices.port.port import DeviceError, DeviceFault, DeviceUnreachable, OnNews
from devices.sunspec import control
from devices.sunspec.duties import DUTIES, Duty, duty_of, nameplate_of
from devices.sunspec.image import DeviceImage, Wanted
from devices.sunspec.registers import Registers
from devices.sunspec.scan import scan


class SunSpecPort:
    """Implements `devices.port.port.Port` over any `Registers`.

    PV takes `Mode.LIMIT` (power_w <= 0) by 704 `WMaxLimPct` or 123; a battery takes `Mode.TARGET` of either sign by
    704 `WSet` or 124; a CHP takes `Mode.TARGET` (power_w <= 0) by 704 `WSet`; a meter takes nothing.
    """

    def __init__(self, name: str, kind: DeviceKind, registers: Registers) -> None:
        """`name` becomes the source of the readings and opens every error text.

        Raises:
            ProgrammingFault: the kind is not one that speaks SunSpec.
        """
        if kind not in DUTIES:
            raise ProgrammingFault(f"kind: {kind} does not speak SunSpec; expected {', '.join(DUTIES)}")
        self.name, self.kind = name, kind
        self._registers = registers
        self._image: DeviceImage | None = None
        self._duty: Duty | None = None
        self._has_121 = False
        self._rows: tuple[PointMapping, ...] = ()
        self._wanted: tuple[Wanted, ...] = ()

    def listen(self, on_news: OnNews) -> None:
        """Nothing to hear: SunSpec has no unasked messages."""

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - Port gives every call its instant
        """Scan the device, check that it can do its duty, and read its nameplate."""
        with self._named():
            models = await scan(self._registers)
            duty = duty_of(self.kind, models, ", ".join(str(found.id) for found in models))
            if 1 not in models:
                raise DeviceFault("the device has no SunSpec model 1 (common); expected it first")
            image = DeviceImage(self._registers, models)
            blocks = await image.read([(1, "Mn"), (1, "Md"), (1, "SN"), *duty.rated])
            nameplate = nameplate_of(self.kind, duty, blocks)
        self._image, self._duty, self._has_121 = image, duty, 121 in duty.models
        self._rows = rows_of(duty.measured)
        self._wanted = tuple(
            dict.fromkeys(wanted for row in self._rows for wanted in ((row.model, row.point), row.times) if wanted)
        )
        return nameplate

    async def sync(self, now: datetime) -> None:
        """Nothing: a Modbus device only answers."""

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Read the duty's points; one that is not implemented comes as INVALID, or not at all where it is optional."""
        image, _ = await self._opened(now)
        with self._named():
            blocks = await image.read(self._wanted)
        readings = []
        for row in self._rows:
            value = blocks[row.model].number(row.point)
            share = blocks[row.times[0]].number(row.times[1]) if row.times else 1.0
            if value is None or share is None:
                if row.optional:
                    continue
                readings.append(Reading(self.name, row.kind, 0.0, now, Quality.INVALID))
            else:
                # "+ 0.0" turns the -0.0 of an idle inverter into 0.0
                readings.append(Reading(self.name, row.kind, row.factor * value * share + 0.0, now))
        return tuple(readings)

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Write the setpoint with its expiry, enable it and read it back.

        Raises:
            ProgrammingFault: a mode or sign that the kind cannot take, or an expiry that has passed.
            DeviceUnreachable, DeviceFault: see `devices.port.port.Port.command`.
        """
        image, duty = await self._opened(now)
        self._check(setpoint, duty)
        seconds = math.ceil((valid_until - now).total_seconds())
        if seconds <= 0:
            raise ProgrammingFault(
                f"{self.name}: valid_until {valid_until.isoformat()} is not after now ({now.isoformat()})"
            )
        assert duty.steering is not None  # noqa: S101 - _check refused a meter; this tells the type checker
        with self._named():
            await control.command(image, duty.steering, self._has_121, setpoint.power_w, seconds)

    async def release(self, now: datetime) -> None:
        """Clear the enable bit; nothing to do for a meter."""
        image, duty = await self._opened(now)
        if duty.steering is not None:
            with self._named():
                await control.release(image, duty.steering)

    def drain(self) -> tuple[News, ...]:
        """Always empty: SunSpec has no unasked messages."""
        return ()

    async def close(self) -> None:
        """Close the wire."""
        await self._registers.close()

    def _check(self, setpoint: Setpoint, duty: Duty) -> None:
        if duty.steering is None:
            raise ProgrammingFault(f"{self.name}: a meter takes no setpoint")
        mode = control.MODES[duty.steering]
        if setpoint.mode is not mode:
            raise ProgrammingFault(f"{self.name}: mode {setpoint.mode} for kind {self.kind}; expected {mode}")
        if setpoint.power_w > 0 and (mode is Mode.LIMIT or self.kind is DeviceKind.CHP):
            raise ProgrammingFault(
                f"{self.name}: power_w {setpoint.power_w} for kind {self.kind}; expected 0 or less (generation)"
            )

    async def _opened(self, now: datetime) -> tuple[DeviceImage, Duty]:
        """Scan a device that did not answer when it was opened: an inverter sleeps at night, and wakes up later."""
        if self._image is None or self._duty is None:
            await self.open(now)
        assert self._image is not None and self._duty is not None  # noqa: S101, PT018 - open() has set or raised
        return self._image, self._duty

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put the device's name before the sentence of whatever goes wrong."""
        try:
            yield
        except DeviceError as error:
            kind = DeviceUnreachable if isinstance(error, DeviceUnreachable) else DeviceFault
            raise kind(f"{self.name}: {error}") from error
