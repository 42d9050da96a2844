"""The capability to measure."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

from cim.model.readings import Reading


@runtime_checkable
class Measures(Protocol):
    """A device that has something to read: nearly all, but a weather service has not."""

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Its readings now, each with its quality.

        Raises:
            DeviceUnreachable, DeviceFault: nothing could be read; the caller makes an ABSENT reading of that.
        """
        ...
