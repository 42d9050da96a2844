"""What the actuators of an FRBC.SystemDescription can run at together, and which mode each of them is to take for a power."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from s2python.frbc import (
    FRBCActuatorDescription,
    FRBCOperationMode,
    FRBCOperationModeElement,
    FRBCSystemDescription,
)

from cim.mapping.s2 import ELECTRIC
from devices.s2.session import Refused, Status

_MOST_CHOICES = 4096  # ways to put modes together that are looked at; actuators beyond are not steered
_MOST_WORDS = 8  # ranges of power that a sentence names


@dataclass(frozen=True, slots=True)
class Steering:
    """One actuator's steerable operation mode: power runs from `low_w` (factor 0) to `high_w` (factor 1), the fill rate with it."""

    actuator: uuid.UUID
    mode: uuid.UUID
    low_w: float
    high_w: float
    fill_low: float
    fill_high: float

    @property
    def continuous(self) -> bool:
        """Whether it can run at more than one power."""
        return self.low_w != self.high_w

    @property
    def ends_w(self) -> tuple[float, float]:
        """The least and the most, W."""
        return min(self.low_w, self.high_w), max(self.low_w, self.high_w)

    @property
    def fill_per_w(self) -> float:
        """How much faster a watt more fills: below 0 where it cools."""
        if self.continuous:
            return (self.fill_high - self.fill_low) / (self.high_w - self.low_w)
        return self.fill_low / self.low_w if self.low_w else 0.0

    def fill_at(self, power_w: float) -> float:
        """The fill rate at a power that it can run at."""
        factor = self.factor(power_w) or 0.0
        return self.fill_low + factor * (self.fill_high - self.fill_low)

    def factor(self, power_w: float) -> float | None:
        """The operation mode factor for `power_w`; None when the mode cannot run at it."""
        low, high = self.ends_w
        if not low - 0.5 <= power_w <= high + 0.5:
            return None
        span = self.high_w - self.low_w
        return min(1.0, max(0.0, (power_w - self.low_w) / span)) if span else 0.0


Settable = Mapping[uuid.UUID, Sequence[Steering]]  # by actuator


def steering(description: FRBCSystemDescription, own: frozenset[uuid.UUID], fill_level: float | None) -> Steering:
    """The mode that leads: of each electric actuator's the widest, of those the one that does the most with a watt.

    What a mode can run at depends on the fill level: the element that holds at this one counts; where it is not known, the
    one with the least power.

    Args:
        own: the modes in which the device follows its own rule: one leads only where its actuator has no other.

    Raises:
        Refused: the description has no electric actuator with a usable mode.
    """
    widest = [
        max(_steered(modes, own), key=lambda mode: abs(mode.high_w - mode.low_w))
        for modes in _usable(description, fill_level).values()
    ]
    if not widest:
        text = "FRBC.SystemDescription: expected an actuator with an electric operation mode"
        raise Refused(Status.INVALID_CONTENT, text)
    return max(widest, key=lambda mode: (mode.continuous, abs(mode.fill_per_w)))


def settable(description: FRBCSystemDescription, own: frozenset[uuid.UUID], fill_level: float | None) -> Settable:
    """By actuator, the modes that it can be put into; its own rule among them where that is one power, such as off.

    A device that can heat and cool is steered in the direction of the mode that leads. Raises as `steering`.
    """
    lead, found, choices = steering(description, own, fill_level), dict[uuid.UUID, list[Steering]](), 1
    for actuator, modes in _usable(description, fill_level).items():
        steered = _steered(modes, own)
        fitting = [
            mode
            for mode in modes
            if (mode in steered or not mode.continuous) and mode.fill_per_w * lead.fill_per_w >= 0
        ]
        choices *= max(1, len(fitting))
        if fitting and (choices <= _MOST_CHOICES or actuator == lead.actuator):
            found[actuator] = fitting
    return found


def chosen(
    modes: Settable, lead: Steering, power_w: float, free: Callable[[Steering], bool]
) -> list[tuple[Steering, float]] | None:
    """The mode and the factor of each actuator, so that they draw `power_w` together and do the most with it.

    Args:
        lead: says which direction is wanted (see `steering`).
        free: whether a mode can be asked for now.

    Returns:
        None where they cannot run at that power.
    """
    best: tuple[float, float] | None = None
    found: list[tuple[Steering, float]] | None = None
    towards = math.copysign(1.0, lead.fill_per_w)
    for combined in product(*([mode for mode in ones if free(mode)] for ones in modes.values())):
        powers = _shared(combined, power_w, towards)
        if powers is None:
            continue
        gain = towards * sum(mode.fill_at(power) for mode, power in zip(combined, powers, strict=True))
        merit = (round(gain, 12), sum(abs(mode.high_w - mode.low_w) for mode in combined))
        if best is None or merit > best:
            best = merit
            found = [(mode, mode.factor(power) or 0.0) for mode, power in zip(combined, powers, strict=True)]
    return found


