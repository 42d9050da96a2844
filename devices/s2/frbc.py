"""Reading an FRBC.SystemDescription: which mode is the device's own rule, which one can be steered, and how."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from s2python.frbc import FRBCOperationMode, FRBCOperationModeElement, FRBCSystemDescription, FRBCUsageForecast

from cim.mapping.s2 import ELECTRIC
from cim.model.devices import ThermalDescription, ThermalUsage
from cim.model.readings import Kind
from devices.s2.session import MOST_W, Refused, Status, expect_within

_MAX_STEPS = 10_000
_OF_A_BATTERY = ("%", "percent", "soc", "soc %", "soc [%]", "state of charge", "state of charge [%]")
_OF_A_ROOM = ("celsius", "°c", "temperature", "temperatur")  # in what labels call a fill level that is one


@dataclass(frozen=True, slots=True)
class Steering:
    """One actuator's steerable operation mode: power runs from `low_w` (factor 0) to `high_w` (factor 1)."""

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

    def factor(self, power_w: float) -> float | None:
        """The operation mode factor for `power_w`; None when the mode cannot run at it."""
        low, high = sorted((self.low_w, self.high_w))
        if not low - 0.5 <= power_w <= high + 0.5:
            return None
        span = self.high_w - self.low_w
        return min(1.0, max(0.0, (power_w - self.low_w) / span)) if span else 0.0


def steering_at(
    description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None, power_w: float
) -> Steering | None:
    """The mode of the steered actuator that can run at `power_w`, the widest of several; None where none can."""
    fitting = [mode for mode in _settable_modes(description, own_rule, fill_level) if mode.factor(power_w) is not None]
    return max(fitting, key=lambda mode: abs(mode.high_w - mode.low_w), default=None)


def power_range(
    description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None
) -> tuple[float, float]:
    """The least and the most (W) that the modes of the steered actuator can run at."""
    ends = [end for mode in _settable_modes(description, own_rule, fill_level) for end in (mode.low_w, mode.high_w)]
    return min(ends), max(ends)


def powers_in_words(description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None) -> str:
    """What the steered actuator can run at, for sentences."""
    modes = _settable_modes(description, own_rule, fill_level)
    spans = {(min(mode.low_w, mode.high_w), max(mode.low_w, mode.high_w)) for mode in modes}
    widest = [one for one in spans if not any(o != one and o[0] <= one[0] and one[1] <= o[1] for o in spans)]
    return " or ".join(f"{low:g}" if low == high else f"{low:g}..{high:g}" for low, high in sorted(widest)) + " W"


def steering(
    description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None = None
) -> Steering:
    """The widest normal mode of the first electric actuator, other than its own rule where there is another.

    What a mode can run at depends on the fill level: the element that holds at this one counts; where it is not known, the
    one with the least power.

    Raises:
        Refused: the description has no electric actuator with a usable mode.
    """
    return max(_steered_modes(description, own_rule, fill_level), key=lambda mode: abs(mode.high_w - mode.low_w))


def _steered_modes(
    description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None
) -> list[Steering]:
    """The normal modes of the first electric actuator, its own rule only where there is no other. Raises as `steering`."""
    usable = _usable_modes(description, fill_level)
    return [mode for mode in usable if mode.mode != own_rule] or usable


def _settable_modes(
    description: FRBCSystemDescription, own_rule: uuid.UUID | None, fill_level: float | None
) -> list[Steering]:
    """The same, and its own rule too where that is one power, such as off."""
    usable, steered = _usable_modes(description, fill_level), _steered_modes(description, own_rule, fill_level)
    return [mode for mode in usable if mode in steered or not mode.continuous]


def _usable_modes(description: FRBCSystemDescription, fill_level: float | None) -> list[Steering]:
    for actuator in description.actuators:
        modes = [
            _steering(actuator.id, mode, fill_level)
            for mode in actuator.operation_modes
            if not mode.abnormal_condition_only
        ]
        usable = [mode for mode in modes if mode is not None]
        if usable:
            return usable
    raise Refused(
        Status.INVALID_CONTENT, "FRBC.SystemDescription: expected an actuator with an electric operation mode"
    )


def unsteered(description: FRBCSystemDescription) -> list[str]:
    """The electric actuators behind the first, by label or id: they follow their own rule."""
    names = [
        next((mode.diagnostic_label for mode in actuator.operation_modes if mode.diagnostic_label), str(actuator.id))
        for actuator in description.actuators
        if any(_steering(actuator.id, mode, None) is not None for mode in actuator.operation_modes)
    ]
    return names[1:]


