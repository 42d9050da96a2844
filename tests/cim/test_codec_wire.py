"""The wire codec: every registered type survives, equal values are equal bytes, and bad bytes are only ever bad input."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union

import msgpack
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import agents.assembly.wire_types  # noqa: F401 - declares which modules may be loaded by which tags
from cim.codec import codec
from cim.codec.codec import decode, encode, tag_of, wire
from cim.model.errors import BadInput, IlesError, ProgrammingFault
from cim.model.readings import Kind, Quality, Reading

NOON = datetime(2026, 5, 20, 12, 0, 0, 123456, tzinfo=UTC)


def registered() -> list[tuple[str, type]]:
    """Every wire type of the product, in order of tag."""
    for modules in codec._homes.values():
        for module in modules:
            __import__(module)
    return sorted((tag, cls) for tag, cls in codec._by_tag.items() if not tag.startswith("test."))


WIRE_TYPES = registered()
_REGISTERED = {cls for _, cls in WIRE_TYPES}


_SIMPLE: dict[Any, Callable[[np.random.Generator], Any]] = {
    str: lambda rng: f"text-{rng.integers(1000)}",
    int: lambda rng: int(rng.integers(1, 50)),
    float: lambda rng: float(rng.normal()),
    bool: lambda rng: bool(rng.integers(2)),
    bytes: lambda rng: bytes(rng.integers(0, 256, 4, dtype=np.uint8)),
    datetime: lambda rng: NOON + timedelta(microseconds=int(rng.integers(0, 10**12))),
    date: lambda rng: date(2026, 1, 1) + timedelta(days=int(rng.integers(0, 500))),
    timedelta: lambda rng: timedelta(microseconds=int(rng.integers(0, 10**12))),
    type(None): lambda _: None,
    Any: lambda rng: int(rng.integers(5)),
    object: lambda rng: int(rng.integers(5)),
}


def value_of(hint: Any, rng: np.random.Generator) -> Any:
    """Some value of an annotated type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return value_of(arguments[int(rng.integers(len(arguments)))], rng)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(value_of(arguments[0], rng) for _ in range(int(rng.integers(0, 3))))
        return tuple(value_of(argument, rng) for argument in arguments)
    if origin in (dict, Mapping):
        return {value_of(arguments[0], rng): value_of(arguments[1], rng) for _ in range(int(rng.integers(0, 3)))}
    if origin is np.ndarray:
        return rng.normal(size=int(rng.integers(0, 4)))
    if origin is typing.Literal:
        return arguments[0]
    if hint in _SIMPLE:
        return _SIMPLE[hint](rng)
    if isinstance(hint, type) and issubclass(hint, Enum):
        members = list(hint)
        return members[int(rng.integers(len(members)))]
    if dataclasses.is_dataclass(hint) and hint in _REGISTERED:
        return instance(hint, rng)
    # a base class or protocol: any registered type that fits
    fitting = those_of(hint)
    return instance(fitting[int(rng.integers(len(fitting)))], rng) if fitting else None


@cache
def those_of(base: Any) -> list[type]:
    """The registered types of a base class or protocol."""
    return [cls for _, cls in WIRE_TYPES if isinstance(base, type) and base in cls.__mro__]


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """What the fields of a type hold; each is evaluated from its text, which takes far longer than to draw a value."""
    return typing.get_type_hints(cls)