def power_range(modes: Settable) -> tuple[float, float]:
    """The least and the most (W) that the actuators can run at together."""
    return (
        sum(min(mode.ends_w[0] for mode in ones) for ones in modes.values()),
        sum(max(mode.ends_w[1] for mode in ones) for ones in modes.values()),
    )


def powers_in_words(modes: Settable) -> str:
    """What they can run at together, for sentences."""
    spans = {
        (sum(mode.ends_w[0] for mode in one), sum(mode.ends_w[1] for mode in one)) for one in product(*modes.values())
    }
    widest: list[tuple[float, float]] = []
    for low, high in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not widest or high > widest[-1][1]:
            widest.append((low, high))
    named = [f"{low:g}" if low == high else f"{low:g}..{high:g}" for low, high in widest]
    return " or ".join([*named[:_MOST_WORDS], *(["more"] if len(named) > _MOST_WORDS else [])]) + " W"


def unsteered(description: FRBCSystemDescription, modes: Settable) -> list[str]:
    """The electric actuators that are not among `modes`, by label or id: they follow their own rule."""
    return [
        next((mode.diagnostic_label for mode in actuator.operation_modes if mode.diagnostic_label), str(actuator.id))
        for actuator in description.actuators
        if actuator.id not in modes and actuator.id in _usable(description, None)
    ]


def _shared(modes: Sequence[Steering], power_w: float, towards: float) -> list[float] | None:
    """The power of each mode: its least, and what is left goes to those that do the most with a watt."""
    least = [mode.ends_w[0] for mode in modes]
    left = power_w - sum(least)
    if not -0.5 <= left <= sum(mode.ends_w[1] - mode.ends_w[0] for mode in modes) + 0.5:
        return None
    powers = list(least)
    for number in sorted(range(len(modes)), key=lambda number: -towards * modes[number].fill_per_w):
        low, high = modes[number].ends_w
        given = min(max(0.0, left), high - low)
        powers[number], left = low + given, left - given
    return powers


def _usable(description: FRBCSystemDescription, fill_level: float | None) -> dict[uuid.UUID, list[Steering]]:
    """By electric actuator, its modes for normal conditions."""
    found = {actuator.id: _modes(actuator, fill_level) for actuator in description.actuators}
    return {actuator: modes for actuator, modes in found.items() if modes}


def _modes(actuator: FRBCActuatorDescription, fill_level: float | None) -> list[Steering]:
    normal = [mode for mode in actuator.operation_modes if not mode.abnormal_condition_only]
    return [one for one in (_mode(actuator.id, mode, fill_level) for mode in normal) if one is not None]


def _steered(modes: Sequence[Steering], own: frozenset[uuid.UUID]) -> Sequence[Steering]:
    """Its own rule only where there is no other."""
    return [mode for mode in modes if mode.mode not in own] or modes


def _mode(actuator: uuid.UUID, mode: FRBCOperationMode, fill_level: float | None) -> Steering | None:
    if not mode.elements:
        return None
    element = _element(mode, fill_level)
    power_w = _power_w(element)
    if power_w is None:
        return None
    return Steering(actuator, mode.id, *power_w, element.fill_rate.start_of_range, element.fill_rate.end_of_range)


def _element(mode: FRBCOperationMode, fill_level: float | None) -> FRBCOperationModeElement:
    """The element that holds at a fill level; at a border, and where the level is not known, the one with less power."""
    holds = [
        element
        for element in mode.elements
        if fill_level is not None
        and element.fill_level_range.start_of_range <= fill_level <= element.fill_level_range.end_of_range
    ]
    return min(holds or mode.elements, key=lambda element: max(map(abs, _power_w(element) or (0.0, 0.0))))


def _power_w(element: FRBCOperationModeElement) -> tuple[float, float] | None:
    """Electric power (W) at the factors 0 and 1; None where it has none."""
    ranges = [r for r in element.power_ranges if r.commodity_quantity.value in ELECTRIC]
    return (sum(r.start_of_range for r in ranges), sum(r.end_of_range for r in ranges)) if ranges else None