def expect_possible(description: FRBCSystemDescription) -> None:
    """Refuse a description with powers, rates or levels that nothing real has. Raises `Refused`."""
    level = description.storage.fill_level_range
    expect_within("FRBC.SystemDescription: fill level", -1e4, 1e4, level.start_of_range, level.end_of_range)
    modes = [mode for actuator in description.actuators for mode in actuator.operation_modes]
    for element in (element for mode in modes for element in mode.elements):
        rate = element.fill_rate
        expect_within("FRBC.SystemDescription: fill rate", -100, 100, rate.start_of_range, rate.end_of_range)
        for power in element.power_ranges:
            ends = (power.start_of_range, power.end_of_range)
            expect_within("FRBC.SystemDescription: power range", -MOST_W, MOST_W, *ends)


def fill_level_kind(description: FRBCSystemDescription, steered: Steering) -> Kind:
    """What the fill level is: the temperature of a room that power makes warmer, or the charge of a battery in per cent.

    Raises:
        Refused: the label or the ranges say that it is something else (its numbers would pass for degrees), or more power
            makes a room colder.
    """
    label, level = (description.storage.fill_level_label or "").strip(), description.storage.fill_level_range
    if label.casefold() in _OF_A_BATTERY:
        if level.start_of_range < 0 or level.end_of_range > 100:
            text = (
                f"FRBC.SystemDescription: a fill level in {label!r} of {level.start_of_range:g}..{level.end_of_range:g}"
            )
            raise Refused(Status.INVALID_CONTENT, f"{text}; expected 0..100")
        return Kind.STATE_OF_CHARGE
    if label and not any(word in label.casefold() for word in _OF_A_ROOM):
        text = f"FRBC.SystemDescription: the fill level is in {label!r}; expected degrees Celsius of a room, or %"
        raise Refused(Status.INVALID_CONTENT, text)
    if not label and min(steered.low_w, steered.high_w) < 0:
        text = "FRBC.SystemDescription: it gives power back, and its fill level has no label; expected a room's degrees Celsius"
        raise Refused(Status.INVALID_CONTENT, text)
    if (steered.fill_high - steered.fill_low) * (steered.high_w - steered.low_w) < 0:
        text = "FRBC.SystemDescription: more power makes it colder; expected heating, cooling is not steered"
        raise Refused(Status.INVALID_CONTENT, text)
    return Kind.TEMPERATURE


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


def _steering(actuator: uuid.UUID, mode: FRBCOperationMode, fill_level: float | None) -> Steering | None:
    if not mode.elements:
        return None
    element = _element(mode, fill_level)
    power_w = _power_w(element)
    if power_w is None:
        return None
    low, high = power_w
    return Steering(actuator, mode.id, low, high, element.fill_rate.start_of_range, element.fill_rate.end_of_range)


def own_rule_by_label(description: FRBCSystemDescription, label: str) -> uuid.UUID | None:
    """The operation mode whose diagnostic label says that it is the device's own rule."""
    for actuator in description.actuators:
        for mode in actuator.operation_modes:
            if (mode.diagnostic_label or "").casefold() == label.casefold():
                return mode.id
    return None


def thermal_description(description: FRBCSystemDescription, steered: Steering) -> ThermalDescription:
    """The description as news for the building's manager."""
    level, span = description.storage.fill_level_range, steered.high_w - steered.low_w
    low, high = sorted((steered.low_w, steered.high_w))
    return ThermalDescription(
        level.start_of_range,
        level.end_of_range,
        round(low),
        round(high),
        (steered.fill_high - steered.fill_low) / span if span else 0.0,
        description.valid_from.astimezone(UTC),
    )


def thermal_usage(forecast: FRBCUsageForecast, at: datetime) -> ThermalUsage:
    """An FRBC.UsageForecast in steps of equal length (the greatest common divisor of its own). Raises `Refused`."""
    seconds = [element.duration.root / 1000 for element in forecast.elements]
    if not seconds or any(s < 1 or s != int(s) for s in seconds):
        raise Refused(Status.INVALID_CONTENT, "FRBC.UsageForecast: expected elements of whole seconds")
    expect_within("FRBC.UsageForecast: rate", -100, 100, *(one.usage_rate_expected for one in forecast.elements))
    step_s = math.gcd(*(int(s) for s in seconds))
    if sum(seconds) / step_s > _MAX_STEPS:
        raise Refused(Status.INVALID_CONTENT, f"FRBC.UsageForecast: more than {_MAX_STEPS} steps of {step_s} s")
    rates = tuple(
        element.usage_rate_expected
        for element, length in zip(forecast.elements, seconds, strict=True)
        for _ in range(int(length) // step_s)
    )
    return ThermalUsage(forecast.start_time.astimezone(UTC), step_s, rates, at)


def whole_milliseconds(span: timedelta) -> int:
    """A span as an S2 Duration."""
    return max(1, round(span.total_seconds() * 1000))
