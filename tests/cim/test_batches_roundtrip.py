"""Batches: whatever the codec carries, a batch carries just so, and the same batch is always the same bytes."""

from __future__ import annotations

import gc
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.batches.making import make_all, setters
from cim.codec.codec import decode, encode, wire
from cim.model.errors import ProgrammingFault
from cim.model.readings import Kind, Quality, Reading
from tests.cim.test_codec_wire import NOON, WIRE_TYPES, instance, plain, same


@wire("test.BatchProfile")
@dataclass(frozen=True, slots=True)
class Profile:
    """A message as hosts exchange most: a few small fields and an array."""

    session: str
    round: int
    power_kw: Any
    at: datetime = NOON
    parts: tuple[Any, ...] = ()


@wire("test.BatchNothing")
@dataclass(frozen=True, slots=True)
class Nothing:
    """A message without fields."""


@wire("test.BatchChecked")
@dataclass(frozen=True, slots=True)
class Checked:
    """A message that has its own rule."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low: {self.low} lies above {self.high}")


def rows_of(messages: list[Any]) -> list[tuple[str, str, int, int, Any]]:
    """The messages with addresses that repeat, each with a channel's own count."""
    return [(f"agent-{i % 7}", f"host-{i % 3}", i % 2, i // 7, message) for i, message in enumerate(messages)]


def check(messages: list[Any]) -> bytes:
    """Send the messages as a batch; each must come back as the codec alone would bring it. Returns the bytes."""
    rows = rows_of(messages)
    data = encode_batch(rows)
    back = decode_batch(data)
    assert [row[:4] for row in back] == [row[:4] for row in rows]
    for sent, (*_, received) in zip(messages, back, strict=True):
        assert same(decode(encode(sent)), received), f"{sent!r} became {received!r}"
        assert encode(received) == encode(sent)
    assert encode_batch(back) == data
    return data


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 255, 256, 257, 1000])
def test_a_batch_of_profiles_comes_back_in_order(count: int) -> None:
    """Any number of messages of one type, none and one included, come back equal and in order."""
    rng = np.random.default_rng(count)
    check([Profile(f"session-{i % 5}", i, rng.normal(size=96), NOON + timedelta(minutes=i)) for i in range(count)])


def test_more_agents_than_a_byte_or_two_can_number() -> None:
    """Codes and lengths take one, two or four bytes as needed, and come back the same."""
    check([Profile("s", i, None, parts=tuple(range(i % 300))) for i in range(700)])
    check([Profile("s", 1, np.arange(float(size))) for size in (1, 300, 70_000, 0, 2, 3, 4, 5, 6)])
    check([NOON + timedelta(seconds=i % 300) for i in range(700)])
    check([date(1800, 1, 1) + timedelta(days=i % 66_000) for i in range(132_001)])


@settings(max_examples=120, deadline=None)
@given(values=st.lists(plain, max_size=6), copies=st.integers(1, 20), seed=st.integers(0, 1000))
def test_plain_data_of_all_kinds_mixed(values: list[Any], copies: int, seed: int) -> None:
    """Columns that mix numbers, truth values, texts, nothing, instants, enums and tuples do not mix them up."""
    messages = values * copies
    random.Random(seed).shuffle(messages)
    check(messages)
    check([Profile("s", 1, message) for message in messages])


@settings(max_examples=60, deadline=None)
@given(picks=st.lists(st.integers(0, 10_000), min_size=1, max_size=6), copies=st.integers(1, 12))
def test_every_registered_type_in_mixed_batches(picks: list[int], copies: int) -> None:
    """Batches of any of the product's types, several at once, give back what the codec gives back."""
    messages: list[Any] = []
    for copy in range(copies):
        for pick in picks:
            _tag, cls = WIRE_TYPES[pick % len(WIRE_TYPES)]
            rng = np.random.default_rng([pick, copy])
            messages.append(next(iter(cls)) if issubclass(cls, Enum) else instance(cls, rng))
    check(messages)


