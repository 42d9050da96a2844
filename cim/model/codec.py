"""One way to turn ILES's immutable values into bytes and back: msgpack with a closed registry of types.

Only types registered with `@wire` can be read, so nothing from outside is ever unpickled or instantiated by name.
Encoding is canonical: equal values give equal bytes, which is what the ledger hashes and signs.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from importlib import import_module
from typing import Any, TypeVar

import msgpack
import numpy as np

from cim.model.errors import BadInput, ProgrammingFault

T = TypeVar("T")

_OBJECT, _INSTANT, _DATE, _FLOATS, _ENUM, _INTS, _SPAN = 1, 2, 3, 4, 5, 6, 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_by_tag: dict[str, type] = {}
_tag_of: dict[type, str] = {}
_fields_of: dict[type, tuple[str, ...]] = {}
_enum_bytes: dict[type, dict[Enum, bytes]] = {}
_enum_of: dict[bytes, Enum] = {}
_homes: dict[str, tuple[str, ...]] = {}
_INT64 = struct.Struct("<q")
# What msgpack, the conversions below and the types' own checks raise on values that nobody would have sent in earnest.
_FAULTS_OF_BYTES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, struct.error,
    msgpack.UnpackException,
)  # fmt: skip


def wire(tag: str) -> Callable[[type[T]], type[T]]:
    """Register a frozen dataclass or an enum under a stable `tag` so that it can travel."""

    def register(cls: type[T]) -> type[T]:
        if tag in _by_tag:
            raise ProgrammingFault(f"wire tag {tag!r} is already taken by {_by_tag[tag].__qualname__}")
        _by_tag[tag] = cls
        _tag_of[cls] = tag
        if dataclasses.is_dataclass(cls):
            _fields_of[cls] = tuple(f.name for f in dataclasses.fields(cls))
        elif issubclass(cls, Enum):
            # By type first: members of two StrEnums with the same text are equal and hash alike.
            _enum_bytes[cls] = {member: _pack([tag, member.value]) for member in cls}
            _enum_of.update((data, member) for member, data in _enum_bytes[cls].items())
        else:
            raise ProgrammingFault(f"{cls.__qualname__} is neither a dataclass nor an enum; it cannot travel")
        return cls

    return register


def _default(value: Any) -> Any:
    kind = type(value)
    fields = _fields_of.get(kind)
    if fields is not None:
        return msgpack.ExtType(_OBJECT, _pack([_tag_of[kind], *[getattr(value, name) for name in fields]]))
    members = _enum_bytes.get(kind)
    if members is not None:
        return msgpack.ExtType(_ENUM, members[value])
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ProgrammingFault(f"instant {value!r} has no time zone; all instants are UTC")
        return msgpack.ExtType(_INSTANT, _INT64.pack((value - _EPOCH) // _MICROSECOND))
    if isinstance(value, date):
        return msgpack.ExtType(_DATE, value.isoformat().encode())
    if isinstance(value, timedelta):
        return msgpack.ExtType(_SPAN, _INT64.pack(value // _MICROSECOND))
    if isinstance(value, np.ndarray) and value.ndim == 1:
        if value.dtype == np.float64:
            return msgpack.ExtType(_FLOATS, value.astype("<f8", copy=False).tobytes())
        if value.dtype == np.int64:
            return msgpack.ExtType(_INTS, value.astype("<i8", copy=False).tobytes())
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()  # a number is a number, wherever arithmetic got it from
    raise ProgrammingFault(f"{kind.__qualname__} cannot travel: it is not registered with @wire")


def _pack(value: Any) -> bytes:
    # msgpack's own default buffer is 256 KiB, whose allocation costs more than packing one of our messages.
    return msgpack.packb(value, default=_default, strict_types=True, buf_size=1024)  # type: ignore[no-any-return]


def declare_homes(homes: dict[str, tuple[str, ...]]) -> None:
    """Say which modules define the tags of each family (the part before the first dot).

    They are imported when such a tag is first read, so that a process needs only what it is sent. The list is closed:
    bytes from outside can load nothing that is not in it.
    """
    _homes.update(homes)


def _known(tag: Any) -> type:
    if not isinstance(tag, str):
        raise BadInput(f"message: type {tag!r} is unknown; expected a registered wire type")
    if tag not in _by_tag:
        for module in _homes.get(tag.partition(".")[0], ()):
            import_module(module)
    cls = _by_tag.get(tag)
    if cls is None:
        raise BadInput(f"message: type {tag!r} is unknown; expected a registered wire type")
    return cls


def _ext(code: int, data: bytes) -> Any:
    if code == _OBJECT:
        tag, *values = _unpack(data)
        cls = _known(tag)
        if cls not in _fields_of:
            raise BadInput(f"message: {tag} is an enumeration; expected its own extension code")  # one way to write it
        try:
            return cls(*values)
        except TypeError as error:
            raise BadInput(f"message: {tag} does not take these fields ({error})") from error
    if code == _INSTANT:
        return _EPOCH + timedelta(microseconds=_INT64.unpack(data)[0])
    if code == _DATE:
        return date.fromisoformat(data.decode())
    if code == _SPAN:
        return timedelta(microseconds=_INT64.unpack(data)[0])
    if code == _FLOATS:
        return np.frombuffer(data, dtype="<f8")
    if code == _INTS:
        return np.frombuffer(data, dtype="<i8")
    if code == _ENUM:
        member = _enum_of.get(data)
        if member is None:
            tag, _ = _unpack(data)
            _known(tag)  # its family may not have been imported yet
            member = _enum_of.get(data)
        if member is None:
            raise BadInput(f"message: {data!r} is not a member of a registered enumeration")
        return member
    raise BadInput(f"message: extension code {code} is unknown")


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_ext, use_list=False, strict_map_key=False)


def encode(value: Any) -> bytes:
    """`value` (a wire type, or plain data and tuples of them) as canonical msgpack bytes."""
    return _pack(value)


def decode(data: bytes) -> Any:
    """The value that `encode` turned into `data`; lists come back as tuples.

    Raises:
        BadInput: the bytes are not msgpack or name a type or field that is not registered.
    """
    try:
        return _unpack(data)
    except BadInput:
        raise
    except _FAULTS_OF_BYTES as error:
        raise BadInput(f"message: {len(data)} bytes are not a valid wire value ({error})") from error


def tag_of(value: Any) -> str:
    """The registered tag of a wire value's type."""
    return _tag_of[type(value)]