def instance(cls: Any, rng: np.random.Generator) -> Any:
    """Some instance of a wire type; those that check themselves get several tries, then only what has no default."""
    hints = hints_of(cls)
    if issubclass(cls, tuple):  # a named tuple
        return cls(*(value_of(hints[name], rng) for name in cls._fields))  # type: ignore[attr-defined]
    fields = dataclasses.fields(cls)
    for attempt in range(60):
        needed = [
            f
            for f in fields
            if attempt < 30 or (f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
        ]
        try:
            return cls(**{f.name: value_of(hints[f.name], rng) for f in needed})
        except (
            IlesError,
            ValueError,
            IndexError,
            TypeError,
            AttributeError,
        ):  # the last: what it holds could not be built either
            continue
    return None


def same(one: Any, two: Any) -> bool:
    """Equality that looks into arrays, and takes the codec's word that a list is a tuple."""
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and one.dtype == two.dtype and np.array_equal(one, two)
    if isinstance(one, tuple | list):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, Mapping):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if dataclasses.is_dataclass(one):
        pairs = ((getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one))
        return type(one) is type(two) and all(same(a, b) for a, b in pairs)
    return type(one) is type(two) and one == two


@cache
def drawn(tag: str, cls: type) -> tuple[Any, ...]:
    """Five instances of a type, None where one could not be built."""
    return tuple(instance(cls, np.random.default_rng([seed, len(tag)])) for seed in range(5))


@pytest.mark.parametrize(("tag", "cls"), WIRE_TYPES, ids=[tag for tag, _ in WIRE_TYPES])
def test_every_registered_type_survives_the_wire(tag: str, cls: type) -> None:
    """Decoding gives back the same value of the same type, and encoding that again the same bytes."""
    if issubclass(cls, Enum):
        values: list[Any] = list(cls)
    else:
        values = [value for value in drawn(tag, cls) if value is not None]
        # A few check their fields against each other and cannot be built at random: their own rooms' tests send them.
    for value in values:
        data = encode(value)
        assert tag_of(value) == tag
        assert same(value, decode(data)), f"{value!r} became {decode(data)!r}"
        assert encode(decode(data)) == data


def test_nearly_every_type_is_covered_above() -> None:
    """The generator builds all but a handful, so that the test above means what its name says."""
    missing = [tag for tag, cls in WIRE_TYPES if not issubclass(cls, Enum) and not any(drawn(tag, cls))]
    assert len(WIRE_TYPES) > 100
    assert len(missing) <= 6, missing


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.dates()
    | st.timedeltas(timedelta(days=-40_000), timedelta(days=40_000))
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([*Kind, *Quality]),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(value=plain)
def test_plain_data_survives_the_wire(value: Any) -> None:
    """Numbers, texts, bytes, instants, dates, spans, enums, tuples and mappings come back equal and of their type."""
    back = decode(encode(value))
    assert same(value, back)
    assert encode(back) == encode(value)


def test_equal_values_are_equal_bytes() -> None:
    """Lists and tuples, numpy numbers and Python's, one instant in two zones: one value, one encoding."""
    shifted = NOON.astimezone(__import__("zoneinfo").ZoneInfo("Asia/Kolkata"))
    assert encode(NOON) == encode(shifted)
    assert encode([1, 2]) == encode((1, 2))
    for ours, theirs in ((1, np.int64(1)), (0.5, np.float64(0.5)), (True, np.bool_(True)), (0.5, np.float32(0.5))):
        assert encode(theirs) == encode(ours)
        assert type(decode(encode(theirs))) is type(ours)
    dense = np.arange(6.0)
    assert encode(dense[::2]) == encode(np.array([0.0, 2.0, 4.0]))


def test_a_text_enum_is_not_its_text() -> None:
    """A StrEnum member travels as itself, so that the other side gets a Kind, not a string."""
    assert encode(Kind.POWER) != encode("power_w")
    assert decode(encode(Kind.POWER)) is Kind.POWER


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, datetime(2026, 1, 1), np.zeros((2, 2)), np.zeros(2, dtype=np.float32), 1j, BadInput("x")],  # noqa: DTZ001
    ids=["object", "set", "naive instant", "matrix", "float32", "complex", "exception"],
)
def test_what_cannot_travel_is_our_own_fault(value: Any) -> None:
    """Unregistered types, instants without a zone and arrays of another shape are refused when sent."""
    with pytest.raises(ProgrammingFault):
        encode(value)