def test_every_registered_type_in_a_column_of_its_own() -> None:
    """A dozen of each type, so that each goes through its columns and none through the few-rows path only."""
    for tag, cls in WIRE_TYPES:
        some = list(cls) * 12 if issubclass(cls, Enum) else []
        check(some or [instance(cls, np.random.default_rng([seed, len(tag)])) for seed in range(12)])


LOOKALIKES: list[list[Any]] = [
    [1, 1.0, True, "1", None, b"1", 0, 0.0, -0.0, False, ""],
    [Kind.POWER, "power_w", Quality.GOOD, "GOOD"],
    [2**63 - 1, -(2**63), 2**64 - 1, 0],
    [float("inf"), float("-inf"), 5e-324, -0.0, 1e308],
    [np.int64(3), 3, np.float64(3.0), 3.0, np.bool_(True), True, np.float32(0.5)],
    [[1, 2], (1, 2), [], (), ((),), [[]]],
    [np.array([1.0]), np.array([1]), np.array([]), np.array([], dtype=np.int64), (1.0,), np.arange(5.0)],
    [date(2026, 5, 20), datetime(2026, 5, 20, tzinfo=UTC), timedelta(0), "2026-05-20"],
    [Nothing(), None, (), Profile("s", 1, Nothing())],
    [{"a": 1}, {"b": (NOON,)}, {1: None}, {}],
]


@pytest.mark.parametrize("values", LOOKALIKES, ids=[str(number) for number in range(len(LOOKALIKES))])
def test_values_that_look_alike_keep_their_types(values: list[Any]) -> None:
    """What is equal or prints alike in Python is still told apart; alone, mixed, and one kind at a time."""
    check(values * 9)
    check([Profile("s", 1, value, parts=(value, (value,))) for value in values * 9])
    for value in values:
        check([value] * 20)


def test_instants_where_clocks_are_put_back() -> None:
    """Two instants that Python calls equal, an hour apart, stay an hour apart; any zone comes back as UTC."""
    vienna = ZoneInfo("Europe/Vienna")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=vienna)
    assert first == first.replace(fold=1)
    check([first, first.replace(fold=1)] * 20)
    *_, (*_, message) = decode_batch(encode_batch(rows_of([first] * 20)))
    assert message.tzinfo is UTC
    check(
        [datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)] + [NOON + i * timedelta(1) for i in range(9)]
    )


def test_arrays_in_any_layout() -> None:
    """Strided, reversed, Fortran-ordered, empty and unequally long arrays come back as rows of their numbers."""
    grid = np.arange(60.0).reshape(6, 10)
    check([grid[:, column] for column in range(10)])
    check([grid[row % 6, ::-1] for row in range(12)])
    check([grid[0, : row % 4] for row in range(12)])
    check([np.empty(0)] * 12)
    check([np.arange(row) for row in range(12)])
    check([np.array([np.nan, -0.0])] * 6 and [np.array([-0.0, 1.0])] * 12)


def test_arrays_are_aligned_views_that_nobody_can_change() -> None:
    """No copy is made for an array, it starts at a multiple of eight bytes, and writing to it is refused."""
    for session in ("s", "se", "ses", "sess", "sessi", "sessio", "session"):
        data = encode_batch(rows_of([Profile(session, i, np.arange(3.0) + i) for i in range(10)]))
        powers = [row[4].power_kw for row in decode_batch(data)]
        assert all(power.flags.aligned and not power.flags.owndata for power in powers)
        with pytest.raises(ValueError, match="read-only"):
            powers[0][0] = 1.0
        changeable = [row[4].power_kw for row in decode_batch(bytearray(data))]
        assert not changeable[0].flags.writeable


def test_deeply_nested_values() -> None:
    """What is nested deeper than columns go still comes back."""
    value: Any = 1.5
    for _ in range(60):
        value = (value,)
    check([value] * 10)
    nest: Any = Profile("leaf", 0, 1)
    for depth in range(40):
        nest = Profile("s", depth, nest, parts=(nest,) if depth < 3 else ())
    check([nest] * 10)


