"""Drivers of SunSpec devices: a meter only measures, a plant takes setpoints too, a battery also stores.

Which one a device gets follows from its kind's duty; what its readings and setpoints are, from the models a scan finds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from cim.mapping.sunspec import PointMapping, rows_of
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import ProgrammingFault
from cim.model.fresh import Fresh
from cim.model.readings import Kind, Quality, Reading
from devices.port.errors import DeviceError, DeviceFault, DeviceUnreachable
from devices.sunspec import control
from devices.sunspec.dc_modules import MODEL as DC_MODEL
from devices.sunspec.dc_modules import DcModules, dc_modules
from devices.sunspec.duties import DUTIES, METERS, Duty, Steering, duty_of, nameplate_of
from devices.sunspec.foreign import ForeignSetpoint, foreign_setpoint
from devices.sunspec.image import DeviceImage, Wanted
from devices.sunspec.meter_sign import MeterSign, Sign
from devices.sunspec.registers import Registers
from devices.sunspec.scan import ModelMap, scan

_BEHIND_AN_INVERTER = (DeviceKind.PV, DeviceKind.BATTERY)
_OF_MODULES = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
_log = logging.getLogger("iles.devices.sunspec")
_STALE_AFTER_S = 1800.0  # a store that two quarter-hourly readings in a row missed


class SunSpecMeter:
    """A SunSpec device that is only read: `Port` and `Measures` over any `Registers`.

    Args:
        name: becomes the source of the readings and opens every error text.
        kind: what it must be able to do.
        registers: the way to it.
        meter: which of the device's meters, from 1, in the order of their addresses.
        sign: of its power, where that is not to be found from its maker and its counters.
    """

    def __init__(
        self, name: str, kind: DeviceKind, registers: Registers, meter: int = 1, sign: Sign = Sign.FOUND
    ) -> None:
        self.name, self.kind = name, kind
        self._number, self._sign = meter, MeterSign(name, sign)
        self._registers = registers
        self._image: DeviceImage | None = None
        self._duty: Duty | None = None
        self._rows: tuple[PointMapping, ...] = ()
        self._wanted: tuple[Wanted, ...] = ()
        self._modules: DcModules | None = None  # of a hybrid inverter, whose AC side is PV and battery together

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - Port gives every call its instant
        """Scan the device, check that it can do its duty, and read its nameplate."""
        with self._named():
            models = self._chosen(await scan(self._registers))
            duty = duty_of(self.kind, models, ", ".join(str(found.id) for found in models))
            if 1 not in models:
                raise DeviceFault("the device has no SunSpec model 1 (common); expected it first")
            image = DeviceImage(self._registers, models)
            blocks = await image.read([(1, "Mn"), (1, "Md"), (1, "SN"), *duty.rated])
            nameplate = nameplate_of(self.kind, duty, blocks)
            behind = self.kind in _BEHIND_AN_INVERTER and DC_MODEL in models
            self._modules = await dc_modules(image) if behind else None
        self._image, self._duty = image, duty
        self._sign.made_by(nameplate.manufacturer)
        rows = rows_of((*duty.measured, *(m for m in duty.measured_if_there if m in models)))
        self._rows = rows if self._modules is None else tuple(row for row in rows if row.kind not in _OF_MODULES)
        points = [wanted for row in self._rows for wanted in ((row.model, row.point), row.times) if wanted]
        self._wanted = tuple(dict.fromkeys([*points, *(self._modules.wanted if self._modules else ())]))
        return nameplate

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Read the duty's points; one that is not implemented comes as INVALID, or not at all where it is optional."""
        image, _ = await self._opened(now)
        with self._named():
            blocks = await image.read(self._wanted)
        readings = []
        if self._modules is not None:
            for kind, told in self._modules.values(self.kind, blocks[DC_MODEL]).items():
                quality = Quality.INVALID if told is None else Quality.GOOD
                readings.append(Reading(self.name, kind, (told or 0.0) + 0.0, now, quality))
        for row in self._rows:
            value = blocks[row.model].number(row.point)
            share = blocks[row.times[0]].number(row.times[1]) if row.times else 1.0
            if value is None or not share:  # a rating of 0 is none
                if row.optional:
                    continue
                readings.append(Reading(self.name, row.kind, 0.0, now, Quality.INVALID))
            else:
                # "+ 0.0" turns the -0.0 of an idle inverter into 0.0
                readings.append(Reading(self.name, row.kind, row.factor * value * share + 0.0, now))
        return self._sign.righted(tuple(readings)) if self.kind is DeviceKind.METER else tuple(readings)

    def _chosen(self, models: ModelMap) -> ModelMap:
        """The models that are meant: of several meters in one device, one with what describes it."""
        if self.kind is not DeviceKind.METER:
            return models
        meters = models.counted(METERS)
        if not meters and self._number == 1:
            return models  # which ones it lacks is said by its duty
        if self._number > len(meters):
            raise DeviceFault(
                f"meter {self._number} is wanted, and the device has {len(meters)}; expected one of these"
            )
        return models.of(meters[self._number - 1])

    async def close(self) -> None:
        """Close the wire."""
        await self._registers.close()

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


