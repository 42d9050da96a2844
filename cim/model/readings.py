"""Readings: a value, when, what it measures, and how good it is (IEC 61968-9 MeterReading, ReadingType).

Absence is a quality, not an exception; no agent raises power on a reading that is not `GOOD`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Quality(StrEnum):
    """How far a reading can be trusted."""

    GOOD = "GOOD"
    STALE = "STALE"
    ABSENT = "ABSENT"
    INVALID = "INVALID"


class Kind(StrEnum):
    """What a reading measures; `reading_type` gives its 18-field CIM code."""

    POWER = "power_w"  # net active power, watts, + = consumption
    REACTIVE_POWER = "reactive_var"  # net reactive power, vars, + = inductive consumption
    ENERGY_IMPORT = "energy_import_wh"  # counter, watt-hours taken from the grid side
    ENERGY_EXPORT = "energy_export_wh"  # counter, watt-hours given to the grid side
    STORED_ENERGY = "stored_wh"  # energy in a store now
    STATE_OF_CHARGE = "soc_pct"  # percent of usable capacity
    TEMPERATURE = "temperature_c"  # degrees Celsius
    AVAILABLE_POWER = "available_w"  # what the plant could generate now if not limited, <= 0
    VOLTAGE = "voltage_v"

    @property
    def reading_type(self) -> str:
        """The ReadingType code (IEC 61968-9 annex C, 18 dot-separated fields)."""
        return _READING_TYPES[self]


_READING_TYPES = {
    Kind.POWER: "0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.0.38.0",
    Kind.REACTIVE_POWER: "0.0.0.12.0.1.37.0.0.0.0.0.0.0.0.0.63.0",
    Kind.ENERGY_IMPORT: "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0",
    Kind.ENERGY_EXPORT: "0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.0.72.0",
    Kind.STORED_ENERGY: "0.0.0.6.0.1.12.0.0.0.0.0.0.0.0.0.72.0",
    Kind.STATE_OF_CHARGE: "0.0.0.6.0.1.12.0.0.0.0.0.0.0.0.0.25.0",
    Kind.TEMPERATURE: "0.0.0.6.0.0.46.0.0.0.0.0.0.0.0.0.23.0",
    Kind.AVAILABLE_POWER: "0.0.0.12.19.1.37.0.0.0.0.0.0.0.0.0.38.0",
    Kind.VOLTAGE: "0.0.0.12.0.1.54.0.0.0.0.0.0.0.0.0.29.0",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value of a device or usage point.

    Attributes:
        source: name of the device (CIM EndDevice or Meter) that measured.
        kind: what it measures, with its unit and sign.
        value: the value in the unit of `kind`; 0 when absent.
        at: when, UTC.
        quality: how far to trust it.
    """

    source: str
    kind: Kind
    value: float
    at: datetime
    quality: Quality = Quality.GOOD
