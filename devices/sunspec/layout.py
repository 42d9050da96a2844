"""All points of a run of registers at once: one compiled `struct` for each model and run, made when it is first read.

The same answers as `Block.value`, point by point; for who decodes whole devices again and again.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from devices.sunspec.codec import EXPONENTS, Value, decode_raw
from devices.sunspec.models import Model, Point

# A type's format, how many registers that is, and the number that stands for "not implemented" (codec.unimplemented).
_NUMBERS: Mapping[str, tuple[str, int, int]] = MappingProxyType(
    {"int16": ("h", 1, -(1 << 15)), "sunssf": ("h", 1, -(1 << 15)), "int32": ("i", 2, -(1 << 31))}
    | {"int64": ("q", 4, -(1 << 63)), "pad": ("H", 1, 0x8000)}
    | dict.fromkeys(("uint16", "raw16", "count", "enum16", "bitfield16"), ("H", 1, 0xFFFF))
    | dict.fromkeys(("uint32", "enum32", "bitfield32"), ("I", 2, 0xFFFFFFFF))
    | dict.fromkeys(("uint64", "bitfield64"), ("Q", 4, (1 << 64) - 1))
)
_COUNTERS = MappingProxyType({"acc16": ("H", 1), "acc32": ("I", 2), "acc64": ("Q", 4), "ipaddr": ("I", 2)})
_FLOATS = MappingProxyType({"float32": ("f", 2), "float64": ("d", 4)})
_UP = tuple(int(10**exponent) for exponent in range(EXPONENTS.stop))

_Row = tuple[str, int, int | None]  # a point's name, its place in what the struct gives, the number that means "none"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the registers of a run become values.

    Attributes:
        numbers: the compiled format; it passes over what is not a number.
        whole: whole numbers by where their exponent comes from: a place in what `numbers` gives, or a constant.
        floats: the same of floats; not finite is "not implemented".
        others: strings, and addresses wider than 64 bits.
        nothing: None for every point of the run; it stays so where the scale factor lies outside.
    """

    numbers: struct.Struct
    whole: tuple[tuple[int | None, int, tuple[_Row, ...]], ...]
    floats: tuple[tuple[int | None, int, tuple[_Row, ...]], ...]
    others: tuple[tuple[Point, int], ...]
    nothing: dict[str, Value | None]

    def values(self, registers: Sequence[int]) -> dict[str, Value | None]:
        """The value of each point that lies in the run, in the model file's unit; None where it, or its scale factor, is
        not implemented. `registers` (each 0..65535) are as many as the layout was made for.
        """
        raw = self.numbers.unpack(struct.pack(f">{len(registers)}H", *registers))
        found = self.nothing.copy()
        for place, constant, rows in self.whole:
            exponent = constant if place is None else raw[place]
            if exponent not in EXPONENTS:
                continue
            if exponent >= 0:
                factor = _UP[exponent]
                for name, at, none in rows:
                    if raw[at] != none:
                        found[name] = raw[at] * factor
            else:
                divisor = _UP[-exponent]
                for name, at, none in rows:
                    if raw[at] != none:
                        found[name] = raw[at] / divisor
        for place, constant, rows in self.floats:
            exponent = constant if place is None else raw[place]
            for name, at, _ in rows:
                if exponent in EXPONENTS and math.isfinite(raw[at]):
                    found[name] = _scaled(raw[at], exponent)
        for point, begin in self.others:
            found[point.name] = decode_raw(point, registers[begin : begin + point.size])
        return found


@lru_cache(maxsize=1024)
def layout(model: Model, start: int, count: int) -> Layout:
    """The layout of `count` registers from a model's offset `start` on; points that are cut off are left out."""
    points = sorted(
        (p for p in model.points.values() if p.offset >= start and p.offset + p.size <= start + count),
        key=lambda point: point.offset,
    )
    places: dict[str, int] = {}
    text, others, at = ">", list[tuple[Point, int]](), start
    for point in points:
        code = _format(point)
        if code is None:
            others.append((point, point.offset - start))
            continue
        text += f"{2 * (point.offset - at)}x{code}"
        at = point.offset + point.size
        places[point.name] = len(places)
    groups: dict[tuple[bool, int | None, int], list[_Row]] = {}
    for point in points:
        if point.name not in places:
            continue
        if isinstance(point.scale, str) and point.scale not in places:
            continue
        scale = (places[point.scale], 0) if isinstance(point.scale, str) else (None, point.scale or 0)
        groups.setdefault((point.type in _FLOATS, *scale), []).append((point.name, places[point.name], _none(point)))
    found = [(key, tuple(rows)) for key, rows in groups.items()]
    return Layout(
        numbers=struct.Struct(f"{text}{2 * (start + count - at)}x"),
        whole=tuple((place, constant, rows) for (is_float, place, constant), rows in found if not is_float),
        floats=tuple((place, constant, rows) for (is_float, place, constant), rows in found if is_float),
        others=tuple(others),
        nothing={point.name: None for point in points},
    )


def _format(point: Point) -> str | None:
    """The struct format of a number as wide as its type says; None for all else."""
    known = (_NUMBERS.get(point.type) or _COUNTERS.get(point.type) or _FLOATS.get(point.type) or ("", 0))[:2]
    return known[0] if known[1] == point.size else None


def _none(point: Point) -> int | None:
    if point.type in _COUNTERS:
        return None if point.mandatory else 0  # where every honest counter starts, see `decode_raw`
    return _NUMBERS[point.type][2] if point.type in _NUMBERS else None


def _scaled(raw: float, exponent: int) -> float:
    return raw * _UP[exponent] if exponent >= 0 else raw / _UP[-exponent]
