"""The capability to be limited or steered."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

from cim.model.devices import Setpoint


@runtime_checkable
class Limits(Protocol):
    """A device that takes setpoints, each with the instant at which the device itself drops it."""

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Write a setpoint that the device drops by itself at `valid_until`, and read it back.

        Raises:
            DeviceUnreachable, DeviceFault: it was not written, or reads back as something else.
        """
        ...

    async def release(self, now: datetime) -> None:
        """Drop any setpoint: the device runs by its own rule again.

        Raises:
            DeviceUnreachable, DeviceFault: it may still hold one, at most until that one expires.
        """
        ...
