"""The kinds of documents, what each must look like, and how a body is checked against that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from cim.model.errors import BadInput
from cim.platform.publications.agreements import ContractAgreed, RegisteredAsset

Body: TypeAlias = dict[str, JsonValue]
Name = Annotated[str, Field(min_length=1)]


class Kind(StrEnum):
    """What a document is about; its key is unique among those of its kind."""

    ASSET = "asset"  # a flexible asset in the market's register; key: its name
    CONTRACT = "contract"  # a flexibility contract; key: its id
    CONFIGURATION = "configuration"  # how something is set up; key: what
    DATASET = "dataset"  # a series of readings: what is known of it without reading it
    USAGE_POINT = "usage_point"  # a connection, and to whom it belongs


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Configuration(_Strict):
    """How something is set up; `settings` belongs to whom it sets up."""

    about: Name
    settings: dict[str, JsonValue]


class Dataset(_Strict):
    """A series of readings.

    Attributes:
        quantity, unit: in words, from the reading type.
        first, last: begin of its first and last reading, UTC.
        good_share: of its readings, 0 to 1.
        revision: the newest of the readings table that touched it.
        owner: who may give consent for it: an agent's name.
        kind: of what is measured: a device's kind, or `connection`, or `grid`.
        place: where in the grid: a congestion point, or empty.
    """

    usage_point: Name
    meter: Name
    reading_type: Name
    quantity: str
    unit: str
    first: datetime
    last: datetime
    readings: Annotated[int, Field(ge=0)]
    good_share: Annotated[float, Field(ge=0, le=1)]
    revision: Annotated[int, Field(ge=0)]
    owner: str
    kind: str
    place: str


class Handover(_Strict):
    """Another aggregator markets a connection from an instant (UTC, a local midnight) on."""

    since: datetime
    aggregator: Name


class UsagePoint(_Strict):
    """A connection to the grid, by which policies decide whose a reading is.

    Attributes:
        usage_point: as readings name it.
        aggregator: domain or name of who markets its flexibility, before the first of `handovers`; empty if nobody does.
        congestion_point: where in the grid.
        kind: `prosumer` or `grid`.
        place: the site.
        handovers: to other aggregators, by their instants.
    """

    usage_point: Name
    aggregator: str
    congestion_point: str
    kind: str
    place: str
    handovers: tuple[Handover, ...] = ()


_CHECKS: Mapping[Kind, type] = {
    Kind.ASSET: RegisteredAsset,
    Kind.CONTRACT: ContractAgreed,
    Kind.CONFIGURATION: Configuration,
    Kind.DATASET: Dataset,
    Kind.USAGE_POINT: UsagePoint,
}


def kind_of(name: str) -> Kind:
    """A kind by its name.

    Raises:
        BadInput: there is none of this name.
    """
    try:
        return Kind(name)
    except ValueError:
        raise BadInput(f"kind of document {name!r}; expected one of {', '.join(Kind)}") from None


def checked(kind: Kind, body: Body) -> str:
    """A body as JSON text, its fields in one order.

    Raises:
        BadInput: a field is missing, unknown or of another type; the first is named.
    """
    adapter = _adapter(kind)
    known = fields_of(kind)
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise BadInput(f"{kind} document: field {unknown[0]!r} is unknown; expected {', '.join(known)}")
    try:
        found = adapter.validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "body"
        raise BadInput(f"{kind} document: {field} is {str(first['input'])[:80]!r}; {first['msg']}") from None
    return adapter.dump_json(found).decode()


def fields_of(kind: Kind) -> tuple[str, ...]:
    """The names of a kind's fields."""
    return tuple(_adapter(kind).json_schema()["properties"])


@cache
def _adapter(kind: Kind) -> TypeAdapter[object]:
    return TypeAdapter(_CHECKS[kind])
