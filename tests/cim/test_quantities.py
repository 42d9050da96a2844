"""Quantities with units, and the decimal point between ours and that of CIM files."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cim.model import quantities
from cim.model.errors import BadInput
from cim.model.quantities import ActivePower, Length, PerCent, Quantity, RealEnergy, Voltage

KINDS = [kind for kind in vars(quantities).values() if isinstance(kind, type) and issubclass(kind, Quantity)]
FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


@given(st.sampled_from(KINDS), FINITE)
def test_every_value_comes_back_from_a_file(kind: type[Quantity], value: float) -> None:
    """What is written with a prefix is read as exactly the same number."""
    assert kind.from_file(kind.of(value).to_file()).value == value


def test_files_write_mega_and_kilo() -> None:
    """Watts are written as megawatts, volts as kilovolts, metres as kilometres: digit by digit."""
    assert ActivePower.of(13_700).to_file() == "0.0137"
    assert Voltage.from_file("19.605385").value == 19_605.385
    assert Length.from_file("4.890000").value == 4890
    assert RealEnergy.of(100_500).to_file() == "0.1005"


def test_file_units_are_named() -> None:
    """Each kind says the unit that a file has."""
    assert (ActivePower.file_unit(), Voltage.file_unit(), PerCent.file_unit()) == ("MW", "kV", "%")


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "12 MW", "0x10", "1,5", "_", "9" * 500])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    """A text that is no finite number is refused with the unit that was expected."""
    with pytest.raises(BadInput, match="expected one in MW"):
        ActivePower.from_file(text)


def test_quantities_are_frozen_and_finite() -> None:
    """No quantity is changed after it was made, and none is made of infinity."""
    power = ActivePower.of(1)
    with pytest.raises(ValidationError):
        power.value = 2.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        ActivePower.of(math.inf)


def test_units_do_not_mix() -> None:
    """A voltage is not a power, whatever its number."""
    assert ActivePower.of(1.0) != Voltage.of(1.0)
