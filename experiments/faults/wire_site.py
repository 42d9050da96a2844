"""A small site for bad days on the wire: one simulated SunSpec device of each model that takes setpoints, no socket."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from agents.roles.device_agent import LIFE_IN_INTERVALS
from cim.model.devices import DeviceKind, Mode, Setpoint
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.sunspec_device import SunSpecDevice
from market.rules import Control, MarketRules

RULES = MarketRules("UTC", 15, "EUR", 60, date(2026, 5, 20), 1, Control.MARKET, {}, {}, "wire")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
LIFE = LIFE_IN_INTERVALS * RULES.interval


@dataclass
class Unit:
    """A plant or a battery that does at once what it is told; left alone, a plant gives all it has, a battery rests."""

    generates: bool
    rated_w: float = 8000.0
    available_w: float = -7000.0
    import_wh: float = 0.0
    export_wh: float = 1000.0
    capacity_wh: float = 20_000.0
    stored_wh: float = 10_000.0
    limit_w: float | None = None
    target_w: float | None = None

    @property
    def own_w(self) -> float:
        """What it does by its own rule."""
        return self.available_w if self.generates else 0.0

    @property
    def power_w(self) -> float:
        """What it does now, watts, + = consumption."""
        if self.target_w is not None:
            return self.target_w
        return self.own_w if self.limit_w is None else max(self.own_w, self.limit_w)

    @property
    def told_w(self) -> float | None:
        """What it is told and has not yet dropped."""
        return self.limit_w if self.target_w is None else self.target_w


_KINDS = (
    ("pv-123", DeviceKind.PV, device_models.pv_123, True),
    ("pv-704", DeviceKind.PV, device_models.generator_704, True),
    ("battery-124", DeviceKind.BATTERY, device_models.battery_124, False),
    ("battery-704", DeviceKind.BATTERY, device_models.battery_704, False),
    ("chp-704", DeviceKind.CHP, device_models.chp_704, False),
)


@dataclass
class Site:
    """One device of each model, all at the same instant."""

    units: dict[str, Unit] = field(default_factory=dict)
    devices: dict[str, SunSpecDevice] = field(default_factory=dict)
    kinds: dict[str, DeviceKind] = field(default_factory=dict)

    @classmethod
    def made(cls, now: datetime) -> Site:
        """All devices, as they are at `now`."""
        site = cls()
        for name, kind, shown, generates in _KINDS:
            unit = Unit(generates)
            model: DeviceModel = shown(unit)
            site.units[name], site.kinds[name] = unit, kind
            site.devices[name] = SunSpecDevice(model, now, serial=name)
        return site

    def advance(self, now: datetime) -> None:
        """It is `now` for all of them."""
        for device in self.devices.values():
            device.advance(now)


def drawn(kind: DeviceKind, rng: random.Random) -> Setpoint:
    """Some setpoint that a device of this kind can be given."""
    if kind is DeviceKind.PV:
        return Setpoint(Mode.LIMIT, -rng.randint(0, 8000))
    return Setpoint(Mode.TARGET, -rng.randint(0, 8000) if kind is DeviceKind.CHP else rng.randint(-8000, 8000))
