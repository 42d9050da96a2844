"""Encoded values outlive the program that wrote them: their dataclasses' fields, by name, so that another one reads them.

`encode` writes a dataclass's fields by position. Where bytes are kept for a later program, the names of the fields
are kept beside them: a field that is gone is passed over, a new one takes its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from cim.codec import codec
from cim.model.errors import BadInput

Layouts = tuple[tuple[str, tuple[str, ...]], ...]


def layouts_of(data: bytes) -> Layouts:
    """(tag, names of its fields in order) of every dataclass that occurs in what `encode` gave, by tag."""
    tags: set[str] = set()

    def note(code: int, inner: bytes) -> None:
        if code == codec.OBJECT:
            tags.add(fields(inner)[0])

    def fields(inner: bytes) -> tuple[str, ...]:
        found: tuple[str, ...] = msgpack.unpackb(inner, ext_hook=note, use_list=False, strict_map_key=False)
        return found

    msgpack.unpackb(data, ext_hook=note, use_list=False, strict_map_key=False)
    return tuple((tag, codec.fields_of(codec.dataclass_of(tag)) or ()) for tag in sorted(tags))


def as_written_now(data: bytes, layouts: Layouts) -> bytes:
    """What `encode` gives for the value in `data`, which was written when the dataclasses had the fields `layouts`.

    Raises:
        BadInput: a type is gone, a new field has no default, or a type refuses the values.
    """
    former = {tag: names for tag, names in layouts if not _is_current(tag, names)}
    if not former:
        return data
    return codec.encode(_decode(data, former))


def _is_current(tag: str, names: tuple[str, ...]) -> bool:
    return codec.fields_of(codec.dataclass_of(tag)) == names


def _decode(data: bytes, former: Mapping[str, tuple[str, ...]]) -> object:
    def ext(code: int, inner: bytes) -> object:
        if code != codec.OBJECT:
            return codec.read_ext(code, inner)
        tag, *values = unpack(inner)
        cls = codec.dataclass_of(tag)
        if tag not in former:
            return cls(*values)
        fields = codec.fields_of(cls) or ()
        return cls(**{name: value for name, value in zip(former[tag], values, strict=True) if name in fields})

    def unpack(inner: bytes) -> tuple[Any, ...]:
        found: tuple[Any, ...] = msgpack.unpackb(inner, ext_hook=ext, use_list=False, strict_map_key=False)
        return found

    try:
        return unpack(data)
    except BadInput:
        raise
    except codec.FAULTS_OF_BYTES as error:
        raise BadInput(f"snapshot: {len(data)} bytes do not fit this program's types ({error})") from error
