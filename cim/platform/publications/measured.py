"""What devices measured, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from cim.model.readings import Reading
from cim.platform.publications.base import Publication


@wire("published.ReadingsTaken")
@dataclass(frozen=True, slots=True)
class ReadingsTaken(Publication):
    """Readings of a device or meter (IEC 61968-9 MeterReading); the store keeps each as a row of its own."""

    readings: tuple[Reading, ...]


@wire("published.DeviceLost")
@dataclass(frozen=True, slots=True)
class DeviceLost(Publication):
    """A device does not answer any more."""

    device: str
    reason: str


@wire("published.DeviceBack")
@dataclass(frozen=True, slots=True)
class DeviceBack(Publication):
    """A device that was lost answers again."""

    device: str


@wire("published.CommandRefused")
@dataclass(frozen=True, slots=True)
class CommandRefused(Publication):
    """A device did not take a setpoint; it is sent again at the next control interval."""

    device: str
    reason: str


@wire("published.ReadingRefused")
@dataclass(frozen=True, slots=True)
class ReadingRefused(Publication):
    """A meter or device showed what it cannot have measured: a counter that falls, jumps or restarts. It is not counted."""

    device: str
    reason: str
