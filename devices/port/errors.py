"""What can go wrong at a device: every error that a driver raises on purpose is a `DeviceError`."""

from __future__ import annotations

from cim.model.errors import IlesError


class DeviceError(IlesError):
    """Base of what can go wrong at a device."""


class DeviceUnreachable(DeviceError):
    """The device does not answer (refused, timed out, not dialled in)."""


class DeviceFault(DeviceError):
    """The device answered, but with an exception, a refusal or nonsense."""


class CapabilityMissing(DeviceError):
    """The device was asked for what its kind cannot do, such as a meter for a limit. Nothing was sent to it."""
