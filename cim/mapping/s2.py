"""S2 quantities to CIM readings (EN 50491-12-2, CommodityQuantity; powers are watts, positive is consumption)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from cim.model.readings import Kind, Quality, Reading

# S2 already has our sign rule: "positive numbers denote energy consumption, negative numbers production" (PowerValue).
TOTAL_POWER: Mapping[str, Kind] = {"ELECTRIC.POWER.3_PHASE_SYMMETRIC": Kind.POWER}
PHASE_POWER: Mapping[str, Kind] = {
    "ELECTRIC.POWER.L1": Kind.POWER,
    "ELECTRIC.POWER.L2": Kind.POWER,
    "ELECTRIC.POWER.L3": Kind.POWER,
}
FILL_LEVEL: Kind = Kind.TEMPERATURE  # of a heat store whose fill level is labelled a temperature, degrees Celsius
# What no building is beyond: such a number is a fault, whoever says it.
_BOUNDS: Mapping[Kind, tuple[float, float]] = {
    Kind.POWER: (-1e8, 1e8),
    Kind.TEMPERATURE: (-60.0, 100.0),
    Kind.STATE_OF_CHARGE: (0.0, 100.0),
}
ELECTRIC = (*TOTAL_POWER, *PHASE_POWER)


def power(source: str, at: datetime, values: Iterable[tuple[str, float]]) -> Reading | None:
    """Net power of a PowerMeasurement's (commodity quantity, value) pairs; None when none of them is electric.

    The symmetric three-phase value is the total and wins; otherwise the phases are summed.
    """
    pairs = list(values)
    totals = [value for quantity, value in pairs if quantity in TOTAL_POWER]
    phases = [value for quantity, value in pairs if quantity in PHASE_POWER]
    if not totals and not phases:
        return None
    return _reading(source, Kind.POWER, totals[0] if totals else sum(phases), at)


def fill_level(source: str, at: datetime, level: float, kind: Kind = FILL_LEVEL) -> Reading:
    """The present fill level of a store: of heat its room temperature, of a battery its state of charge; INVALID beyond it."""
    return _reading(source, kind, level, at)


def _reading(source: str, kind: Kind, value: float, at: datetime) -> Reading:
    low, high = _BOUNDS[kind]
    if not low <= value <= high:  # not-a-number is within no bounds
        return Reading(source, kind, 0.0, at, Quality.INVALID)
    return Reading(source, kind, value, at)
