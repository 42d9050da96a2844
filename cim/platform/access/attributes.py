"""What policies may speak of: the attributes of a row, and the classes into which a dataset's columns fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cim.model.errors import BadInput


class AttributeClass(StrEnum):
    """What a column tells about somebody; a policy's `@shows` names the classes it opens."""

    HOME = "home"
    DEVICE = "device"
    TIME = "time"
    MEASURE = "measure"
    GROUP = "group"  # what many homes share: aggregator, congestion point, kind, place
    PROVENANCE = "provenance"
    MONEY = "money"


# Attributes of a row that a policy may test; all are words. A policy that tests another is refused when it is read.
ROW_ATTRIBUTES = (
    "usage_point",
    "aggregator",
    "congestion_point",
    "kind",
    "place",
    "level",
    "reading_type",
    "quality",
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table as access sees it.

    Attributes:
        name: by which policies and audit know it.
        columns: by name, each column's class; a column that is not here never leaves.
        named: columns whose values name a home or a device, so that pseudonyms stand in for them.
        free: columns in which rows may differ and still be of one group, where a group must have many homes.
    """

    name: str
    columns: Mapping[str, AttributeClass]
    named: frozenset[str] = frozenset({"usage_point", "meter"})
    free: frozenset[str] = frozenset({"value"})

    def __post_init__(self) -> None:
        if "usage_point" not in self.columns:
            raise BadInput(
                f"dataset {self.name}: it has no column usage_point; expected one, which says whose a row is"
            )


READINGS = Dataset(
    "readings",
    MappingProxyType(
        {
            "usage_point": AttributeClass.HOME,
            "meter": AttributeClass.DEVICE,
            "level": AttributeClass.MEASURE,
            "reading_type": AttributeClass.MEASURE,
            "begin": AttributeClass.TIME,
            "duration_s": AttributeClass.TIME,
            "value": AttributeClass.MEASURE,
            "quality": AttributeClass.MEASURE,
            "aggregator": AttributeClass.GROUP,
            "congestion_point": AttributeClass.GROUP,
            "kind": AttributeClass.GROUP,
            "place": AttributeClass.GROUP,
            "recorded": AttributeClass.PROVENANCE,
            "revision": AttributeClass.PROVENANCE,
            "source": AttributeClass.PROVENANCE,
        }
    ),
)
