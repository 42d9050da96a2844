"""A block of a source's records as columns, and what of it could not be taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LARGEST_RECORD = 20_000  # characters of one rejected record that are kept


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be taken (whole, or one of its values).

    Attributes:
        line: where it stands: the file's line, or the record's number, from 1.
        reason: which field, which value, what was expected; several with `; ` between.
        raw: the record as it came: JSON of its columns, or the line itself where it has no columns.
        passed: the pass of a doubled hour it belongs to, 0 where that is not known or does not matter.
        header: the file's header line, where `raw` is a line that has no columns.
        is_record: whether `raw` is JSON of columns.
    """

    line: int
    reason: str
    raw: str
    passed: int = 0
    header: str = ""
    is_record: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length.

    Attributes:
        columns: `{name: Arrow array}` of at least those that the mapping names; texts, numbers or instants.
        lines: [N] where each record stands.
        rejects: records of the block that have no columns.
        passes: [N] the pass of a doubled hour, where it is known from before (a replay), else None.
        records: [N] the whole records, where columns are only a part of them.
    """

    columns: Mapping[str, pa.Array]
    lines: npt.NDArray[np.int64]
    rejects: tuple[Reject, ...] = ()
    passes: npt.NDArray[np.int8] | None = None
    records: Sequence[Mapping[str, object]] | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def raw(self, row: int) -> str:
        """A record as JSON, for the quarantine."""
        cells = self.records[row] if self.records is not None else {n: c[row].as_py() for n, c in self.columns.items()}
        text = json.dumps(cells, ensure_ascii=False, default=str)
        return text if _is_unicode(text) else json.dumps(cells, default=str)


def frame_of_records(
    records: Sequence[Mapping[str, object]], columns: Sequence[str], lines: Sequence[int] | None = None
) -> Frame:
    """A frame of JSON records; a column is a name, or a path with dots into nested objects and lists (`data.0.value`)."""
    arrays = {name: column_of([value_at(record, name) for record in records]) for name in columns}
    numbers = np.array(range(1, len(records) + 1) if lines is None else lines, dtype=np.int64)
    return Frame(arrays, numbers, records=records)


def column_of(values: Sequence[object]) -> pa.Array:
    """An Arrow array: numbers where all are numbers, else texts; what is neither becomes its JSON."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        try:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())  # type: ignore[arg-type]
        except OverflowError:
            pass  # an integer beyond any float: its text will be refused in its row
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, as JSON's may have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "replace").decode()


def value_at(record: object, path: str) -> object:
    """What stands at a path; None where nothing does. A key that holds dots itself goes before a path."""
    if isinstance(record, Mapping) and path in record:
        return record[path]
    for step in path.split("."):
        if isinstance(record, Mapping):
            record = record.get(step)
        elif isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            return None
    return record
