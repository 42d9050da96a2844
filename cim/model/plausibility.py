"""Which readings nothing real can show: they become INVALID, and are never used."""

from __future__ import annotations

import math
from dataclasses import replace

from cim.model.readings import Kind, Quality, Reading

_OVERLOAD, _SLACK_W = 1.2, 100.0  # of a rating, and what a small device's own consumption and rounding may add
_OVERFULL = 1.05  # of a rated capacity: a new battery may hold a little more


def judged(reading: Reading, *, rated_w: float = 0.0, capacity_wh: float = 0.0) -> Reading:
    """The reading, INVALID if nothing behind these ratings can show its value.

    Args:
        rated_w: the most that the connection or device can carry, a magnitude; 0 where nobody knows.
        capacity_wh: the same for what it stores.
    """
    if reading.quality is not Quality.GOOD or _plausible(reading.kind, reading.value, rated_w, capacity_wh):
        return reading
    return replace(reading, quality=Quality.INVALID)


def _plausible(kind: Kind, value: float, rated_w: float, capacity_wh: float) -> bool:
    if not math.isfinite(value):
        return False
    match kind:
        case Kind.POWER | Kind.REACTIVE_POWER | Kind.AVAILABLE_POWER:
            return not rated_w or abs(value) <= rated_w * _OVERLOAD + _SLACK_W
        case Kind.ENERGY_IMPORT | Kind.ENERGY_EXPORT | Kind.VOLTAGE:
            return value >= 0
        case Kind.STORED_ENERGY:
            return value >= 0 and (not capacity_wh or value <= capacity_wh * _OVERFULL)
        case Kind.STATE_OF_CHARGE:
            return 0 <= value <= 100
        case Kind.TEMPERATURE:
            return value > -273.15