def test_a_tag_belongs_to_one_type_and_only_values_travel() -> None:
    """Registering a tag twice, or a class that is neither dataclass nor enum, is our own fault."""
    with pytest.raises(ProgrammingFault, match=r"cim\.Reading"):
        wire("cim.Reading")(type("Other", (), {}))
    with pytest.raises(ProgrammingFault, match="cannot travel"):
        wire("test.Nothing")(type("Plain", (), {}))
    codec._by_tag.pop("test.Nothing", None)


def packed(code: int, *content: Any) -> bytes:
    """An extension value as an attacker could write it."""
    return bytes(msgpack.packb(msgpack.ExtType(code, b"".join(msgpack.packb(part) for part in content))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        packed(1),
        packed(1, []),
        packed(1, 5),
        packed(1, ["os.system", "true"]),
        packed(1, ["nowhere.Thing"]),
        packed(1, [["cim.Reading"]]),
        packed(1, [{"a": 1}]),
        packed(1, ["cim.Reading", 1]),
        packed(1, ["cim.Reading", *range(9)]),
        packed(1, ["cim.Quality", "GOOD"]),
        packed(1, ["cim.Quality", "LOVELY"]),
        packed(5, ["cim.Quality", "LOVELY"]),
        packed(5, []),
        packed(5, 7),
        packed(5, {}),
        packed(99, 1),
        packed(2, 1),
        bytes(msgpack.packb(msgpack.ExtType(2, (2**63 - 1).to_bytes(8, "little")))),
        bytes(msgpack.packb(msgpack.ExtType(7, b"short"))),
        bytes(msgpack.packb(msgpack.ExtType(3, b"2026-13-45"))),
        bytes(msgpack.packb(msgpack.ExtType(3, b"\xff\xfe"))),
        bytes(msgpack.packb(msgpack.ExtType(4, b"123"))),
        b"\x81\x90\x01\xc0",
        b"\x81\x80\x01",
        encode(Reading("m", Kind.POWER, 1.0, NOON))[:-1],
        encode(1) + encode(2),
        b"\x91" * 2000 + b"\x00",
    ],
)
def test_bad_bytes_are_bad_input(data: bytes) -> None:
    """Truncated, unknown, over-deep or hostile bytes: one sentence, never another exception."""
    with pytest.raises(BadInput, match="message: "):
        decode(data)


def test_an_object_that_breaks_its_own_rules_is_bad_input() -> None:
    """A value whose type refuses it (MinPower above MaxPower) is refused on the wire, too."""
    with pytest.raises(BadInput):
        decode(packed(1, ["uftp.OfferOption", "o", 1, [], 101]))
    with pytest.raises(BadInput):
        decode(packed(1, ["uftp.OfferOption", "o", 1, [], "much"]))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60))
@example(data=b"\xd4\x01\x90")
def test_garbage_never_raises_anything_else(data: bytes) -> None:
    """Any bytes either decode or are bad input."""
    with contextlib.suppress(BadInput):
        decode(data)


@settings(max_examples=300, deadline=None)
@given(index=st.integers(0, 10_000), place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_never_raises_anything_else(index: int, place: int, byte: int) -> None:
    """Any message with one byte changed either decodes or is bad input."""
    _tag, cls = WIRE_TYPES[index % len(WIRE_TYPES)]
    value = next(iter(cls)) if issubclass(cls, Enum) else instance(cls, np.random.default_rng(index))
    data = bytearray(encode(value))
    data[place % len(data)] = byte
    with contextlib.suppress(BadInput):
        decode(bytes(data))


def test_bytes_load_only_modules_of_the_closed_list() -> None:
    """A tag that names a module, a path or an unlisted family imports nothing."""
    before = set(sys.modules)
    for tag in ("antigravity", "this.Zen", "tests.x", "..x", "os.path", "cim.model.errors.BadInput", "cim."):
        with pytest.raises(BadInput, match="unknown"):
            decode(packed(1, [tag]))
    assert set(sys.modules) == before
