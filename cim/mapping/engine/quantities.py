"""Plain names of what sources usually hold, and the ReadingType code of each for an interval's length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cim.model.errors import BadInput
from cim.model.reading_type import ReadingType, build_reading_type, parse_reading_type


class Quantity(NamedTuple):
    """What a name stands for: IEC 61968-9's words, the unit readings are kept in, and how values are accumulated.

    Attributes:
        instant, interval: the accumulation of a value of an instant, and of an interval; None: there is none such.
    """

    kind: str
    unit: str
    flow: str
    instant: str | None
    interval: str | None


QUANTITIES: Mapping[str, Quantity] = {
    "energy_import": Quantity("energy", "Wh", "forward", None, "deltaData"),
    "energy_export": Quantity("energy", "Wh", "reverse", None, "deltaData"),
    "energy_net": Quantity("energy", "Wh", "net", None, "deltaData"),
    "counter_import": Quantity("energy", "Wh", "forward", "bulkQuantity", None),
    "counter_export": Quantity("energy", "Wh", "reverse", "bulkQuantity", None),
    "power": Quantity("power", "W", "net", "instantaneous", "indicating"),
    "reactive_power": Quantity("power", "VAr", "none", "instantaneous", "indicating"),
    "reactive_energy": Quantity("energy", "VArh", "net", None, "deltaData"),
    "voltage": Quantity("voltage", "V", "none", "instantaneous", "indicating"),
    "current": Quantity("current", "A", "none", "instantaneous", "indicating"),
    "frequency": Quantity("frequency", "Hz", "none", "instantaneous", "indicating"),
    "temperature": Quantity("temperature", "degC", "none", "indicating", "indicating"),
    "stored_energy": Quantity("energy", "Wh", "none", "indicating", None),
    "state_of_charge": Quantity("energy", "%", "none", "indicating", "indicating"),
}


def reading_type_of(text: str, interval_s: int) -> ReadingType:
    """The reading type that a mapping names: a code of 18 fields, or a name of `QUANTITIES`.

    Args:
        interval_s: of the source; 0 where its values are of instants.

    Raises:
        BadInput: neither, or there is no such value of an instant (or of an interval).
    """
    if "." in text:
        found = parse_reading_type(text)
        if interval_s and found.interval_s not in {0, interval_s}:
            raise BadInput(
                f"reading type {text} is of {found.interval_s} s, the source's intervals are of {interval_s} s"
            )
        return found
    if text not in QUANTITIES:
        raise BadInput(f"reading type {text!r} is no code of 18 fields, nor one of {', '.join(QUANTITIES)}")
    kind, unit, flow, instant, interval = QUANTITIES[text]
    accumulation = interval if interval_s else instant
    if accumulation is None and interval is None:
        return reading_type_of(text, 0)  # a counter in a table of intervals stands at the interval's begin or end
    if accumulation is None:
        raise BadInput(f"reading type {text} needs an interval; say instant.interval_s, for example 900 or 3600")
    averaged = {"aggregate": "average"} if interval_s and accumulation == "indicating" else {}
    commodity = "none" if kind == "temperature" else "electricitySecondaryMetered"
    return build_reading_type(
        kind,
        unit,
        interval_s=interval_s,
        flow_direction=flow,
        accumulation=accumulation,
        commodity=commodity,
        **averaged,
    )


def is_counter(text: str) -> bool:
    """Whether a name stands for a register that counts, whose values are of instants."""
    return text in QUANTITIES and QUANTITIES[text].interval is None
