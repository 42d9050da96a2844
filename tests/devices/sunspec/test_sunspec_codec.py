"""Registers <-> values, against the rules of the specification and against pysunspec2's own codec."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunspec2 import mb

from devices.port.errors import DeviceFault
from devices.sunspec.block import Block
from devices.sunspec.codec import Rounding, decode_raw, encode_raw, limits, scaled, unimplemented, unscaled
from devices.sunspec.models import Point, model

_TYPES = {
    "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "uint64": 4, "acc16": 1, "acc32": 2, "acc64": 4,
    "enum16": 1, "enum32": 2, "bitfield16": 1, "bitfield32": 2, "bitfield64": 4, "sunssf": 1,
}  # fmt: skip
_SENTINELS = {
    "int16": [0x8000], "sunssf": [0x8000], "uint16": [0xFFFF], "enum16": [0xFFFF], "bitfield16": [0xFFFF],
    "int32": [0x8000, 0], "uint32": [0xFFFF, 0xFFFF], "bitfield32": [0xFFFF, 0xFFFF], "acc32": [0, 0],
    "acc64": [0, 0, 0, 0], "uint64": [0xFFFF] * 4, "int64": [0x8000, 0, 0, 0], "float32": [0x7FC0, 0],
    "string": [0, 0], "acc16": [0],
}  # fmt: skip


def _point(kind: str, size: int | None = None, *, mandatory: bool = False) -> Point:
    return Point("P", kind, 0, size or _TYPES.get(kind, 2), None, True, mandatory, "", {})


@pytest.mark.parametrize("kind", sorted(_TYPES))
@given(data=st.data())
def test_every_whole_number_of_a_type_survives_the_registers(kind: str, data: st.DataObject) -> None:
    """What is encoded is decoded as the same number, over the whole range of the type."""
    point = _point(kind, mandatory=True)
    value = data.draw(st.integers(*limits(point)))
    registers = encode_raw(point, value)
    assert len(registers) == point.size
    assert all(0 <= register <= 0xFFFF for register in registers)
    assert decode_raw(point, registers) == value


@pytest.mark.parametrize("kind", sorted(set(_TYPES) - {"bitfield64", "enum32", "sunssf"}))
@given(data=st.data())
def test_any_registers_read_as_pysunspec2_reads_them(kind: str, data: st.DataObject) -> None:
    """On any register content our decoding agrees with the reference library's, sentinels included."""
    point = _point(kind)
    registers = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=point.size, max_size=point.size))
    info = mb.point_type_info[kind]
    reference = info.data_to(struct.pack(f">{point.size}H", *registers))
    assert decode_raw(point, registers) == (reference if info.is_impl(reference) else None)


@pytest.mark.parametrize("kind", sorted(_SENTINELS))
def test_sentinels_read_as_none(kind: str) -> None:
    """A point that the device does not implement is None, never a number (facts, section 7)."""
    point = _point(kind)
    assert unimplemented(point) == _SENTINELS[kind]
    assert decode_raw(point, _SENTINELS[kind]) is None


def test_a_mandatory_counter_may_stand_at_zero() -> None:
    """A new meter's energy is 0 Wh, not "unknown"."""
    assert decode_raw(_point("acc32", mandatory=True), [0, 0]) == 0


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_survives(value: float) -> None:
    """A float32 point carries any finite single-precision number."""
    assert decode_raw(_point("float32"), encode_raw(_point("float32"), value)) == value


def test_infinite_floats_are_not_values() -> None:
    """Infinity in a register is as good as not implemented: nobody may compute with it."""
    assert decode_raw(_point("float32"), [0x7F80, 0]) is None
    assert not math.isfinite(struct.unpack(">f", bytes.fromhex("7f800000"))[0])


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=32))
def test_strings_survive(text: str) -> None:
    """Names up to the point's length come back without their padding."""
    point = _point("string", 16)
    assert decode_raw(point, encode_raw(point, text)) == (text or None)


@pytest.mark.parametrize(
    ("kind", "value"), [("int16", 32768), ("int16", -32768), ("uint16", 65535), ("uint16", -1), ("acc32", 1 << 32)]
)
def test_what_does_not_fit_is_refused_in_one_sentence(kind: str, value: int) -> None:
    """A value outside the type, or equal to its sentinel, is named with the range that was expected."""
    with pytest.raises(DeviceFault, match=rf"P: {value} does not fit {kind}; expected a whole number in"):
        encode_raw(_point(kind), value)


def test_too_long_a_string_is_refused() -> None:
    """A name is never cut silently."""
    with pytest.raises(DeviceFault, match="expected at most 4"):
        encode_raw(_point("string", 2), "abcde")


@given(st.integers(-(1 << 31), 1 << 31), st.integers(-10, 10))
def test_scaling_and_back_is_exact(raw: int, exponent: int) -> None:
    """raw * 10 ** SF, taken back with the same factor, is the raw number again."""
    assert unscaled(scaled(raw, exponent), exponent) == raw


@given(st.floats(-1e9, 1e9), st.integers(-2, 4))
def test_rounding_goes_the_way_it_says(value: float, exponent: int) -> None:
    """DOWN never exceeds the value, TOWARD_ZERO never exceeds its magnitude, NEAREST is within half a step."""
    step = 10.0**exponent
    slack = 1e-6
    assert unscaled(value, exponent, Rounding.DOWN) * step <= value + slack
    assert abs(unscaled(value, exponent, Rounding.TOWARD_ZERO) * step) <= abs(value) + slack
    assert abs(unscaled(value, exponent) * step - value) <= step / 2 + slack


def test_a_value_and_its_factor_come_from_the_same_block() -> None:
    """103 W with W_SF = 2 in the same registers is hundreds of watts."""
    block = Block(model(103), 14, [(-42) & 0xFFFF, 2])
    assert block.value("W") == -4200
    assert block.encode("W", 12_345.0) == [123]


@pytest.mark.parametrize("factor", [0x8000, 11, 0x7FFF])
def test_without_a_usable_factor_there_is_no_value(factor: int) -> None:
    """A scale factor that is not implemented or out of -10..10 makes the value unknown, and writing a clear fault."""
    block = Block(model(103), 14, [42, factor])
    assert block.value("W") is None
    with pytest.raises(DeviceFault, match="W_SF"):
        block.encode("W", 1.0)


def test_points_outside_what_was_read_are_unknown() -> None:
    """A short model (an older firmware's) gives None for the points it does not have."""
    assert Block(model(103), 14, [42, 0]).value("Hz") is None


@given(
    st.floats(-1e10, 1e10) | st.integers(-(10**7), 10**7).map(lambda k: k / 100),
    st.integers(-4, 2),
    st.sampled_from(Rounding),
)
def test_the_quick_way_to_a_register_step_is_the_decimal_one(value, exponent, rounding):
    """Every value, ties among them, becomes the step that its shortest decimal number gives."""
    slow = Decimal(str(value)).scaleb(-exponent).to_integral_value(rounding.value)
    assert unscaled(value, exponent, rounding) == int(slow)
