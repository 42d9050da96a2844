"""Plain physical things, and SunSpec devices around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from cim.model.devices import DeviceKind
from devices.simulators.sunspec import device_models
from devices.simulators.sunspec.device_models import Dialect
from devices.simulators.sunspec.sunspec_device import SunSpecFace

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


@dataclass
class PlainThing:
    """Every attribute that any dialect asks for; nothing moves by itself."""

    rated_w: float = 10_000.0
    power_w: float = -4_321.5
    import_wh: float = 0.0
    export_wh: float = 12_345.67
    capacity_wh: float = 20_000.0
    stored_wh: float = 5_000.0
    limit_w: float | None = None
    target_w: float | None = None


@dataclass
class Device:
    """A face, the thing behind it, and the kind that a driver should take it for."""

    kind: DeviceKind
    thing: PlainThing
    face: SunSpecFace
    written: list[tuple[int, list[int]]] = field(default_factory=list)


_MAKERS: dict[str, tuple[DeviceKind, Callable[[PlainThing], Dialect]]] = {
    "pv_123": (DeviceKind.PV, device_models.pv_123),
    "pv_704": (DeviceKind.PV, device_models.pv_704),
    "battery_124": (DeviceKind.BATTERY, device_models.battery_124),
    "battery_704": (DeviceKind.BATTERY, device_models.battery_704),
    "chp_704": (DeviceKind.CHP, device_models.chp_704),
    "meter_203": (DeviceKind.METER, lambda thing: device_models.meter_203(thing, lambda: 231.4)),
}


@pytest.fixture
def now() -> datetime:
    """The instant at which every simulated device starts."""
    return NOW


@pytest.fixture
def make() -> Callable[..., Device]:
    """Make a simulated device: `make("pv_123", rated_w=5000.0)`."""

    def build(dialect: str, **attributes: float) -> Device:
        kind, maker = _MAKERS[dialect]
        thing = PlainThing(**attributes)
        return Device(kind, thing, SunSpecFace(maker(thing), NOW, serial=f"sn-{dialect}"))

    return build


@pytest.fixture(params=sorted(_MAKERS))
def device(request: pytest.FixtureRequest, make: Callable[..., Device]) -> Device:
    """Each dialect once."""
    return make(request.param)
