"""JSON: one document with a list of records (or an object of lists), or a record a line.

What the paths mean is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np

from cim.mapping.engine.frame import LARGEST_RECORD, Frame, Reject, column_of, frame_of_records, value_at
from cim.mapping.engine.schema import JsonFormat
from cim.model.errors import BadInput

RECORDS = 50_000  # in one frame


def json_frames(source: BinaryIO, written: JsonFormat, columns: Sequence[str]) -> Iterator[Frame]:
    """Frames of the records.

    Raises:
        BadInput: it is no JSON, or there are no records at `rows`.
    """
    if written.lines:
        yield from _line_frames(source, columns)
        return
    try:
        found: object = json.loads(source.read())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the document is no JSON: {str(error)[:200]}") from None
    place = f"rows {written.rows!r}" if written.rows else "the document"
    if written.rows:
        found = value_at(found, written.rows)
    if written.parallel:
        yield from _parallel_frames(found, place, columns)
        return
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list):
        raise BadInput(f"{place}: {type(found).__name__}; expected a list of records")
    for first in range(0, len(found), RECORDS):
        numbered = list(enumerate(found[first : first + RECORDS], first + 1))
        yield _frame(numbered, columns, [])


def _frame(numbered: Sequence[tuple[int, object]], columns: Sequence[str], rejects: list[Reject]) -> Frame:
    records, lines = [], []
    for number, record in numbered:
        if isinstance(record, Mapping):
            records.append(record)
            lines.append(number)
        else:
            text = json.dumps(record)[:LARGEST_RECORD]
            rejects.append(Reject(number, f"the record is a {type(record).__name__}; expected an object", text))
    frame = frame_of_records(records, columns, lines)
    return Frame(frame.columns, frame.lines, tuple(rejects), records=records)


def _line_frames(source: BinaryIO, columns: Sequence[str]) -> Iterator[Frame]:
    lines = enumerate(source, 1)
    while block := list(islice(lines, RECORDS)):
        rejects: list[Reject] = []
        numbered: list[tuple[int, object]] = []
        for number, line in block:
            if not line.strip():
                continue
            try:
                numbered.append((number, json.loads(line)))
            except (ValueError, RecursionError) as error:
                text = line.decode("utf-8", "replace").strip()[:LARGEST_RECORD]
                rejects.append(Reject(number, f"the line is no JSON: {str(error)[:200]}", text))
        yield _frame(numbered, columns, rejects)


def _parallel_frames(found: object, place: str, columns: Sequence[str]) -> Iterator[Frame]:
    if not isinstance(found, Mapping):
        raise BadInput(f"{place}: {type(found).__name__}; expected an object of lists")
    lists: dict[str, list[object]] = {}
    for column in columns:
        values = value_at(found, column)
        if not isinstance(values, list):
            raise BadInput(f"{place}: {column!r} is no list there; there are {', '.join(map(str, found))[:400]}")
        lists[column] = values
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise BadInput(f"{place}: lists of different lengths ({lengths}); expected one value of each for each record")
    rows = next(iter(lengths.values()))
    for first in range(0, rows, RECORDS):
        arrays = {name: column_of(values[first : first + RECORDS]) for name, values in lists.items()}
        yield Frame(arrays, np.arange(first + 1, min(first + RECORDS, rows) + 1, dtype=np.int64))
