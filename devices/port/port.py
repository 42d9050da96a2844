"""The connection to one device, whatever protocol it speaks; all that every driver has in common."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cim.model.devices import Nameplate


class Port(Protocol):
    """The connection to one device. What else the device can do is told by the capabilities that its driver fits.

    All coroutines of a driver end within its time-out. `now` is the market's time: simulated in an experiment, the wall
    clock in a pilot. Values are in CIM terms (`cim.model`), powers by the one sign rule.
    """

    @property
    def name(self) -> str:
        """The device's name: the source of its readings and the head of every error sentence."""
        ...

    async def open(self, now: datetime) -> Nameplate:
        """Connect (or wait for the device to dial in), read what it is, and check that it can do its duty.

        Raises:
            DeviceUnreachable, DeviceFault: with one sentence naming the device, its address and what was expected.
        """
        ...

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        ...
