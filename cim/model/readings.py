"""Readings: a value, when, what it measures, and how good it is (IEC 61968-9 MeterReading, ReadingType).

Absence is a quality, not an exception; no agent raises power on a reading that is not `GOOD`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cim.model.reading_type import build_reading_type


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
    HUMIDITY = "humidity_pct"  # relative humidity of a room's air, percent
    OCCUPANCY = "occupied"  # 1: somebody is there, 0: nobody

    @property
    def reading_type(self) -> str:
        """The ReadingType code (IEC 61968-9 annex C, 18 dot-separated fields)."""
        return _CODES[self]


_READING_TYPES = {
    Kind.POWER: build_reading_type("power", "W", accumulation="instantaneous", flow_direction="net"),
    Kind.REACTIVE_POWER: build_reading_type("power", "VAr", accumulation="instantaneous"),
    Kind.ENERGY_IMPORT: build_reading_type("energy", "Wh", accumulation="bulkQuantity", flow_direction="forward"),
    Kind.ENERGY_EXPORT: build_reading_type("energy", "Wh", accumulation="bulkQuantity", flow_direction="reverse"),
    Kind.STORED_ENERGY: build_reading_type("energy", "Wh", accumulation="indicating"),
    Kind.STATE_OF_CHARGE: build_reading_type("energy", "%", accumulation="indicating"),
    Kind.TEMPERATURE: build_reading_type("temperature", "degC", accumulation="indicating", commodity="none"),
    # Net, since its sign is that of power (<= 0); the most it could be, which keeps it apart from the power itself.
    Kind.AVAILABLE_POWER: build_reading_type(
        "power", "W", aggregate="maximum", accumulation="instantaneous", flow_direction="net"
    ),
    Kind.VOLTAGE: build_reading_type("voltage", "V", accumulation="instantaneous"),
    # Annex C has no measurement kind for either: the commodity and the unit say what they are.
    Kind.HUMIDITY: build_reading_type("none", "%", accumulation="indicating", commodity="air"),
    Kind.OCCUPANCY: build_reading_type("none", "status", accumulation="indicating", commodity="none"),
}
_CODES = {kind: found.code for kind, found in _READING_TYPES.items()}


_NAMES = {kind.code: name.value for name, kind in _READING_TYPES.items()}


def name_of(code: str) -> str:
    """ILES' own name of a reading type, such as `power_w`; the code itself where it has none."""
    return _NAMES.get(code, code)


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
