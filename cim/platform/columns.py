"""Publications as rows and tables: a column for each field, lists for tuples, structs for rows within rows.

A field that a row does not have (it was written before the field came) takes the field's default.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Union

from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.publications.base import Publication

if TYPE_CHECKING:
    import pyarrow as pa

Plain = Union[str, int, float, bool, bytes, date, datetime, None, list["Plain"], dict[str, "Plain"]]  # noqa: UP007
Row = dict[str, Plain]

_known: dict[type, tuple[tuple[Field[object], object], ...]] = {}  # a class's fields with their types


def row_of(value: object) -> Row:
    """A dataclass's fields as plain values."""
    if not is_dataclass(value):
        raise ProgrammingFault(f"{type(value).__name__} is no row; expected a dataclass")
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> Plain:
    if value is None or isinstance(value, str | int | float | bytes | date):  # an instant is a date, too
        return value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return row_of(value)


def publication_of(family: type[Publication], row: Row) -> Publication:
    """The publication that a row was made of.

    Raises:
        BadInput: the row lacks a field that has no default.
    """
    made = _made(family, row)
    if not isinstance(made, Publication):
        raise ProgrammingFault(f"{family.__name__} is no publication")
    return made


def _hints(kind: type) -> tuple[tuple[Field[object], object], ...]:
    found = _known.get(kind)
    if found is None:
        hints = typing.get_type_hints(kind)
        found = _known[kind] = tuple((field, hints[field.name]) for field in fields(kind))
    return found


def _made(kind: type, row: Row) -> object:
    found: dict[str, object] = {}
    for field, hint in _hints(kind):
        if field.name in row:
            found[field.name] = _back(hint, row[field.name])
        elif field.default is MISSING:
            raise BadInput(f"{kind.__name__}: a stored row has no {field.name}; expected one, or a default for it")
    return kind(**found)


def _back(hint: object, value: Plain) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    inner = typing.get_args(hint)
    if isinstance(value, list | tuple):
        return tuple(_back(inner[0], item) for item in value)
    if isinstance(value, dict):
        (kind,) = (kind for kind in (inner or (hint,)) if isinstance(kind, type) and is_dataclass(kind))
        return _made(kind, value)
    return value


def schema_of(family: type[Publication]) -> pa.Schema:
    """The columns of a family's table: sequence (the number under which it was put), told_by (the agent), and its fields."""
    import pyarrow as pa

    own = [pa.field(field.name, _arrow(hint), nullable=_optional(hint)) for field, hint in _hints(family)]
    return pa.schema([pa.field("sequence", pa.int64(), False), pa.field("told_by", pa.string(), False), *own])


def _optional(hint: object) -> bool:
    return type(None) in typing.get_args(hint)


def _arrow(hint: object) -> pa.DataType:
    import pyarrow as pa

    simple = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        bytes: pa.binary(),
        date: pa.date32(),
        datetime: pa.timestamp("us", tz="UTC"),
    }
    if isinstance(hint, type) and hint in simple:
        return simple[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return pa.struct([pa.field(field.name, _arrow(part), _optional(part)) for field, part in _hints(hint)])
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return pa.list_(pa.field("item", _arrow(inner[0]), _optional(inner[0])))
    if isinstance(hint, types.UnionType):
        (kind,) = (kind for kind in inner if kind is not type(None))
        return _arrow(kind)
    raise ProgrammingFault(f"{hint} has no column; expected text, a number, a date, an instant, bytes, or rows of them")


def table_of(family: type[Publication], rows: Sequence[Row]) -> pa.Table:
    """Rows (with sequence and told_by) as a table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema_of(family))
