"""One way to turn ILES's immutable values into bytes and back: msgpack with a closed registry of types.

Only types registered with `@wire` can be read, so nothing from outside is ever unpickled or instantiated by name.
Encoding is canonical: equal values give equal bytes, which is what the ledger hashes and signs. Many messages at once
go through `agents.runtime.batches`, which stands on this module.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from importlib import import_module
from operator import attrgetter
from typing import Any, TypeVar

import msgpack
import numpy as np

from cim.model.errors import BadInput, ProgrammingFault

T = TypeVar("T")

OBJECT, _INSTANT, _DATE, _FLOATS, _ENUM, _INTS, _SPAN = 1, 2, 3, 4, 5, 6, 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_by_tag: dict[str, type] = {}
_tag_of: dict[type, str] = {}
_fields_of: dict[type, tuple[str, ...]] = {}
_enum_bytes: dict[type, dict[Enum, bytes]] = {}
_enum_of: dict[bytes, Enum] = {}
_homes: dict[str, tuple[str, ...]] = {}
_writers: dict[type, Callable[[Any], Any]] = {}
_idle_packers: list[Any] = []
_INT64 = struct.Struct("<q")
_F8, _I8 = np.dtype("<f8"), np.dtype("<i8")  # numpy looks up the name anew each time it is given one
_ARRAYS = ((_FLOATS, np.dtype(np.float64), _F8), (_INTS, np.dtype(np.int64), _I8))
# What msgpack, the conversions below and the types' own checks raise on values that nobody would have sent in earnest.
FAULTS_OF_BYTES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, struct.error,
    msgpack.UnpackException,
)  # fmt: skip


def wire(tag: str) -> Callable[[type[T]], type[T]]:
    """Register a frozen dataclass, a named tuple or an enum under a stable `tag` so that it can travel."""

    def register(cls: type[T]) -> type[T]:
        if tag in _by_tag:
            raise ProgrammingFault(f"wire tag {tag!r} is already taken by {_by_tag[tag].__qualname__}")
        _by_tag[tag] = cls
        _tag_of[cls] = tag
        if dataclasses.is_dataclass(cls):
            _fields_of[cls] = tuple(f.name for f in dataclasses.fields(cls))
        elif issubclass(cls, tuple) and (names := getattr(cls, "_fields", ())):
            _fields_of[cls] = names
        elif issubclass(cls, Enum):
            # By type first: members of two StrEnums with the same text are equal and hash alike.
            _enum_bytes[cls] = {member: pack([tag, member.value]) for member in cls}
            _enum_of.update((data, member) for member, data in _enum_bytes[cls].items())
        else:
            raise ProgrammingFault(f"{cls.__qualname__} is no dataclass, named tuple or enum; it cannot travel")
        return cls

    return register


def _ext_type(code: int, data: bytes) -> Any:
    return tuple.__new__(
        msgpack.ExtType, (code, data)
    )  # its own constructor checks both again, at three times the cost


def _instant_ext(value: datetime) -> Any:
    if value.tzinfo is None:
        raise ProgrammingFault(f"instant {value!r} has no time zone; all instants are UTC")
    return _ext_type(_INSTANT, _INT64.pack((value - _EPOCH) // _MICROSECOND))


# Many values carry the same day, and writing it costs more than remembering how it was written.
@lru_cache(maxsize=1024)
def _date_ext(value: date) -> Any:
    return _ext_type(_DATE, value.isoformat().encode())


def _array_ext(value: Any) -> Any:
    if value.ndim == 1:
        for code, native, little in _ARRAYS:
            if value.dtype == native:
                return _ext_type(code, (value if native == little else value.astype(little)).tobytes())
    raise ProgrammingFault(f"an array of {value.ndim} dimensions of {value.dtype} cannot travel; expected 1 of 64 bits")


# In this order, as an instant is a date, too.
_BY_BASE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (datetime, _instant_ext),
    (date, _date_ext),
    (timedelta, lambda value: _ext_type(_SPAN, _INT64.pack(value // _MICROSECOND))),
    (np.ndarray, _array_ext),
    (tuple, list),
    (np.integer | np.floating | np.bool_, lambda value: value.item()),  # a number is one, wherever it was computed
)


def _writer(kind: type) -> Callable[[Any], Any]:
    """What turns values of exactly this type into something msgpack knows."""
    tag, names, members = _tag_of.get(kind), _fields_of.get(kind), _enum_bytes.get(kind)
    if names is not None:
        if len(names) < 2:  # for one name, attrgetter gives no tuple
            return lambda value: _ext_type(OBJECT, pack([tag, *[getattr(value, name) for name in names]]))
        values_of = attrgetter(*names)
        return lambda value: _ext_type(OBJECT, pack([tag, *values_of(value)]))
    if members is not None:
        return lambda value: _ext_type(_ENUM, members[value])
    for base, write in _BY_BASE:
        if issubclass(kind, base):
            return write
    raise ProgrammingFault(f"{kind.__qualname__} cannot travel: it is not registered with @wire")


def _default(value: Any) -> Any:
    kind = type(value)
    write = _writers.get(kind)
    if write is None:
        write = _writers[kind] = _writer(kind)
    return write(value)


def pack(value: Any) -> bytes:
    """`encode`, for this room's own use: also within another."""
    try:
        packer = _idle_packers.pop()
    except IndexError:  # a packer at work takes no second value: there is one for each depth (and thread) met so far
        # msgpack's own default buffer is 256 KiB, whose allocation costs more than packing one of our messages.
        packer = msgpack.Packer(default=_default, strict_types=True, buf_size=1024)
    data: bytes = packer.pack(value)  # one that fails is not used again
    if len(data) < 1 << 16:  # nor one whose buffer has grown beyond all use
        _idle_packers.append(packer)
    return data


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


