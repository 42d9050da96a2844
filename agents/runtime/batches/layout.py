"""What writer and reader of a batch agree on: a column is a node [code, ...] of the header, numbers are packed bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from cim.codec import codec
from cim.model.errors import BadInput

Column = Sequence[Any]
Node = list[object]  # of the header: a code, and what stands below it

# [PLAIN, values]: each as the codec writes it
# [REPEATED, distinct values, numbers]: which of them each row has
# [OBJECTS, tag, column of each field]
# [MATRIX, dtype, width]: arrays of one length, [RAGGED, dtype, numbers]: of these lengths; the arrays follow the header
# [TUPLES, numbers, column]: lengths, and what is in all of them
# [MIXED, numbers, columns]: which column has the next row
# [INSTANTS, values]: microseconds since `EPOCH`
PLAIN, REPEATED, OBJECTS, MATRIX, RAGGED, TUPLES, MIXED, INSTANTS = range(8)

LENGTH = struct.Struct("<Q")
DTYPES = (np.dtype("<f8"), np.dtype("<i8"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_WIDTHS: dict[int, Any] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}


def is_constant(kind: type) -> bool:
    """Whether values of this type cannot change, so that rows may share one."""
    return kind in (str, bytes, date, datetime, timedelta) or codec.is_enum(kind) or codec.fields_of(kind) == ()


def pack_numbers(numbers: Iterable[int], top: int) -> bytes:
    """Natural numbers up to `top`, each in as many bytes as `top` needs."""
    if top < 1 << 8:
        return bytes(numbers)
    return np.array(list(numbers), _WIDTHS[2 if top < 1 << 16 else 4]).tobytes()


def unpack_numbers(data: object, count: int) -> Sequence[int]:
    """The `count` natural numbers that `pack_numbers` wrote."""
    if type(data) is bytes and len(data) == count:
        return data
    if type(data) is not bytes or count == 0 or len(data) % count or len(data) // count not in _WIDTHS:
        raise BadInput(f"batch: a column does not have {count} numbers")
    numbers: list[int] = np.frombuffer(data, _WIDTHS[len(data) // count]).tolist()
    return numbers
