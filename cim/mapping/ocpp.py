"""OCPP sampled values to CIM readings (2.0.1 and 2.1 part 2, SampledValueType, MeasurandEnumType; 1.6, 7.31 and 7.43).

The versions name measurands, phases, locations and units alike; what differs in writing is the driver's business.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from cim.mapping.engine.units import factor_to
from cim.model.readings import Kind, Quality, Reading

# measurand: (what it is, +1 towards the prosumer or -1 towards the grid)
MEASURANDS: Mapping[str, tuple[Kind, int]] = {
    "Power.Active.Import": (Kind.POWER, 1),
    "Power.Active.Export": (Kind.POWER, -1),
    "Energy.Active.Import.Register": (Kind.ENERGY_IMPORT, 1),
    "Energy.Active.Export.Register": (Kind.ENERGY_EXPORT, 1),  # a counter of its own: the direction is in its kind
    "SoC": (Kind.STATE_OF_CHARGE, 1),
    "Voltage": (Kind.VOLTAGE, 1),
}
DEFAULT_MEASURAND = "Energy.Active.Import.Register"  # part 2, 2.48: when the station names none

DEFAULT_CONTEXT, AT_BEGIN = "Sample.Periodic", "Transaction.Begin"  # part 2, ReadingContextEnumType
DEFAULT_LOCATION, _GRID_SIDE = (
    "Outlet",
    "Inlet",
)  # part 2, LocationEnumType: what goes to the vehicle, and what is taken

# kind: unit -> factor to the unit of the kind; a unit not listed is not that quantity
UNITS: Mapping[Kind, Mapping[str, float]] = {
    Kind.POWER: {name: factor_to(name, "W") for name in ("W", "kW")},
    Kind.ENERGY_IMPORT: {name: factor_to(name, "Wh") for name in ("Wh", "kWh")},
    Kind.ENERGY_EXPORT: {name: factor_to(name, "Wh") for name in ("Wh", "kWh")},
    Kind.STATE_OF_CHARGE: {"Percent": factor_to("Percent", "%")},
    Kind.VOLTAGE: {"V": factor_to("V", "V")},
}
# What a sample without unitOfMeasure means. The standard's default is Wh, which only energy can be; for the other
# measurands the SI unit of the measurand is what stations mean.
DEFAULT_UNIT: Mapping[Kind, str] = {
    Kind.POWER: "W",
    Kind.ENERGY_IMPORT: "Wh",
    Kind.ENERGY_EXPORT: "Wh",
    Kind.STATE_OF_CHARGE: "Percent",
    Kind.VOLTAGE: "V",
}
PHASES = ("L1", "L2", "L3", "L1-N", "L2-N", "L3-N")  # line-to-line samples say nothing about a total
NOMINAL_V = 230.0  # EN 50160, between a phase and neutral
_ADDITIVE = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)


class SampledValue(NamedTuple):
    """One SampledValueType; what the station left out has the standard's default, or None.

    Attributes:
        value: in `unit` times ten to the power of `multiplier`.
    """

    value: float
    measurand: str = DEFAULT_MEASURAND
    phase: str | None = None
    unit: str | None = None
    multiplier: int = 0
    location: str = DEFAULT_LOCATION
    context: str = DEFAULT_CONTEXT


def readings(source: str, at: datetime, samples: Iterable[SampledValue]) -> tuple[Reading, ...]:
    """One CIM reading for each kind in a MeterValue's `sampledValue` list, in the order of `Kind`.

    A sample without a phase is the total and wins over samples by phase; without one, power and energy are summed over
    the phases and voltage is the mean of those that have one (with one-phase charging the others say 0 V). The vehicle's
    side (Outlet, the default) counts, the grid's (Inlet) only where that says nothing of a measurand; the vehicle itself
    tells its state of charge. A unit that does not fit the measurand makes the reading INVALID. Where no power is sampled,
    it is made of the currents by phase.
    """
    samples = _with_power(_where_it_counts(samples))
    totals: dict[str, float] = {}
    by_phase: dict[str, dict[str, float]] = {}
    for sample in samples:
        if sample.measurand not in MEASURANDS:
            continue
        kind, sign = MEASURANDS[sample.measurand]
        value = sign * _in_unit_of(kind, sample)
        if sample.phase is None:
            totals[sample.measurand] = value
        elif sample.phase in PHASES:
            by_phase.setdefault(sample.measurand, {})[sample.phase] = value
    for measurand, phases in by_phase.items():
        whole = sum(phases.values())
        additive = MEASURANDS[measurand][0] in _ADDITIVE
        live = sum(value != 0 for value in phases.values())
        totals.setdefault(measurand, whole if additive else whole / max(live, 1))
    net: dict[Kind, float] = {}
    for measurand, value in totals.items():  # import and export power of one meter make one net power
        kind = MEASURANDS[measurand][0]
        net[kind] = net.get(kind, 0.0) + value
    return tuple(_reading(source, kind, net[kind], at) for kind in Kind if kind in net)


def _where_it_counts(samples: Iterable[SampledValue]) -> list[SampledValue]:
    """Of each measurand the samples of one place."""
    given = list(samples)
    outlet = {sample.measurand for sample in given if sample.location == DEFAULT_LOCATION}
    return [
        sample
        for sample in given
        if sample.location == DEFAULT_LOCATION
        or sample.measurand == "SoC"
        or (sample.location == _GRID_SIDE and sample.measurand not in outlet)
    ]


def _with_power(samples: list[SampledValue]) -> list[SampledValue]:
    """The samples, with active power as current times voltage of each phase where the station meters only those.

    A power factor of 1 is assumed, as vehicles' chargers have it, and the nominal voltage where a phase has none. A
    current without a phase says nothing: it may be one phase's, or the sum.
    """
    currents: dict[str, float] = {}
    for sample in samples:
        if sample.measurand.startswith("Power.Active."):
            return samples
        if sample.measurand == "Current.Import" and sample.phase in PHASES and sample.unit in (None, "A"):
            currents[sample.phase[:2]] = _scaled(sample)
    if not currents:
        return samples
    volts = {
        s.phase[:2]: _in_unit_of(Kind.VOLTAGE, s) for s in samples if s.measurand == "Voltage" and s.phase in PHASES
    }
    power_w = sum(current * volts.get(phase, NOMINAL_V) for phase, current in currents.items())
    return [*samples, SampledValue(power_w, "Power.Active.Import")]


def _in_unit_of(kind: Kind, sample: SampledValue) -> float:
    factor = UNITS[kind].get(DEFAULT_UNIT[kind] if sample.unit is None else sample.unit, math.nan)
    return _scaled(sample) * factor


def _scaled(sample: SampledValue) -> float:
    value, multiplier = sample.value, sample.multiplier
    # JSON numbers have no bound: what no meter can mean becomes NaN, and so an INVALID reading.
    return value * 10.0**multiplier if abs(multiplier) <= 12 and abs(value) < 1e15 else math.nan


def _reading(source: str, kind: Kind, value: float, at: datetime) -> Reading:
    if not math.isfinite(value):
        return Reading(source, kind, 0.0, at, Quality.INVALID)
    return Reading(source, kind, value, at)
