"""Quantities: a number in its SI unit, and the unit and prefix in which CIM files write it (IEC 61970-301, Domain).

ILES calculates in watts, volts and metres; CGMES writes megawatts, kilovolts and kilometres. The shift of the decimal
point between them is exact, in both directions.
"""

from __future__ import annotations

import math
from decimal import Decimal, DecimalException
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from cim.model.errors import BadInput
from cim.model.reading_codes import MULTIPLIERS


class Quantity(BaseModel):
    """A finite number with a unit; `value` is in `unit` without prefix, a file writes it times 10^-`file_power`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    unit: ClassVar[str] = ""
    file_power: ClassVar[int] = 0

    @classmethod
    def of(cls, value: float) -> Self:
        """`value` in the unit without prefix."""
        return cls(value=value)

    @classmethod
    def from_file(cls, text: str) -> Self:
        """The quantity that a CIM file writes as `text`.

        Raises:
            BadInput: it is not a finite number.
        """
        try:
            number = float(Decimal(text.strip()).scaleb(cls.file_power))
        except (DecimalException, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise BadInput(f"{cls.__name__}: {text[:40]!r} is no number; expected one in {cls.file_unit()}")
        return cls(value=number)

    def to_file(self) -> str:
        """As a CIM file writes it."""
        return format(Decimal(repr(self.value)).scaleb(-self.file_power).normalize(), "f")

    @classmethod
    def file_unit(cls) -> str:
        """The unit with the prefix that files use, for example `MW`."""
        return MULTIPLIERS[cls.file_power] + cls.unit or "1"


class ActivePower(Quantity):
    """Watts; megawatts in files."""

    unit, file_power = "W", 6


class ReactivePower(Quantity):
    """Vars; megavars in files."""

    unit, file_power = "VAr", 6


class ApparentPower(Quantity):
    """Volt-amperes; megavolt-amperes in files."""

    unit, file_power = "VA", 6


class RealEnergy(Quantity):
    """Watt-hours; megawatt-hours in files."""

    unit, file_power = "Wh", 6


class Voltage(Quantity):
    """Volts; kilovolts in files."""

    unit, file_power = "V", 3


class Length(Quantity):
    """Metres; kilometres in files."""

    unit, file_power = "m", 3


class CurrentFlow(Quantity):
    """Amperes."""

    unit = "A"


class Resistance(Quantity):
    """Ohms."""

    unit = "ohm"


class Reactance(Quantity):
    """Ohms at the rated frequency."""

    unit = "ohm"


class Conductance(Quantity):
    """Siemens."""

    unit = "S"


class Susceptance(Quantity):
    """Siemens at the rated frequency."""

    unit = "S"


class AngleDegrees(Quantity):
    """Degrees."""

    unit = "deg"


class PerCent(Quantity):
    """Hundredths."""

    unit = "%"


class Seconds(Quantity):
    """Seconds."""

    unit = "s"
