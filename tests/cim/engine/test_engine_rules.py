"""Numbers, units and rules of values, for whatever a source may write: properties, and cases by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.mapping.engine.number_texts import numbers
from cim.mapping.engine.schema import Written
from cim.mapping.engine.units import OTHER_SPELLINGS, conversion, factor_to, unit
from cim.mapping.engine.value_rules import outside_range
from cim.model.errors import BadInput
from cim.model.reading_type import ReadingType, parse_reading_type
from cim.model.readings import Kind

# By hand, from the definitions of the units: value, in a reading type's unit.
CASES = [
    ("kWh", Kind.ENERGY_IMPORT, 1.5, 1500.0),
    ("MJ", Kind.ENERGY_IMPORT, 3.6, 1000.0),
    ("kJ", Kind.ENERGY_IMPORT, 3.6, 1.0),
    ("Ws", Kind.ENERGY_IMPORT, 7200.0, 2.0),
    ("kW", Kind.POWER, -2.5, -2500.0),
    ("MW", Kind.POWER, 0.001, 1000.0),
    ("K", Kind.TEMPERATURE, 293.15, 20.0),
    ("degF", Kind.TEMPERATURE, 212.0, 100.0),
    ("degF", Kind.TEMPERATURE, -40.0, -40.0),
    ("%", Kind.STATE_OF_CHARGE, 55.0, 55.0),
    ("1", Kind.STATE_OF_CHARGE, 0.55, 55.0),
    ("kvar", Kind.REACTIVE_POWER, 1.0, 1000.0),
]


@given(
    st.decimals(-(10**9), 10**9, places=3),
    st.sampled_from([(".", None), (",", None), (",", "."), (".", ","), (".", "'"), (",", " ")]),
)
@settings(max_examples=50, deadline=None)
def test_a_number_is_read_as_it_was_written(number: object, signs: tuple[str, str | None]) -> None:
    """With any sign for decimals and thousands that differ."""
    decimal, thousands = signs
    text = f"{number:,.3f}" if thousands else f"{number:.3f}"
    text = text.translate({ord(","): thousands or "", ord("."): decimal})
    values, none, wrong = numbers(pa.array([f" {text} "]), Written(decimal=decimal, thousands=thousands), [])
    assert (values[0], none[0], wrong[0]) == (float(str(number)), False, False)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_number_or_missing_or_wrong(texts: list[str]) -> None:
    """Never two of these, never an error, and what is no number is zero where numbers stand."""
    values, none, wrong = numbers(pa.array(texts, pa.string()), None, ["n/a", -1])
    assert not (none & wrong).any()
    assert np.isfinite(values).all()
    assert (values[none | wrong] == 0).all()


@pytest.mark.parametrize(("source", "kind", "value", "expected"), CASES)
def test_units_by_hand(source: str, kind: Kind, value: float, expected: float) -> None:
    """What a value in a source's unit is in the reading type's."""
    found = conversion(source, parse_reading_type(kind.reading_type))
    assert value * found.factor + found.offset == pytest.approx(expected)


@given(st.sampled_from(sorted(OTHER_SPELLINGS)), st.sampled_from([-3, 0, 3, 6]), st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_a_reading_types_prefix_changes_the_number_alone(text: str, multiplier: int, value: float) -> None:
    """In kWh a value is a thousandth of that in Wh, whatever the source's unit."""
    base = next(number for number in range(256) if _is(number, unit(text).base))
    plain, prefixed = (conversion(text, ReadingType(unit=base, multiplier=m)) for m in (0, multiplier))
    told = (value * prefixed.factor + prefixed.offset) * 10.0**multiplier
    assert told == pytest.approx(value * plain.factor + plain.offset, rel=1e-9, abs=1e-9)


@given(st.sampled_from(sorted(OTHER_SPELLINGS)), st.sampled_from(sorted(OTHER_SPELLINGS)))
@settings(max_examples=40, deadline=None)
def test_there_and_back_is_one_and_what_does_not_fit_is_refused(one: str, other: str) -> None:
    """A factor and its opposite undo each other; units of different things, or with an offset, have none."""
    if unit(one).base != unit(other).base or unit(one).offset or unit(other).offset:
        with pytest.raises(BadInput, match="cannot be turned into"):
            factor_to(one, other)
    else:
        assert factor_to(one, other) * factor_to(other, one) == pytest.approx(1.0)


@given(st.lists(st.floats(-10, 10), max_size=20), st.floats(-10, 10) | st.none(), st.floats(-10, 10) | st.none())
@settings(max_examples=40, deadline=None)
def test_a_range_holds_what_is_outside_of_it_alone(values: list[float], low: float | None, high: float | None) -> None:
    """Its ends are inside."""
    found = outside_range(np.array(values), low, high)
    expected = [(low is not None and one < low) or (high is not None and one > high) for one in values]
    assert found.tolist() == expected


def _is(number: int, base: str) -> bool:
    try:
        return (ReadingType(unit=number).unit_name or "none") == base
    except (BadInput, KeyError):
        return False
