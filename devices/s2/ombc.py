"""Reading an OMBC.SystemDescription: which operation mode keeps a power limit, can be reached now, and can be left again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from s2python.ombc import OMBCOperationMode, OMBCStatus, OMBCSystemDescription

from cim.mapping.s2 import ELECTRIC
from devices.s2.session import MOST_TIMER_MS, MOST_W, Refused, Status, expect_within


@dataclass(frozen=True, slots=True)
class Chosen:
    """An operation mode, the factor to run it at, and the power (W) that this is."""

    mode: uuid.UUID
    factor: float
    power_w: float


def expect_possible(description: OMBCSystemDescription) -> None:
    """Refuse a description with powers that nothing real has. Raises `Refused`."""
    for power in (power for mode in description.operation_modes for power in mode.power_ranges):
        ends = (power.start_of_range, power.end_of_range)
        expect_within("OMBC.SystemDescription: power range", -MOST_W, MOST_W, *ends)
    lengths = (timer.duration.root for timer in description.timers)
    expect_within("OMBC.SystemDescription: timer", 0, MOST_TIMER_MS, *lengths)


def active_mode(status: OMBCStatus) -> uuid.UUID | None:
    """The mode that a status names (s2-python leaves its id a text); None where it is no UUID."""
    try:
        return uuid.UUID(status.active_operation_mode_id.root)
    except ValueError:
        return None


def largest_power_w(description: OMBCSystemDescription) -> int:
    """The most that one of its normal modes draws, W; 0 where none draws anything."""
    return max(0, *(round(max(_power_w(mode) or (0.0,))) for mode in _normal(description)))


def own_rule_by_label(description: OMBCSystemDescription, label: str) -> uuid.UUID | None:
    """The mode whose diagnostic label says that it is the device's own rule."""
    named = [m for m in description.operation_modes if (m.diagnostic_label or "").casefold() == label.casefold()]
    return named[0].id if named else None


def at_most(description: OMBCSystemDescription, power_w: float, free: Callable[[uuid.UUID], bool]) -> Chosen:
    """What draws the most without drawing more than `power_w` (>= 0).

    Args:
        free: whether a mode can be reached, and left again in time.

    Raises:
        Refused: no mode fits.
    """
    found: list[Chosen] = []
    for mode in _normal(description):
        power = _power_w(mode)
        if power is None or not free(mode.id):
            continue
        chosen = _within(mode.id, *power, power_w)
        if chosen is not None:
            found.append(chosen)
    if not found:
        text = (
            f"OMBC: no operation mode of at most {power_w:g} W can be reached now and left again; expected one of "
            + (", ".join(_words(mode) for mode in _normal(description)) or "some electric mode")
        )
        raise Refused(Status.INVALID_CONTENT, text)
    return max(found, key=lambda chosen: chosen.power_w)


def _normal(description: OMBCSystemDescription) -> list[OMBCOperationMode]:
    return [mode for mode in description.operation_modes if not mode.abnormal_condition_only]


def _power_w(mode: OMBCOperationMode) -> tuple[float, float] | None:
    """Electric power (W) at the factors 0 and 1; None where it has none."""
    ranges = [r for r in mode.power_ranges if r.commodity_quantity.value in ELECTRIC]
    return (sum(r.start_of_range for r in ranges), sum(r.end_of_range for r in ranges)) if ranges else None


def _within(mode: uuid.UUID, at_0_w: float, at_1_w: float, most_w: float) -> Chosen | None:
    low, high = sorted((at_0_w, at_1_w))
    if low > most_w + 0.5:
        return None
    power = min(high, max(low, most_w))
    span = at_1_w - at_0_w
    return Chosen(mode, min(1.0, max(0.0, (power - at_0_w) / span)) if span else 0.0, power)


def _words(mode: OMBCOperationMode) -> str:
    low, high = sorted(_power_w(mode) or (0.0, 0.0))
    name = mode.diagnostic_label or str(mode.id)
    return f"{name} ({low:g} W)" if low == high else f"{name} ({low:g}..{high:g} W)"
