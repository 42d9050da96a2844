"""SunSpec model definitions as immutable point tables (SunSpec Device Information Model Specification 1.1).

The JSON files are package data of pysunspec2; nothing else of that package is used here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypedDict

from cim.model.errors import ProgrammingFault

HEADER = 2  # every model opens with ID and L, which L itself does not count
END_MODEL = 0xFFFF


class _SymbolFile(TypedDict):
    name: str
    value: int | str


class _PointFile(TypedDict, total=False):
    """A point in a model file; the first three keys are in each."""

    name: str
    type: str
    size: int
    sf: str | int
    access: str
    mandatory: str
    units: str
    symbols: list[_SymbolFile]


class _GroupFile(TypedDict, total=False):
    """A group in a model file; `count` names a point where it is not known before."""

    name: str
    points: list[_PointFile]
    groups: list[_GroupFile]
    count: int | str


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a model.

    Attributes:
        name: the SunSpec point name; a point of a group is `Group.Point`, of a repeating one `Group.0.Point`.
        type: the SunSpec type (`int16`, `acc32`, `sunssf`, `string`, ...).
        offset: registers from the model's ID register.
        size: registers.
        scale: name of the scale-factor point, or a constant exponent, or None.
        writable: access RW.
        mandatory: a conforming device implements it.
        units: as the model file says, "" if it does not.
        symbols: enum value or bit number by symbol name.
    """

    name: str
    type: str
    offset: int
    size: int
    scale: str | int | None
    writable: bool
    mandatory: bool
    units: str
    symbols: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)  # one object for each (ID, length), see `model`: known by identity
class Model:
    """A model definition laid out in registers; `size` counts the header, `length` (the point `L`) does not."""

    id: int
    name: str
    size: int
    points: Mapping[str, Point]

    @property
    def length(self) -> int:
        """What the model's `L` register says."""
        return self.size - HEADER

    def point(self, name: str) -> Point:
        """The point called `name`. Raises `ProgrammingFault` when the model has none."""
        found = self.points.get(name)
        if found is None:
            raise ProgrammingFault(f"SunSpec model {self.id} has no point {name!r}")
        return found


@lru_cache(maxsize=256)
def model(model_id: int, length: int | None = None) -> Model:
    """The definition of SunSpec model `model_id`, cached.

    Args:
        model_id: the number in the model's ID register.
        length: what the device's `L` says; needed only to count the instances of a repeating group
            (714's ports). Groups that repeat inside a repeating group (705's curve points) are left out:
            their layout depends on two counts, and ILES uses none of them.

    Raises:
        ProgrammingFault: no definition of this model is shipped.
    """
    source = files("sunspec2").joinpath("models", "json", f"model_{model_id}.json")
    if not source.is_file():
        raise ProgrammingFault(f"SunSpec model {model_id} has no definition in pysunspec2")
    group: _GroupFile = json.loads(source.read_text(encoding="utf-8"))["group"]
    points = list(_points(group, "", 0))
    size = sum(point.size for point in points)
    for sub in group.get("groups", ()):
        width = sum(int(point["size"]) for point in sub["points"])
        if "count" not in sub or sub["count"] == 1:
            points += _points(sub, f"{sub['name']}.", size)
            size += width
        elif not sub.get("groups"):
            known = sub["count"] if isinstance(sub["count"], int) and sub["count"] else None
            repeats = known or (0 if length is None else max(0, (length + HEADER - size) // width))
            for number in range(repeats):
                points += _points(sub, f"{sub['name']}.{number}.", size)
                size += width
    return Model(model_id, group["name"], size, MappingProxyType({point.name: point for point in points}))


def is_defined(model_id: int) -> bool:
    """Whether a definition of this model is shipped (vendor models are not)."""
    return files("sunspec2").joinpath("models", "json", f"model_{model_id}.json").is_file()


def _points(group: _GroupFile, prefix: str, offset: int) -> Iterator[Point]:
    for raw in group["points"]:
        symbols = {symbol["name"]: int(symbol["value"]) for symbol in raw.get("symbols", ())}
        yield Point(
            name=prefix + raw["name"],
            type=raw["type"],
            offset=offset,
            size=int(raw["size"]),
            scale=raw.get("sf"),
            writable=raw.get("access") == "RW",
            mandatory=raw.get("mandatory") == "M",
            units=raw.get("units") or "",
            symbols=MappingProxyType(symbols),
        )
        offset += int(raw["size"])
