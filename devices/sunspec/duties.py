"""Which SunSpec models a device of each kind needs, and what they say of its ratings."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil
from types import MappingProxyType

from cim.model.devices import DeviceKind, Nameplate
from devices.port.errors import DeviceFault
from devices.sunspec.block import Block

Wanted = tuple[int, str]
RESERVE = (124, "MinRsvPct")


class Steering(Enum):
    """By which model a device takes setpoints."""

    LIMIT_123 = (123, "WMaxLimPct_RvrtTms")
    STORAGE_124 = (124, "InOutWRte_RvrtTms")
    LIMIT_704 = (704, "WMaxLimPctRvrtTms")
    SET_704 = (704, "WSetRvrtTms")

    @property
    def reversion(self) -> Wanted:
        """The point that makes a setpoint expire in the device itself."""
        return self.value


@dataclass(frozen=True, slots=True)
class Duty:
    """One way to do a kind's duty.

    Attributes:
        models: what the device must have.
        measured: the models that readings come from.
        steering: how it takes setpoints; None for a meter.
        generation, consumption, capacity: points that give the rating, the first implemented one counts.
        measured_if_there: models that readings come from as well, where the device has them.
    """

    models: tuple[int, ...]
    measured: tuple[int, ...]
    steering: Steering | None
    generation: tuple[Wanted, ...] = ()
    consumption: tuple[Wanted, ...] = ()
    capacity: tuple[Wanted, ...] = ()
    measured_if_there: tuple[int, ...] = ()

    @property
    def rated(self) -> tuple[Wanted, ...]:
        """All points that the nameplate needs."""
        revert = (self.steering.reversion,) if self.steering else ()
        return self.generation + self.consumption + self.capacity + self.reserve + revert

    @property
    def reserve(self) -> tuple[Wanted, ...]:
        """What a store keeps back for its owner."""
        return (RESERVE,) if self.steering is Steering.STORAGE_124 else ()


_INVERTERS = (103, 102, 101, 113, 112, 111)
METERS = (203, 204, 202, 201, 213, 214, 212, 211)
_W_702 = ((702, "WMaxRtg"), (702, "WMax"))


def _home_battery(models: tuple[int, ...], measured: tuple[int, ...]) -> Duty:
    return Duty(
        models,
        measured,
        Steering.STORAGE_124,
        generation=((120, "MaxDisChaRte"), (124, "WChaMax")),
        consumption=((120, "MaxChaRte"), (124, "WChaMax")),
        capacity=((120, "WHRtg"),),
    )


def _limited(models: tuple[int, ...], measured: int, steering: Steering, *generation: Wanted) -> Duty:
    """What can be limited, and may say (122 `WAval`) what it could give without a limit."""
    return Duty(models, (measured,), steering, generation, measured_if_there=(122,))


_LIMITED = (
    _limited((701, 702, 704), 701, Steering.LIMIT_704, *_W_702),
    *(_limited((m, 120, 121, 123), m, Steering.LIMIT_123, (120, "WRtg"), (121, "WMax")) for m in _INVERTERS),
    *(_limited((m, 120, 123), m, Steering.LIMIT_123, (120, "WRtg")) for m in _INVERTERS),
)
DUTIES: Mapping[DeviceKind, tuple[Duty, ...]] = MappingProxyType(
    {
        DeviceKind.PV: _LIMITED,
        DeviceKind.WIND: _LIMITED,
        DeviceKind.BATTERY: (
            Duty(
                (701, 702, 704, 713),
                (701, 713),
                Steering.SET_704,
                generation=((702, "WDisChaRteMaxRtg"), *_W_702),
                consumption=((702, "WChaRteMaxRtg"), *_W_702),
                capacity=((713, "WHRtg"),),
            ),
            # 701 counts energy both ways; beside it 103's power and its one counter would only say the same again.
            *(_home_battery((m, 120, 124, 701), (701, 124)) for m in _INVERTERS),
            *(_home_battery((m, 120, 124), (m, 124)) for m in _INVERTERS),
        ),
        DeviceKind.CHP: (Duty((701, 702, 704), (701,), Steering.SET_704, generation=_W_702),),
        DeviceKind.METER: tuple(Duty((m,), (m,), None) for m in METERS),
    }
)


def duty_of(kind: DeviceKind, models: Container[int], found: str) -> Duty:
    """The first way of doing a kind's duty for which the device has all models: 704 before 123 and 124.

    Raises:
        DeviceFault: it has none; `found` is its models in words.
    """
    ways = DUTIES[kind]
    for duty in ways:
        if all(model_id in models for model_id in duty.models):
            return duty
    expected = " or ".join("+".join(map(str, duty.models)) for duty in ways)
    raise DeviceFault(f"the device has SunSpec models {found or 'none'}; expected 1 and {expected} for kind {kind}")


def nameplate_of(kind: DeviceKind, duty: Duty, blocks: Mapping[int, Block]) -> Nameplate:
    """What models 1 and the rating points in `blocks` say.

    Raises:
        DeviceFault: a rating that the kind's duty needs is not implemented.
    """
    common = blocks[1]
    if kind is DeviceKind.BATTERY and 124 in duty.models and blocks[124].number("WChaMax") == 0:
        raise DeviceFault("no battery: 124.WChaMax is 0; expected what it takes at most")
    reserve_pct = blocks[124].number("MinRsvPct") if duty.reserve else None
    return Nameplate(
        kind=kind,
        manufacturer=common.text("Mn"),
        model=common.text("Md"),
        serial=common.text("SN"),
        max_generation_w=_rating(duty.generation, blocks),
        max_consumption_w=_rating(duty.consumption, blocks),
        # Many inverters do not know their battery's capacity: then stored energy is not told, and all else is.
        capacity_wh=_rating(duty.capacity, blocks, needed=False),
        reserve_pct=ceil(min(max(reserve_pct or 0.0, 0.0), 100.0)),
        # A meter has nothing to revert, so nothing of it can outlive its controller either.
        reverts_by_itself=duty.steering is None or _implemented(duty.steering.reversion, blocks),
    )


def _implemented(wanted: Wanted, blocks: Mapping[int, Block]) -> bool:
    return blocks[wanted[0]].raw(wanted[1]) is not None


def _rating(points: tuple[Wanted, ...], blocks: Mapping[int, Block], *, needed: bool = True) -> int:
    for model_id, name in points:
        value = blocks[model_id].number(name)
        if value:
            return round(value)
    if points and needed:
        names = " and ".join(f"{model_id}.{name}" for model_id, name in points)
        raise DeviceFault(f"rating {names} is not implemented or 0; expected a positive rating")
    return 0
