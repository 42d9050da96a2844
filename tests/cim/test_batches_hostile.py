"""Batches from outside: any bytes either decode or are bad input, and nobody can ask for more than he sends."""

from __future__ import annotations

import contextlib
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agents.assembly.wire_types  # noqa: F401 - declares which modules may be loaded by which tags
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.batches.layout import INSTANTS, LENGTH, MATRIX, MIXED, OBJECTS, PLAIN, RAGGED, REPEATED, TUPLES
from cim.codec import codec
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


def sample() -> bytes:
    """A batch that has every sort of column."""
    messages: list[Any] = []
    for i in range(12):
        reading = Reading(f"meter-{i % 3}", Kind.POWER, i / 7, NOON + timedelta(seconds=i % 2), Quality.GOOD)
        messages += [reading, (reading,) * (i % 3), np.arange(4.0), NOON + timedelta(hours=i)]
        messages += [{"sizes": np.arange(i)}, (np.arange(i),), None, f"text-{i}"]
    return encode_batch([(f"agent-{i % 5}", "host", 1, i, message) for i, message in enumerate(messages)])


SAMPLE = sample()


def header(*content: Any, arrays: bytes = b"") -> bytes:
    """A batch with a header as an attacker could write it."""
    data = codec.encode(list(content))
    return LENGTH.pack(len(data)) + data + bytes(-len(data) % 8) + arrays


def around(node: Any, count: int = 2, arrays: bytes = b"") -> bytes:
    """A batch with good addresses and this column of messages."""
    texts, numbers = [PLAIN, ["a"] * count], [PLAIN, [1] * count]
    return header(count, texts, texts, numbers, numbers, node, arrays=arrays)


def test_the_helper_writes_good_batches() -> None:
    """What the cases below vary is itself well formed."""
    assert decode_batch(around([PLAIN, [5, 6]])) == [("a", "a", 1, 1, 5), ("a", "a", 1, 1, 6)]
    assert [row[4].tolist() for row in decode_batch(around([MATRIX, 0, 1], arrays=bytes(16)))] == [[0.0], [0.0]]


