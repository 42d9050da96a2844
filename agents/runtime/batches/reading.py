"""From a batch's header and arrays back to columns of values; nothing in them is believed before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from agents.runtime.batches.layout import DTYPES, EPOCH, Column, is_constant, unpack_numbers
from agents.runtime.batches.making import make_all
from cim.codec import codec
from cim.model.errors import BadInput


class Reader:
    """Turns nodes of the header into columns, each exactly as long as asked for.

    Attributes:
        offset: where in the data the next array begins.
    """

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self.offset = offset

    def column(self, node: object, count: int) -> Column:
        """The `count` values of a node."""
        code, *rest = _tuple(node)
        if type(code) is not int or not 0 <= code < len(_READERS):
            raise BadInput(f"batch: column code {code!r} is unknown; expected 0 to {len(_READERS) - 1}")
        return _READERS[code](self, count, *rest)

    def objects(self, count: int, tag: object, *nodes: object) -> Column:
        """Values of a wire type."""
        cls = codec.dataclass_of(tag)
        if not nodes:
            raise BadInput(f"batch: {tag} comes without a field; expected at least one")
        columns = [self.column(node, count) for node in nodes]
        try:
            return make_all(cls, count, columns)
        except TypeError as error:
            raise BadInput(f"batch: {tag} does not take these fields ({error})") from error

    def _array(self, dtype: int, size: int) -> np.ndarray[Any, Any]:
        begin, self.offset = self.offset, self.offset + 8 * size
        if self.offset > len(self._data):
            raise BadInput(f"batch: {len(self._data)} bytes; expected at least {self.offset}")
        return np.frombuffer(self._data, DTYPES[dtype], size, begin)

    def matrix(self, count: int, dtype: int, width: object) -> Column:
        """Arrays of one length."""
        if type(width) is not int or width < 1:
            raise BadInput(f"batch: arrays of {width!r} numbers; expected at least one")
        return list(self._array(dtype, count * width).reshape(count, width))

    def ragged(self, count: int, dtype: int, lengths: object) -> Column:
        """Arrays of several lengths."""
        ends = list(accumulate(unpack_numbers(lengths, count), initial=0))
        flat = self._array(dtype, ends[-1])
        return [flat[begin:end] for begin, end in pairwise(ends)]

    def tuples(self, count: int, lengths: object, node: object) -> Column:
        """Tuples, from all that is in them."""
        sizes = unpack_numbers(lengths, count)
        total = sum(sizes)
        if total > len(self._data):
            raise BadInput(f"batch: tuples of {total} values in all; expected at most {len(self._data)}")
        inner = tuple(self.column(node, total))
        if total == 0:
            return [()] * count
        if sizes.count(sizes[0]) == count:
            return list(zip(*[iter(inner)] * sizes[0], strict=True))
        return [inner[begin:end] for begin, end in pairwise(accumulate(sizes, initial=0))]

    def mixed(self, count: int, numbers: object, nodes: object) -> Column:
        """Values of several types."""
        order, kinds = unpack_numbers(numbers, count), _tuple(nodes)
        counts = np.bincount(np.fromiter(order, np.intp, count), minlength=len(kinds)).tolist()
        columns = [iter(self.column(node, size)) for node, size in zip(kinds, counts, strict=True)]
        return list(map(next, map(columns.__getitem__, order)))


def _tuple(values: object) -> tuple[Any, ...]:
    if type(values) is not tuple:
        raise BadInput(f"batch: {type(values).__name__} instead of a column's values")
    return values


def _plain(_: Reader, count: int, values: object) -> Column:
    column = _tuple(values)
    if len(column) != count:
        raise BadInput(f"batch: a column of {len(column)} values; expected {count}")
    return column


def _repeated(_: Reader, count: int, values: object, numbers: object) -> Column:
    column = _tuple(values)
    if not all(map(is_constant, set(map(type, column)))):
        raise BadInput("batch: a value that could change stands for several rows; expected constants")
    return list(map(column.__getitem__, unpack_numbers(numbers, count)))


def _instants(reader: Reader, count: int, values: object) -> Column:
    return [EPOCH + timedelta(0, 0, value) for value in _plain(reader, count, values)]


# By code. Not bound to a reader: one that held itself would hold its batch until the collector comes by.
_READERS: tuple[Callable[..., Column], ...] = (
    _plain,
    _repeated,
    Reader.objects,
    Reader.matrix,
    Reader.ragged,
    Reader.tuples,
    Reader.mixed,
    _instants,
)
