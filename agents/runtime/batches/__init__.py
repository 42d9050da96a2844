"""Many messages of few types at once, as columns: what hosts send each other, at a fraction of a single message's cost.

What a single value looks like on the wire never lives here (`cim.codec.codec`), nor does any socket, host or mailbox.

The rows are turned by ninety degrees: one column for each part of an address and for each field of a wire type, nested
types recursively. What repeats is written once; arrays of numbers are laid end to end and come back as read-only views
of the bytes received. Whatever fits no column is left to the codec, and a batch carries exactly what the codec carries:
`decode_batch(encode_batch(rows))` gives for each message what `decode(encode(message))` gives.

Layout: eight bytes with the length of the header, the header (msgpack), then the arrays, each at a multiple of eight
bytes. Every row costs at least a byte in every column, so nobody can make a receiver build more than he sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents.runtime.batches.layout import LENGTH, Column
from agents.runtime.batches.reading import Reader
from agents.runtime.batches.writing import Writer
from cim.codec import codec
from cim.model.errors import BadInput, ProgrammingFault

Row = tuple[str, str, int, int, Any]
_ADDRESS = (str, str, int, int)


def encode_batch(rows: Sequence[Row]) -> bytes:
    """The rows (to, sender, lane, sequence, message), in order, as bytes; equal rows give equal bytes.

    Raises:
        ProgrammingFault: a message cannot travel, or an address is not two texts and two integers.
    """
    columns: list[Column] = list(zip(*rows, strict=True)) if rows else [()] * 5
    if len(columns) != 5 or not _are_addresses(columns):
        raise ProgrammingFault("a row of a batch is not (to, sender, lane, sequence, message): two texts, two integers")
    writer = Writer()
    header = codec.pack([len(rows), *map(writer.column, columns)])
    head = [LENGTH.pack(len(header)), header, bytes(-len(header) % 8)]
    try:
        return b"".join(head + writer.arrays)
    except TypeError:  # an array that is not laid out in one piece
        return b"".join(head + [array.tobytes() for array in writer.arrays])


def decode_batch(data: bytes) -> list[Row]:
    """The rows that `encode_batch` turned into `data`, in the same order; arrays are read-only views of `data`.

    Raises:
        BadInput: the bytes are not a batch, name a type that is not registered, or a type refuses its values.
    """
    return list(zip(*_columns(bytes(data), codec.unpack, 5), strict=True))


def addresses(data: bytes) -> list[tuple[str, str, int, int]]:
    """(to, sender, lane, sequence) of each row, also where a message is of a type that is not registered.

    Raises:
        BadInput: the bytes are not a batch.
    """
    return list(zip(*_columns(data, codec.unpack_plain, 4), strict=True))


def _columns(data: bytes, unpack: Callable[[Any], Any], wanted: int) -> list[Column]:
    """The first so many of the five columns; all that is in `data` must be read where all are wanted."""
    try:
        (length,) = LENGTH.unpack_from(data)
        if length > len(data) - LENGTH.size:
            raise BadInput(f"batch: a header of {length} bytes does not fit into {len(data)} bytes")
        end = LENGTH.size + length
        count, *nodes = unpack(memoryview(data)[LENGTH.size : end])
        if type(count) is not int or not 0 <= count <= len(data) or len(nodes) != 5:
            raise BadInput(f"batch: {count!r} rows of {len(nodes)} columns; expected at most {len(data)} rows of five")
        reader = Reader(data, end + -end % 8)
        columns = [reader.column(node, count) for node in nodes[:wanted]]
        if wanted == len(nodes) and reader.offset != len(data):
            raise BadInput(f"batch: {len(data)} bytes; expected {reader.offset}")
    except BadInput:
        raise
    except codec.FAULTS_OF_BYTES as error:
        raise BadInput(f"batch: {len(data)} bytes are not a valid batch ({error})") from error
    if not _are_addresses(columns):
        raise BadInput("batch: an address is not valid; expected two texts and two integers")
    return columns


def _are_addresses(columns: Sequence[Column]) -> bool:
    return all(set(map(type, column)) <= {kind} for kind, column in zip(_ADDRESS, columns, strict=False))
