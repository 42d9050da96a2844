"""Units that sources write, and what turns a value in them into one in a reading type's unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cim.model.errors import BadInput
from cim.model.reading_type import ReadingType, split_unit


class Unit(NamedTuple):
    """A source's unit: base value = value * factor + offset, the base being a unit of IEC 61968-9 without prefix."""

    base: str
    factor: float
    offset: float = 0.0


class Conversion(NamedTuple):
    """Value in the reading type's unit = source value * factor + offset."""

    factor: float
    offset: float


# What sources write beside the standard's own spelling (which carries its prefix: kWh, MW, mV).
OTHER_SPELLINGS: Mapping[str, Unit] = {
    "%": Unit("none", 0.01),
    "1": Unit("none", 1.0),
    "Percent": Unit("none", 0.01),  # OCPP's word
    "°C": Unit("degC", 1.0),
    "C": Unit("degC", 1.0),
    "Celsius": Unit("degC", 1.0),
    "K": Unit("degC", 1.0, -273.15),
    "degF": Unit("degC", 5 / 9, -160 / 9),
    "°F": Unit("degC", 5 / 9, -160 / 9),
    "var": Unit("VAr", 1.0),
    "kvar": Unit("VAr", 1e3),
    "Mvar": Unit("VAr", 1e6),
    "varh": Unit("VArh", 1.0),
    "kvarh": Unit("VArh", 1e3),
    "J": Unit("Wh", 1 / 3600),
    "kJ": Unit("Wh", 1 / 3.6),
    "MJ": Unit("Wh", 1 / 3.6e-3),
    "Ws": Unit("Wh", 1 / 3600),
}


def unit(text: str) -> Unit:
    """The unit that a source writes as `text`.

    Raises:
        BadInput: no unit is written so.
    """
    if text in OTHER_SPELLINGS:
        return OTHER_SPELLINGS[text]
    multiplier, number = split_unit(text)
    return Unit(ReadingType(unit=number).unit_name or "none", float(f"1e{multiplier}"))


def conversion(source: str, target: ReadingType) -> Conversion:
    """From a source's unit to that of a reading type.

    Raises:
        BadInput: they measure different things, such as kW and Wh.
    """
    found = unit(source)
    base = ReadingType(unit=target.unit).unit_name or "none"
    if found.base != base:
        raise BadInput(
            f"unit {source!r} is one of {found.base}; the reading type {target} says {target.unit_name or '%'}"
        )
    return Conversion(found.factor / target.factor, found.offset / target.factor)


def factor_to(source: str, base: str) -> float:
    """What a value in `source` is multiplied with to be in `base`, for units without an offset (kW to W: 1000).

    Raises:
        BadInput: they measure different things.
    """
    one, other = unit(source), unit(base)
    if one.base != other.base or one.offset or other.offset:
        raise BadInput(f"unit {source!r} cannot be turned into {base!r} by a factor")
    return one.factor / other.factor