def test_what_cannot_travel_is_our_own_fault() -> None:
    """Unregistered types, naive instants, odd arrays and rows that are no addresses are refused when sent."""
    for bad in (object(), {1, 2}, NOON.replace(tzinfo=None), np.zeros((2, 2)), np.zeros(2, dtype=np.float32), 1j):
        for messages in ([bad], [bad] * 12, [Profile("s", 1, bad)] * 12, [1, bad, "x"] * 12):
            with pytest.raises(ProgrammingFault):
                encode_batch(rows_of(messages))
    for row in (
        (1, "b", 0, 1, None),
        ("a", Kind.POWER, 0, 1, None),
        ("a", "b", True, 1, None),
        ("a", "b", 0, 1.0, None),
    ):
        with pytest.raises(ProgrammingFault, match="a row of a batch"):
            encode_batch([row])  # type: ignore[list-item]
    with pytest.raises(ProgrammingFault):
        encode_batch([("a", "b", 0, 1)])  # type: ignore[list-item]


def test_the_same_batch_is_the_same_bytes() -> None:
    """Bytes depend on the values only: not on which objects hold them, nor on what was encoded before."""
    first = check([Profile("".join(["s", "x"]), i, np.arange(4.0)) for i in range(20)])
    check([Reading("m", Kind.POWER, 1.0, NOON)] * 20)
    assert check([Profile("sx", i, np.arange(8.0)[:4]) for i in range(20)]) == first


GOLDEN = (
    "d5000000000000009608920098a76167656e742d30a76167656e742d31a76167656e742d32a76167656e742d33a76167656e742d34a76167"
    "656e742d35a76167656e742d36a76167656e742d30930193a6686f73742d30a6686f73742d31a6686f73742d32c408000102000102000192"
    "0098000100010001000192009800000000000000019702b1746573742e426174636850726f66696c65930191a173c4080000000000000000"
    "920098000102030405060793030002930191d70240f2fe883e520600c40800000000000000009305c4080000000000000000920090000000"
    "000000000000e03f0000000000000000000000000000e03f000000000000f03f000000000000e03f0000000000000040000000000000e03f"
    "0000000000000840000000000000e03f0000000000001040000000000000e03f0000000000001440000000000000e03f0000000000001840"
    "000000000000e03f0000000000001c40"
)


def test_the_bytes_of_a_small_batch() -> None:
    """The format itself: a change of it must be meant, since hosts of two versions may meet."""
    messages = [Profile("s", i, np.array([0.5, i])) for i in range(8)]
    assert encode_batch(rows_of(messages)).hex() == GOLDEN


def test_instances_are_filled_directly_only_where_that_is_the_same() -> None:
    """A class with its own check, constructor or place for fields is called; others are filled slot by slot."""

    @dataclass(frozen=True)
    class Loose:
        a: int

    @dataclass(frozen=True, slots=True)
    class Handmade:
        a: int

        def __init__(self, a: int) -> None:
            object.__setattr__(self, "a", a + 1)

    @dataclass(frozen=True, slots=True)
    class Partly:
        a: int
        b: int = field(default=3, init=False)

    @dataclass(frozen=True, slots=True)
    class Constant:
        a: int
        UNIT: ClassVar[str] = "W"

    assert len(setters(Profile)) == 5
    assert make_all(Profile, 2, [["s", "t"], [1, 2], [None, None], [NOON, NOON], [(), ()]]) == [
        Profile("s", 1, None),
        Profile("t", 2, None),
    ]
    assert make_all(Profile, 1, [["s"], [1], [None]]) == [Profile("s", 1, None)]
    for cls in (Checked, Loose, Handmade, Partly, Constant):
        assert setters(cls) == ()
    assert make_all(Handmade, 2, [[1, 2]]) == [Handmade(1), Handmade(2)]
    with pytest.raises(ValueError, match="low"):
        make_all(Checked, 1, [[2], [1]])


def test_a_batch_is_gone_with_the_last_of_its_rows() -> None:
    """Nothing but its rows holds a batch: else megabytes wait for the garbage collector, which hosts run seldom."""
    data = encode_batch([("b", "a", 1, k + 1, Profile("s", k, np.arange(96.0))) for k in range(20)])
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(data)
        rows = decode_batch(data)
        assert sys.getrefcount(data) > before
        del rows
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()