class SunSpecPlant(SunSpecMeter):
    """A SunSpec device that takes setpoints as well: `Limits`.

    A PV plant takes `Mode.LIMIT` (power_w <= 0) by 704 `WMaxLimPct` or 123, a CHP `Mode.TARGET` (power_w <= 0) by 704
    `WSet`, a battery `Mode.TARGET` of either sign by 704 `WSet` or 124.

    A setpoint of somebody else that it is found with is put back by `release` and `close`, and once ours is over.
    """

    def __init__(
        self, name: str, kind: DeviceKind, registers: Registers, meter: int = 1, sign: Sign = Sign.FOUND
    ) -> None:
        super().__init__(name, kind, registers, meter, sign)
        self._foreign: ForeignSetpoint | None = None
        self._ours_until: datetime | None = None  # while a setpoint of ours may stand

    async def open(self, now: datetime) -> Nameplate:
        """As any device; what it is found with is remembered."""
        nameplate = await super().open(now)
        if self._ours_until is not None:
            return nameplate  # it was met before, and what stands may be ours
        image, duty = await self._opened(now)
        try:
            with self._named():
                self._foreign = await foreign_setpoint(image, _steering(duty))
        except DeviceError:
            self._image = None  # so that it is opened, and looked at, once more
            raise
        if self._foreign is not None:
            _log.warning("%s: found with a setpoint of somebody else, which is put back when ILES leaves", self.name)
        return nameplate

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """As any device; where a setpoint of ours is over and no other followed, what stood before is put back."""
        if self._foreign is not None and self._ours_until is not None and now >= self._ours_until:
            await self.release(now)
        return await super().measure(now)

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Write the setpoint with its expiry, enable it and read it back.

        Raises:
            ProgrammingFault: a mode or sign that the kind cannot take, or an expiry that has passed.
            DeviceUnreachable, DeviceFault: see `devices.port.limits.Limits`.
        """
        image, duty = await self._opened(now)
        steering = _steering(duty)
        self._check(setpoint, steering)
        seconds = math.ceil((valid_until - now).total_seconds())
        if seconds <= 0:
            raise ProgrammingFault(
                f"{self.name}: valid_until {valid_until.isoformat()} is not after now ({now.isoformat()})"
            )
        with self._named():
            if self._ours_until is None or now >= self._ours_until:  # what stands now is somebody else's
                self._foreign = await foreign_setpoint(image, steering) or self._foreign
            self._ours_until = valid_until
            await control.command(image, steering, 121 in duty.models, setpoint.power_w, seconds, self._foreign)

    async def release(self, now: datetime) -> None:
        """Clear the enable bit, or put back what stood before ours."""
        image, duty = await self._opened(now)
        with self._named():
            await control.release(image, _steering(duty), self._foreign)
        self._ours_until = None

    async def close(self) -> None:
        """Put back what stood before ours; else a setpoint ends by itself. Close the wire."""
        if self._foreign is not None and self._ours_until is not None:
            try:
                await self.release(self._ours_until)
            except DeviceError as error:
                _log.warning("%s: what it was found with could not be put back: %s", self.name, error)
        await super().close()

    def _check(self, setpoint: Setpoint, steering: Steering) -> None:
        mode = control.MODES[steering]
        if setpoint.mode is not mode:
            raise ProgrammingFault(f"{self.name}: mode {setpoint.mode} for kind {self.kind}; expected {mode}")
        if setpoint.power_w > 0 and (mode is Mode.LIMIT or self.kind is DeviceKind.CHP):
            raise ProgrammingFault(
                f"{self.name}: power_w {setpoint.power_w} for kind {self.kind}; expected 0 or less (generation)"
            )


class SunSpecBattery(SunSpecPlant):
    """A SunSpec battery: `Stores`, with the energy that was last measured."""

    def __init__(self, name: str, kind: DeviceKind, registers: Registers) -> None:
        super().__init__(name, kind, registers)
        self._capacity_wh = 0
        self._stored_wh: Fresh[float] | None = None

    async def open(self, now: datetime) -> Nameplate:
        """As any device; its capacity is kept."""
        nameplate = await super().open(now)
        self._capacity_wh = nameplate.capacity_wh
        return nameplate

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """As any device; the stored energy is kept."""
        readings = await super().measure(now)
        for reading in readings:
            if reading.kind is Kind.STORED_ENERGY:
                self._stored_wh = Fresh(reading.value, reading.at, _STALE_AFTER_S, reading.quality)
        return readings

    def capacity_wh(self) -> int:
        """See `devices.port.stores.Stores`."""
        return self._capacity_wh

    def stored_wh(self) -> Fresh[float] | None:
        """See `devices.port.stores.Stores`."""
        return self._stored_wh


def sunspec_port(
    name: str, kind: DeviceKind, registers: Registers, meter: int = 1, sign: Sign = Sign.FOUND
) -> SunSpecMeter:
    """The driver of a SunSpec device: it has the capabilities that the duty of its kind asks for.

    Raises:
        ProgrammingFault: the kind is not one that speaks SunSpec.
    """
    if kind not in DUTIES:
        raise ProgrammingFault(f"kind: {kind} does not speak SunSpec; expected {', '.join(DUTIES)}")
    if all(duty.capacity for duty in DUTIES[kind]):
        return SunSpecBattery(name, kind, registers)
    if all(duty.steering for duty in DUTIES[kind]):
        return SunSpecPlant(name, kind, registers)
    return SunSpecMeter(name, kind, registers, meter, sign)


def _steering(duty: Duty) -> Steering:
    if duty.steering is None:
        raise ProgrammingFault(f"the duty of models {duty.models} takes no setpoint; expected one that does")
    return duty.steering
