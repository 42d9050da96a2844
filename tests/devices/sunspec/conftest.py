"""Plain physical units, and SunSpec devices around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from cim.model.devices import DeviceKind
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.device_models import DeviceModel
from devices.simulators.sunspec.sunspec_device import SunSpecDevice

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


@dataclass
class PlainThing:
    """Every attribute that any device_model asks for; nothing moves by itself."""

    rated_w: float = 10_000.0
    power_w: float = -4_321.5
    reactive_var: float = 654.5
    import_wh: float = 0.0
    export_wh: float = 12_345.67
    capacity_wh: float = 20_000.0
    stored_wh: float = 5_000.0
    limit_w: float | None = None
    target_w: float | None = None
    available_w: float = -6_543.2


@dataclass
class Device:
    """A sunspec_device, the unit behind it, and the kind that a driver should take it for."""

    kind: DeviceKind
    unit: PlainThing
    sunspec_device: SunSpecDevice
    written: list[tuple[int, list[int]]] = field(default_factory=list)


_MAKERS: dict[str, tuple[DeviceKind, Callable[[PlainThing], DeviceModel]]] = {
    "pv_123": (DeviceKind.PV, device_models.pv_123),
    "pv_704": (DeviceKind.PV, device_models.generator_704),
    "wind_704": (DeviceKind.WIND, device_models.generator_704),
    "battery_124": (DeviceKind.BATTERY, device_models.battery_124),
    "battery_704": (DeviceKind.BATTERY, device_models.battery_704),
    "chp_704": (DeviceKind.CHP, device_models.chp_704),
    "meter_203": (DeviceKind.METER, lambda unit: device_models.meter_203(unit, lambda: 231.4)),
}


@pytest.fixture
def now() -> datetime:
    """The instant at which every simulated device starts."""
    return NOW


@pytest.fixture
def make() -> Callable[..., Device]:
    """Make a simulated device: `make("pv_123", rated_w=5000.0)`."""

    def build(device_model: str, **attributes: float) -> Device:
        kind, maker = _MAKERS[device_model]
        unit = PlainThing(**attributes)
        return Device(kind, unit, SunSpecDevice(maker(unit), NOW, serial=f"sn-{device_model}"))

    return build


@pytest.fixture(params=sorted(_MAKERS))
def device(request: pytest.FixtureRequest, make: Callable[..., Device]) -> Device:
    """Each device_model once."""
    return make(request.param)