READING = [
    OBJECTS,
    "cim.Reading",
    [PLAIN, ["m", "m"]],
    [PLAIN, [Kind.POWER] * 2],
    [PLAIN, [1.0] * 2],
    [PLAIN, [NOON] * 2],
]
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "short": b"1234567",
    "header too long": LENGTH.pack(2**63) + bytes(8),
    "not msgpack": LENGTH.pack(1) + b"\xc1" + bytes(7),
    "no list": header(),
    "more rows than bytes": header(2**40, *[[PLAIN, []]] * 5),
    "negative rows": header(-1, *[[PLAIN, []]] * 5),
    "rows no number": header("2", *[[PLAIN, []]] * 5),
    "four columns": header(0, *[[PLAIN, []]] * 4),
    "left over": SAMPLE + bytes(8),
    "no node": around(5),
    "empty node": around([]),
    "unknown code": around([8, []]),
    "negative code": around([-1, [1, 2]]),
    "true as code": around([True, [1, 2], b"\x00\x01"]),
    "text as node": around("abc"),
    "too few values": around([PLAIN, [1]]),
    "text as values": around([PLAIN, "ab"]),
    "mapping as values": around([PLAIN, {0: 1, 1: 2}]),
    "number out of range": around([REPEATED, ["a"], b"\x00\x01"]),
    "too few numbers": around([REPEATED, ["a"], b"\x00"]),
    "too many numbers": around([REPEATED, ["a"], bytes(6)]),
    "numbers no bytes": around([REPEATED, ["a"], [0, 0]]),
    "negative number": around([REPEATED, ["a"], [-1, 0]]),
    "shared mapping": around([REPEATED, [{}], bytes(2)]),
    "shared array": around([REPEATED, [np.zeros(1)], bytes(2)]),
    "unknown tag": around([OBJECTS, "os.system", [PLAIN, ["true"] * 2]]),
    "tag of an enum": around([OBJECTS, "cim.Quality", [PLAIN, ["GOOD"] * 2]]),
    "tag no text": around([OBJECTS, ["cim.Reading"], [PLAIN, [1, 2]]]),
    "no field": around([OBJECTS, "cim.Reading"]),
    "too few fields": around(READING[:4]),
    "too many fields": around([*READING, *[[PLAIN, [1, 2]]] * 5]),
    "broken rule": around([OBJECTS, "uftp.RequestISP", *[[PLAIN, [value] * 2] for value in (1, 1, 9, 3, 1)]]),
    "wide arrays": around([MATRIX, 0, 2**61], arrays=bytes(16)),
    "negative width": around([MATRIX, 0, -1]),
    "no width": around([MATRIX, 0, 0]),
    "unknown dtype": around([MATRIX, 2, 1], arrays=bytes(16)),
    "missing array": around([MATRIX, 0, 1], arrays=bytes(8)),
    "long rags": around([RAGGED, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"], arrays=bytes(16)),
    "many in tuples": around([TUPLES, b"\xff\xff\xff\xff\xff\xff\xff\xff", [PLAIN, []]]),
    "too few in tuples": around([TUPLES, b"\x02\x02", [PLAIN, [1, 2, 3]]]),
    "mixed out of range": around([MIXED, b"\x00\x01", [[PLAIN, [1]]]]),
    "mixed too short": around([MIXED, b"\x00\x01", [[PLAIN, [1]], [PLAIN, []]]]),
    "late instant": around([INSTANTS, [2**63, 1]]),
    "instant no number": around([INSTANTS, ["1", "2"]]),
    "address no text": header(1, [PLAIN, [1]], [PLAIN, ["a"]], [PLAIN, [1]], [PLAIN, [1]], [PLAIN, [1]]),
    "lane true": header(1, [PLAIN, ["a"]], [PLAIN, ["a"]], [PLAIN, [True]], [PLAIN, [1]], [PLAIN, [1]]),
    "address an enum": header(1, [PLAIN, ["a"]], [PLAIN, [Kind.POWER]], [PLAIN, [1]], [PLAIN, [1]], [PLAIN, [1]]),
    "a single message": codec.encode(Reading("m", Kind.POWER, 1.0, NOON)),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_bad_batches_are_bad_input(data: bytes) -> None:
    """Truncated, contradictory or hostile bytes: one sentence, never another exception."""
    with pytest.raises(BadInput):
        decode_batch(data)


def test_deep_nesting_is_bad_input() -> None:
    """A column in a column, a hundred thousand deep, is refused like any other bad bytes."""
    node: Any = b"\x93" + bytes([TUPLES]) + b"\xc4\x02\x01\x01"
    text = b"\x92\x00\x92\xa1a\xa1a"
    number = b"\x92\x00\x92\x01\x01"
    for depth in (500, 100_000):
        data = b"\x96\x02" + text + text + number + number + node * depth + b"\x92\x00\x92\x01\x01"
        with pytest.raises(BadInput):
            decode_batch(LENGTH.pack(len(data)) + data + bytes(-len(data) % 8))


def test_a_small_batch_never_takes_much_memory() -> None:
    """Types without fields, empty tuples and shared values: what a sender claims is bounded by what he sends."""
    count = 3000
    empty = [TUPLES, bytes(count), [PLAIN, []]]
    tree: Any = empty
    for _ in range(3):
        tree = [OBJECTS, "cim.Reading", *[tree] * 5]
    claims = [around(tree, count), around([OBJECTS, "event.Started"], count), header(10**9, *[[PLAIN, []]] * 5)]
    claims += [around([MATRIX, 0, 10**6], count), around([TUPLES, b"\xff" * count, [TUPLES, b"", [PLAIN, []]]], count)]
    for data in claims:
        tracemalloc.start()
        with contextlib.suppress(BadInput):
            decode_batch(data)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000 + 150 * len(data)


@pytest.mark.parametrize("keep", range(0, len(SAMPLE), 7))
def test_a_truncated_batch_is_bad_input(keep: int) -> None:
    """A batch that ends early is never taken for a shorter one."""
    with pytest.raises(BadInput):
        decode_batch(SAMPLE[:keep])


@settings(max_examples=600, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_batch_never_raises_anything_else(changes: list[tuple[int, int]]) -> None:
    """A batch with some bytes changed either decodes, to as many rows as it says, or is bad input."""
    data = bytearray(SAMPLE)
    for place, byte in changes:
        data[place] = byte
    with contextlib.suppress(BadInput):
        assert all(len(row) == 5 for row in decode_batch(bytes(data)))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=80), honest=st.booleans())
def test_garbage_never_raises_anything_else(data: bytes, honest: bool) -> None:
    """Any bytes, with or without a fitting length before them, either decode or are bad input."""
    with contextlib.suppress(BadInput):
        decode_batch(LENGTH.pack(len(data)) + data + bytes(-len(data) % 8) if honest else data)
