"""From columns of values to a batch's header and arrays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from agents.runtime.batches.layout import (
    DTYPES,
    EPOCH,
    INSTANTS,
    MATRIX,
    MICROSECOND,
    MIXED,
    OBJECTS,
    PLAIN,
    RAGGED,
    REPEATED,
    TUPLES,
    Column,
    Node,
    pack_numbers,
)  # fmt: skip
from cim.codec import codec

_SCALARS = frozenset({int, float, bool, type(None), str, bytes})
_COMMON = _SCALARS | {tuple, datetime, np.ndarray}
_FEW = 8  # rows: below, columns cost more than they save
_PROBE, _VARIED = (
    64,
    16,
)  # of the first so many texts, so many distinct ones: comparing all would cost more than writing
_DEEPEST = 16  # of columns in columns; what is nested deeper is left to the codec


class Writer:
    """Turns columns into nodes of the header.

    Attributes:
        arrays: what follows the header, in order.
    """

    def __init__(self) -> None:
        self.arrays: list[Any] = []

    def column(self, values: Column, depth: int = 0) -> Node:
        """The node of a column."""
        if len(values) < _FEW or depth > _DEEPEST:
            return [PLAIN, list(values)]
        kinds = set(map(type, values))
        if not kinds <= _COMMON and any(map(_likeness, kinds)):
            values = [like(value) if (like := _likeness(type(value))) else value for value in values]
            kinds = set(map(type, values))
        if kinds <= _SCALARS:
            node = _repeated(values) if kinds == {str} and len(set(values[:_PROBE])) < _VARIED else None
        elif len(kinds) > 1:
            node = self._mixed(values, depth + 1)
        else:
            node = self._of_one_kind(kinds.pop(), values, depth + 1)
        return node or [PLAIN, list(values)]

    def _of_one_kind(self, kind: type, values: Column, depth: int) -> Node | None:
        if kind is np.ndarray:
            return self._matrix(values)
        if kind is datetime:
            return _instants(values)
        if kind is date or kind is timedelta or codec.is_enum(kind):
            return _repeated(values)
        if kind is tuple:
            lengths = list(map(len, values))
            inner = list(chain.from_iterable(values))
            return [TUPLES, pack_numbers(lengths, max(lengths)), self.column(inner, depth)]
        names = codec.fields_of(kind)
        if names is None:
            return None
        if not names:
            return [REPEATED, [values[0]], bytes(len(values))]
        inners = [self.column(list(map(attrgetter(name), values)), depth) for name in names]
        return [OBJECTS, codec.tag_of(values[0]), *inners]

    def _mixed(self, values: Column, depth: int) -> Node:
        kinds = list(map(type, values))
        buckets: dict[type, list[Any]] = {kind: [] for kind in kinds}
        for kind, value in zip(kinds, values, strict=True):
            buckets[kind].append(value)
        index = {kind: number for number, kind in enumerate(buckets)}
        numbers = pack_numbers(map(index.__getitem__, kinds), len(index) - 1)
        return [MIXED, numbers, [self.column(bucket, depth) for bucket in buckets.values()]]

    def _matrix(self, values: Column) -> Node | None:
        dtypes = [value.dtype for value in values]
        uniform = dtypes[0] in DTYPES and dtypes.count(dtypes[0]) == len(values)
        if not uniform or set(map(attrgetter("ndim"), values)) != {1}:
            return None
        lengths, dtype = list(map(len, values)), DTYPES.index(dtypes[0])
        self.arrays += values
        if lengths[0] and lengths.count(lengths[0]) == len(values):
            return [MATRIX, dtype, lengths[0]]
        return [RAGGED, dtype, pack_numbers(lengths, max(lengths))]


def _likeness(kind: type) -> Callable[..., object] | None:
    """What turns values of this type into the equal ones that the codec writes in their place; None for most."""
    if kind is list or (issubclass(kind, tuple) and kind is not tuple and codec.fields_of(kind) is None):
        return tuple
    return np.generic.item if issubclass(kind, np.integer | np.floating | np.bool_) else None


def _repeated(values: Column) -> Node | None:
    """Each distinct value once, in order of appearance; None where too few repeat for that to pay."""
    index = {value: number for number, value in enumerate(dict.fromkeys(values))}
    if 2 * len(index) > len(values):
        return None
    return [REPEATED, list(index), pack_numbers(map(index.__getitem__, values), len(index) - 1)]


def _instants(values: Column) -> Node | None:
    # Two instants in one zone count as equal although an hour apart where its clocks are put back; in UTC none do.
    if any(value.tzinfo is not UTC for value in values):
        if any(value.tzinfo is None for value in values):
            return None
        values = [EPOCH + (value - EPOCH) for value in values]
    return _repeated(values) or [INSTANTS, [(value - EPOCH) // MICROSECOND for value in values]]
