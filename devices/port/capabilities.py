"""Which capabilities the driver of a device has, and how to ask for one."""

from __future__ import annotations

from devices.port.errors import CapabilityMissing
from devices.port.limits import Limits
from devices.port.measures import Measures
from devices.port.port import Port
from devices.port.stores import Stores
from devices.port.tells import Tells

CAPABILITIES = (Measures, Limits, Stores, Tells)


def capabilities(device: Port) -> tuple[str, ...]:
    """The names of the capabilities that a device has."""
    return tuple(capability.__name__ for capability in CAPABILITIES if isinstance(device, capability))


def limits_of(device: Port) -> Limits:
    """The device as one that takes setpoints. Raises `CapabilityMissing` when it takes none."""
    if isinstance(device, Limits):
        return device
    found = ", ".join(capabilities(device)) or "nothing"
    raise CapabilityMissing(f"{device.name}: the device takes no setpoint; expected Limits, its driver has {found}")
