"""Registers <-> values: SunSpec's types, their "not implemented" sentinels, and scale factors.

Source: SunSpec Device Information Model Specification 1.1, section 4 (types). value = raw * 10 ** scale factor.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import Enum
from types import MappingProxyType

from devices.port.errors import DeviceFault
from devices.sunspec.models import Point

Value = int | float | str

_SIGNED = MappingProxyType({"int16": 16, "int32": 32, "int64": 64, "sunssf": 16})
_UNSIGNED = MappingProxyType(
    {"uint16": 16, "uint32": 32, "uint64": 64, "raw16": 16, "pad": 16, "count": 16}
    | {"enum16": 16, "enum32": 32, "bitfield16": 16, "bitfield32": 32, "bitfield64": 64}
)
_ACCUMULATOR = MappingProxyType({"acc16": 16, "acc32": 32, "acc64": 64})
_ADDRESS = MappingProxyType({"ipaddr": 32, "ipv6addr": 128, "eui48": 64})  # shown as a number; nobody computes with it
_FLOAT = MappingProxyType({"float32": ">f", "float64": ">d"})
EXPONENTS = range(-10, 11)  # sunssf's legal range
_STEPS = (1, 10, 100, 1000)  # register steps in a unit
_SURELY, _CLEARLY = 1e9, 1e-6  # below the one a float is off by a quarter of the other at most


class Rounding(Enum):
    """Which way a value goes that falls between two register steps."""

    NEAREST = ROUND_HALF_EVEN
    TOWARD_ZERO = ROUND_DOWN  # a setpoint: never more power, either way, than was asked
    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING


def unimplemented(point: Point) -> list[int]:
    """The registers with which a device says that it does not implement `point`."""
    if point.type in _SIGNED:
        return [0x8000] + [0] * (point.size - 1)
    if point.type in _UNSIGNED:
        # A pad is not a point one can lack; 0x8000 is what the specification puts there.
        return [0x8000] if point.type == "pad" else [0xFFFF] * point.size
    if point.type in _FLOAT:
        return [0x7FC0] + [0] * (point.size - 1) if point.type == "float32" else [0x7FF8] + [0] * (point.size - 1)
    return [0] * point.size  # accumulators, strings and addresses


def decode_raw(point: Point, registers: Sequence[int]) -> Value | None:
    """The unscaled value in `registers` (each 0..65535), or None where the sentinel stands.

    An accumulator's sentinel is 0, which is also where every honest counter starts; so 0 counts as "not implemented"
    only where the model file does not make the point mandatory.
    """
    if point.type == "string":
        text = b"".join(register.to_bytes(2, "big") for register in registers)
        return text.split(b"\0", 1)[0].decode("utf-8", errors="replace").strip() or None
    if point.type in _FLOAT:
        (value,) = struct.unpack(_FLOAT[point.type], b"".join(register.to_bytes(2, "big") for register in registers))
        return float(value) if math.isfinite(value) else None
    number = 0
    for register in registers:
        number = number << 16 | register
    if point.type in _ACCUMULATOR or point.type in _ADDRESS:
        return None if number == 0 and not point.mandatory else number
    if list(registers) == unimplemented(point):
        return None
    if point.type in _SIGNED and number >= 1 << (16 * point.size - 1):
        number -= 1 << 16 * point.size
    return number


def encode_raw(point: Point, value: Value) -> list[int]:
    """The registers that carry the unscaled `value`.

    Raises:
        DeviceFault: the value does not fit the point's type, or would read as "not implemented".
    """
    if point.type == "string":
        data = str(value).encode()
        if len(data) > 2 * point.size:
            raise DeviceFault(f"{point.name}: {value!r} has {len(data)} bytes; expected at most {2 * point.size}")
        return _registers(data.ljust(2 * point.size, b"\0"))
    if isinstance(value, str):
        raise DeviceFault(f"{point.name}: {value!r} is text; expected a number of type {point.type}")
    if point.type in _FLOAT:
        try:
            return _registers(struct.pack(_FLOAT[point.type], value))
        except OverflowError as error:
            raise DeviceFault(f"{point.name}: {value} does not fit {point.type}") from error
    low, high = limits(point)
    if value != int(value) or not low <= value <= high:
        raise DeviceFault(f"{point.name}: {value} does not fit {point.type}; expected a whole number in {low}..{high}")
    if point.size == 1:  # most points; a simulated device writes some ten of them at every instant
        return [int(value) & 0xFFFF]
    return _registers((int(value) % (1 << 16 * point.size)).to_bytes(2 * point.size, "big"))


def limits(point: Point) -> tuple[int, int]:
    """The smallest and largest unscaled value that does not collide with the sentinel."""
    bits = 16 * point.size
    if point.type in _SIGNED:
        return -(1 << (bits - 1)) + 1, (1 << (bits - 1)) - 1
    if point.type in _ACCUMULATOR or point.type in _ADDRESS:
        return 0, (1 << bits) - 1
    return 0, (1 << bits) - 2


def scaled(raw: int | float, exponent: int) -> int | float:
    """`raw * 10 ** exponent`, correctly rounded; whole numbers stay whole."""
    return raw * int(10**exponent) if exponent >= 0 else raw / int(10**-exponent)


def unscaled(value: float, exponent: int, rounding: Rounding = Rounding.NEAREST) -> int:
    """The whole register number nearest (by `rounding`) to `value / 10 ** exponent`."""
    if not value:
        return 0  # what most meters of a sunless night show
    steps = value * _STEPS[-exponent] if -len(_STEPS) < exponent <= 0 else math.inf
    if abs(steps) < _SURELY:
        # A product that lies clearly between two ties (or whole numbers) is off by far less than that: no decimals needed.
        whole = math.floor(steps)
        part = steps - whole
        if rounding is Rounding.NEAREST and abs(part - 0.5) > _CLEARLY:
            return whole + (part > 0.5)
        if rounding is Rounding.DOWN and _CLEARLY < part < 1 - _CLEARLY:
            return whole
    return int(Decimal(str(value)).scaleb(-exponent).to_integral_value(rounding.value))


def _registers(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))
