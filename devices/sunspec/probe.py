"""What a SunSpec device is and can do, found without writing: every duty that it has the models for, each tried by its driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cim.model.devices import DeviceKind, Nameplate
from cim.model.fresh import Fresh
from cim.model.readings import Reading
from devices.port.capabilities import capabilities
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.stores import Stores
from devices.sunspec.driver import SunSpecMeter, sunspec_port
from devices.sunspec.duties import DUTIES, METERS
from devices.sunspec.registers import Registers
from devices.sunspec.scan import COMMON, ModelMap, scan

_TRIED = (DeviceKind.METER, DeviceKind.BATTERY, DeviceKind.PV)  # wind, CHP: the models of a PV plant, told by its site


@dataclass(frozen=True, slots=True)
class FoundDuty:
    """One duty that a device has the models for.

    Attributes:
        kind: as what it can be used.
        meter: which of its meters, from 1.
        port: the driver, opened; `fault` says why it is of no use, or is "".
        plate, readings: what it said of itself and measured; None and () where it is of no use.
        stored: what its store holds; None where it has none, or does not tell.
    """

    kind: DeviceKind
    meter: int
    port: SunSpecMeter
    plate: Nameplate | None = None
    readings: tuple[Reading, ...] = ()
    fault: str = ""

    @property
    def stored(self) -> Fresh[float] | None:
        """See `devices.port.stores.Stores`."""
        return self.port.stored_wh() if isinstance(self.port, Stores) else None

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What its driver can do."""
        return capabilities(self.port)


async def probe(name: str, registers: Registers, now: datetime) -> tuple[ModelMap, tuple[FoundDuty, ...]]:
    """The models of a device and what it can be used as.

    Raises:
        DeviceUnreachable, DeviceFault: it does not answer, or not as a SunSpec device.
    """
    models = await scan(registers)
    return models, tuple([await _tried(name, kind, meter, registers, now) for kind, meter in _wanted(models)])


def _wanted(models: ModelMap) -> Iterator[tuple[DeviceKind, int]]:
    if COMMON not in models:
        return
    for kind in _TRIED:
        if any(all(model in models for model in duty.models) for duty in DUTIES[kind]):
            count = len(models.counted(METERS)) if kind is DeviceKind.METER else 1
            yield from ((kind, number) for number in range(1, count + 1))


async def _tried(name: str, kind: DeviceKind, meter: int, registers: Registers, now: datetime) -> FoundDuty:
    port = sunspec_port(name, kind, registers, meter)
    try:
        plate = await port.open(now)
        return FoundDuty(kind, meter, port, plate, await port.measure(now))
    except DeviceUnreachable:
        raise
    except DeviceFault as fault:
        return FoundDuty(kind, meter, port, fault=str(fault))
