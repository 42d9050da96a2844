"""Which readings nothing real can show: they become INVALID, and are never used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from cim.model.arrays import Floats
from cim.model.readings import Kind, Quality, Reading

_OVERLOAD, _SLACK_W = 1.2, 100.0  # of a rating, and what a small device's own consumption and rounding may add
_OVERFULL = 1.05  # of a rated capacity: a new battery may hold a little more
_METER_CLASS, _DISAGREE_W = 0.02, 200.0  # of what meters show, and beside it: more they may not differ


def judged(reading: Reading, *, rated_w: float = 0.0, capacity_wh: float = 0.0) -> Reading:
    """The reading, INVALID if nothing behind these ratings can show its value.

    Args:
        rated_w: the most that the connection or device can carry, a magnitude; 0 where nobody knows.
        capacity_wh: the same for what it stores.
    """
    if reading.quality is not Quality.GOOD or _plausible(reading.kind, reading.value, rated_w, capacity_wh):
        return reading
    return replace(reading, quality=Quality.INVALID)


def beyond(values_w: Iterable[float], rated_w: float) -> float | None:
    """The first of these powers that nothing behind a rating (a magnitude; 0: unknown) can carry, or None."""
    most = rated_w * _OVERLOAD + _SLACK_W if rated_w else math.inf
    return next((value for value in values_w if not abs(value) <= most), None)


def _plausible(kind: Kind, value: float, rated_w: float, capacity_wh: float) -> bool:
    if not math.isfinite(value):
        return False
    match kind:
        case Kind.POWER | Kind.REACTIVE_POWER | Kind.AVAILABLE_POWER:
            return beyond((value,), rated_w) is None
        case Kind.ENERGY_IMPORT | Kind.ENERGY_EXPORT | Kind.VOLTAGE:
            return value >= 0
        case Kind.STORED_ENERGY:
            return value >= 0 and (not capacity_wh or value <= capacity_wh * _OVERFULL)
        case Kind.STATE_OF_CHARGE | Kind.HUMIDITY:
            return 0 <= value <= 100
        case Kind.OCCUPANCY:
            return value in (0, 1)
        case Kind.TEMPERATURE:
            return value > -273.15


def disagreeing(meter_w: Floats, elements_w: Sequence[Floats], rest_w: float) -> tuple[int, ...]:
    """The ISPs (from 1) in which a connection's meter and its elements' cannot all be right.

    What the elements leave of the connection is the base load: nobody generates it, and it is never above what it can be.

    Args:
        meter_w, elements_w: [T] mean watts.
        rest_w: the most that the base load can draw.
    """
    rest = meter_w - sum(elements_w, start=np.zeros(len(meter_w)))
    shown = np.abs(meter_w) + sum((np.abs(row) for row in elements_w), start=np.zeros(len(meter_w)))
    allowed = _DISAGREE_W + _METER_CLASS * shown
    wrong = (rest < -allowed) | (rest > rest_w * _OVERLOAD + allowed)
    return tuple(int(k) + 1 for k in np.flatnonzero(wrong))
