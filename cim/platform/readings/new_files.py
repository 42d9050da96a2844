"""A file that a table's next step may add, written by whoever works it out, in whichever process, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cim.platform.readings.columns import file_schema
from cim.platform.readings.files import Place

if TYPE_CHECKING:
    import pyarrow as pa


class NewFile(NamedTuple):
    """A file that no step of the log has named yet.

    Attributes:
        path: within the table.
        size: bytes.
        statistics: rows and their span of time, as Delta's log writes them.
    """

    path: str
    size: int
    part: str
    statistics: str


def write_new(place: Place, part: str, version: int, batches: Iterable[pa.Table | pa.RecordBatch]) -> NewFile:
    """Write a file of a part; the disk has it when this returns, and repeating it replaces it.

    Args:
        version: of the step that is to add it: each step has one file of a part at most.

    Raises:
        OSError: the store is full or away.
    """
    path, spans = f"part={part}/{version:020d}.parquet", _Spans()
    written = place.write(path, file_schema(), spans.watch(batches))
    return NewFile(path, written.size, part, spans.statistics(written.rows))


class _Spans:
    """Rows that pass by, and the span of their begins."""

    def __init__(self) -> None:
        self._low: datetime | None = None
        self._high: datetime | None = None

    def watch(self, batches: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table | pa.RecordBatch]:
        import pyarrow.compute as pc

        for batch in batches:
            if batch.num_rows:
                found = pc.min_max(batch.column("begin")).as_py()
                self._low = min(found["min"], self._low or found["min"])
                self._high = max(found["max"], self._high or found["max"])
            yield batch

    def statistics(self, rows: int) -> str:
        """As Delta's log writes them."""
        if self._low is None or self._high is None:
            return json.dumps({"numRecords": rows})
        low, high = (at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for at in (self._low, self._high))
        return json.dumps({"numRecords": rows, "minValues": {"begin": low}, "maxValues": {"begin": high}})
