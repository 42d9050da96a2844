"""Which attributes a class of the model has in a file: its IEC names and kinds, from the class itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from functools import lru_cache
from types import ModuleType
from typing import get_args, get_origin, get_type_hints

from pydantic import BaseModel

from cim.model import generation, topology, wires
from cim.model.der import EndDeviceGroup
from cim.model.identified import CimValue, Refers
from cim.model.metering import EndDevice, Meter, UsagePoint
from cim.model.quantities import Quantity

_ABSTRACT = {
    topology.ConnectivityNodeContainer,
    topology.EquipmentContainer,
    topology.ACDCTerminal,
    topology.Equipment,
    topology.ConductingEquipment,
    wires.Conductor,
    wires.TransformerEnd,
    wires.TapChanger,
    wires.RegulatingCondEq,
    wires.OperationalLimit,
    generation.PowerElectronicsUnit,
    generation.RotatingMachine,
}


def _classes(*modules: ModuleType) -> Iterator[type[CimValue]]:
    """The classes that these modules define, but for those that only others derive from."""
    for module in modules:
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, CimValue) and kind not in _ABSTRACT:
                yield kind


# What may stand in a file: the grid's classes that are not abstract, and those of metering that have an identity.
CLASSES: dict[str, type[CimValue]] = {kind.__name__: kind for kind in _classes(topology, wires, generation)}
CLASSES |= {kind.__name__: kind for kind in (UsagePoint, EndDevice, Meter, EndDeviceGroup)}


class Shape(Enum):
    """How an attribute stands in a file."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "true or false"
    INSTANT = "instant"
    QUANTITY = "quantity"
    CHOICE = "choice"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: `field` in Python, `path` (`Class.attribute`) in the file.

    Attributes:
        quantity, choice: the class where the shape is QUANTITY or CHOICE.
        many: it may stand several times.
    """

    field: str
    path: str
    shape: Shape
    quantity: type[Quantity] | None = None
    choice: type[StrEnum] | None = None
    many: bool = False

    @property
    def local(self) -> str:
        """The name without its class: files of some tools say `Terminal.sequenceNumber` for `ACDCTerminal.`..."""
        return self.path.rpartition(".")[2]


_SHAPES = {str: Shape.TEXT, int: Shape.WHOLE, float: Shape.NUMBER, bool: Shape.FLAG, datetime: Shape.INSTANT}


@lru_cache(maxsize=256)
def attributes(kind: type[CimValue]) -> tuple[Attribute, ...]:
    """The attributes of `kind` that a file carries, those of its bases first; whole objects within it are left out."""
    found = []
    for base in reversed(kind.__mro__):
        if base is BaseModel or not issubclass(base, BaseModel):
            continue
        hints = get_type_hints(base, include_extras=True)
        for field in base.__annotations__:
            if field in kind.model_fields and field != "m_rid":
                known = _attribute(base.__name__, field, hints[field])
                found += [known] if known else []
    return tuple(found)


def _attribute(owner: str, field: str, hint: object) -> Attribute | None:
    """None for what is no attribute in a file."""
    leaves = list(_leaves(hint))
    many = get_origin(hint) is tuple
    if any(isinstance(leaf, Refers) for leaf in leaves):
        return Attribute(field, f"{owner}.{_pascal(field)}", Shape.REFERENCE, many=many)
    path = f"{owner}.{_camel(field)}"
    for leaf in leaves:
        if isinstance(leaf, type):
            if issubclass(leaf, Quantity):
                return Attribute(field, path, Shape.QUANTITY, quantity=leaf)
            if issubclass(leaf, StrEnum):
                return Attribute(field, path, Shape.CHOICE, choice=leaf)
            if leaf in _SHAPES:
                return Attribute(field, path, _SHAPES[leaf])
    return None


def _leaves(hint: object) -> list[object]:
    """The types and marks within a hint: `Annotated[str, Refers()] | None` -> str, Refers(), NoneType."""
    inner = get_args(hint)
    return [leaf for part in inner for leaf in _leaves(part)] if inner else [hint]


def _camel(field: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), field)


def _pascal(field: str) -> str:
    return field[0].upper() + _camel(field)[1:]
