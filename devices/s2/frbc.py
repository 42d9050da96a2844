"""Reading an FRBC.SystemDescription: what its store is, which modes are the device's own rule, and what is told of it."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta

from s2python.frbc import FRBCSystemDescription, FRBCUsageForecast

from cim.model.devices import ThermalDescription, ThermalUsage
from cim.model.readings import Kind
from devices.s2.actuators import Settable, Steering
from devices.s2.session import MOST_TIMER_MS, MOST_W, Refused, Status, expect_within

_MAX_STEPS = 10_000
_MOST_FORECAST_MS = 366 * 86_400_000  # nobody forecasts a year
_OF_A_BATTERY = ("%", "percent", "soc", "soc %", "soc [%]", "state of charge", "state of charge [%]")
_OF_A_ROOM = ("celsius", "°c", "temperature", "temperatur")  # in what labels call a fill level that is one


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
    lengths = (timer.duration.root for actuator in description.actuators for timer in actuator.timers)
    expect_within("FRBC.SystemDescription: timer", 0, MOST_TIMER_MS, *lengths)


def fill_level_kind(description: FRBCSystemDescription, steered: Steering) -> Kind:
    """What the fill level is: the temperature of a room that power makes warmer or colder, or a battery's charge in per cent.

    Raises:
        Refused: the label or the ranges say that it is something else (its numbers would pass for degrees).
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
    return Kind.TEMPERATURE


def own_rules_by_label(description: FRBCSystemDescription, label: str) -> dict[uuid.UUID | None, uuid.UUID]:
    """By actuator, the operation mode whose diagnostic label says that it is the device's own rule."""
    return {
        actuator.id: mode.id
        for actuator in description.actuators
        for mode in actuator.operation_modes[::-1]  # the first of several
        if (mode.diagnostic_label or "").casefold() == label.casefold()
    }


def thermal_description(description: FRBCSystemDescription, lead: Steering, modes: Settable) -> ThermalDescription:
    """The description as news for the building's manager: what the actuator that leads can do, the others at their least."""
    level = description.storage.fill_level_range
    others_w = sum(min(m.ends_w[0] for m in ones) for actuator, ones in modes.items() if actuator != lead.actuator)
    low, high = lead.ends_w
    return ThermalDescription(
        level.start_of_range,
        level.end_of_range,
        round(low + others_w),
        round(high + others_w),
        lead.fill_per_w,
        description.valid_from.astimezone(UTC),
    )


def thermal_usage(forecast: FRBCUsageForecast, at: datetime) -> ThermalUsage:
    """An FRBC.UsageForecast in steps of equal length (the greatest common divisor of its own). Raises `Refused`."""
    lengths = [element.duration.root for element in forecast.elements]
    expect_within("FRBC.UsageForecast: duration", 1, _MOST_FORECAST_MS, *lengths)
    seconds = [length / 1000 for length in lengths]
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