@cache
def dataclass_of(tag: Any) -> type:
    """The dataclass registered under `tag`; the modules of its family are imported if need be.

    Raises:
        BadInput: there is none.
    """
    cls = _known(tag)
    if cls not in _fields_of:
        raise BadInput(f"message: {tag} is an enumeration; expected its own extension code")  # one way to write it
    return cls


def _object(data: bytes) -> Any:
    tag, *values = unpack(data)
    cls = dataclass_of(tag)
    try:
        return cls(*values)
    except TypeError as error:
        raise BadInput(f"message: {tag} does not take these fields ({error})") from error


# Many messages carry the same instant, and making one costs more than remembering it.
@lru_cache(maxsize=4096)
def _instant(data: bytes) -> datetime:
    return _EPOCH + timedelta(microseconds=_INT64.unpack(data)[0])


def _member(data: bytes) -> Enum:
    if data not in _enum_of:
        _known(unpack(data)[0])  # its family may not have been imported yet
    member = _enum_of.get(data)
    if member is None:
        raise BadInput(f"message: {data!r} is not a member of a registered enumeration")
    return member


_readers: dict[int, Callable[[bytes], Any]] = {
    OBJECT: _object,
    _INSTANT: _instant,
    _DATE: lambda data: date.fromisoformat(data.decode()),
    _FLOATS: lambda data: np.frombuffer(data, _F8),
    _ENUM: _member,
    _INTS: lambda data: np.frombuffer(data, _I8),
    _SPAN: lambda data: timedelta(microseconds=_INT64.unpack(data)[0]),
}


def read_ext(code: int, data: bytes) -> Any:
    """The value of an extension type of msgpack. Raises BadInput for an unknown code or type."""
    read = _readers.get(code)
    if read is None:
        raise BadInput(f"message: extension code {code} is unknown")
    return read(data)


def unpack(data: Any) -> Any:
    """`decode` without its care for what msgpack and the conversions raise (`FAULTS_OF_BYTES`)."""
    return msgpack.unpackb(data, ext_hook=read_ext, use_list=False, strict_map_key=False)


def unpack_plain(data: Any) -> Any:
    """`unpack` that leaves every value of a wire type, every instant and every array as the bytes it came in."""
    return msgpack.unpackb(data, use_list=False, strict_map_key=False)


def encode(value: Any) -> bytes:
    """`value` (a wire type, or plain data and tuples of them) as canonical msgpack bytes."""
    return pack(value)


def decode(data: bytes) -> Any:
    """The value that `encode` turned into `data`; lists come back as tuples.

    Raises:
        BadInput: the bytes are not msgpack or name a type or field that is not registered.
    """
    try:
        return unpack(data)
    except BadInput:
        raise
    except FAULTS_OF_BYTES as error:
        raise BadInput(f"message: {len(data)} bytes are not a valid wire value ({error})") from error


def tag_of(value: Any) -> str:
    """The registered tag of a wire value's type."""
    return _tag_of[type(value)]


def tag_of_type(kind: type) -> str:
    """The registered tag of a wire type."""
    return _tag_of[kind]


def fields_of(kind: type) -> tuple[str, ...] | None:
    """The fields of a registered dataclass; None for any other type."""
    return _fields_of.get(kind)


def is_enum(kind: type) -> bool:
    """Whether `kind` is a registered enumeration."""
    return kind in _enum_bytes
