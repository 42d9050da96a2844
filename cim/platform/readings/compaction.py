"""Compaction: appended rows move into files of their month, sorted, the newest revision of each reading apart from the rest.

A query for what holds now then reads each reading once, and a meter's rows lie together; nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from cim.platform.batches import Batches
from cim.platform.readings.columns import file_schema
from cim.platform.readings.database import connect
from cim.platform.readings.delta_log import DeltaLog
from cim.platform.readings.files import ROW_GROUP, Place
from cim.platform.readings.new_files import NewFile, write_new
from cim.platform.readings.selection import Parameters, Selection
from cim.platform.readings.snapshot import CURRENT, PAST, Snapshot
from cim.platform.readings.sources import COLUMNS_SQL, NEWEST_FIRST, files_sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SORTED = "ORDER BY meter, reading_type, begin, revision"
_MONTH = "strftime(begin::TIMESTAMP, '%Y-%m')"


@dataclass(frozen=True, slots=True)
class MonthCompacted:
    """A job: the new files of a month, written from all that holds rows of it.

    Attributes:
        version: of the step that is to add them.
        files: appended ones and those of the month itself.
    """

    place: Place
    version: int
    month: str
    files: tuple[str, ...]

    def __call__(self) -> tuple[NewFile, ...]:
        """See `cim.platform.batches.Batches`. Raises OSError where the store is full or away."""
        begin = datetime.strptime(self.month, "%Y-%m").replace(tzinfo=UTC)
        bounds: Parameters = {"month_begin": begin, "month_end": (begin + timedelta(days=31)).replace(day=1)}
        term = "begin >= $month_begin AND begin < $month_end"
        with closing(connect()) as connection:
            found, given = files_sql(self.place, self.files, "month_files", connection)
            return _write_month(self.place, self.version, connection, self.month, found, term, given | bounds)


def compact(log: DeltaLog, batches: Batches) -> int:
    """Move all appended rows; how many they were.

    Args:
        batches: works the months off, each by itself; the step that adds them all is the writer's.

    Raises:
        NotStored: the disk is full or the store away; all is as it was.
    """
    files = log.files()
    if not files.new:
        return 0
    with closing(connect()) as connection, log.storing("the compacted table"):
        source, parameters = files_sql(log.place, files.new, "new_files", connection)
        counted = connection.execute(f"SELECT {_MONTH}, count(*) FROM {source} GROUP BY ALL ORDER BY 1", parameters)
        months = dict(counted.fetchall())
        old = {month: _files_of(files, month) for month in months}
        jobs = [MonthCompacted(log.place, log.next_version, month, (*files.new, *held)) for month, held in old.items()]
        added = [new for written in batches.run(jobs) for new in written]
        log.commit(added, {*files.new, *(path for held in old.values() for path in held)})
    return sum(months.values())


def rewrite(log: DeltaLog, without: Selection) -> int:
    """Write compacted months again without some of their rows; how many rows went.

    Raises:
        NotStored: the disk is full or the store away; all is as it was.
    """
    term, asked = without.condition()
    files, removed, added, gone = log.files(), set[str](), list[NewFile](), 0
    with closing(connect()) as connection, log.storing("the table without what is removed"):
        for month in sorted({part.partition("-")[2] for part in files.parts.values()}):
            old = _files_of(files, month)
            found, given = files_sql(log.place, old, "month_files", connection)
            (count,) = connection.execute(f"SELECT count(*) FROM {found} WHERE {term}", given | asked).fetchall()[0]
            if count:
                gone += count
                removed |= set(old)
                rest = f"NOT ({term})"
                added += _write_month(log.place, log.next_version, connection, month, found, rest, given | asked)
        if gone:
            log.commit(added, removed)
    return gone


def reading_types(log: DeltaLog) -> list[str]:
    """All reading types in the table."""
    files = log.files()
    with closing(connect()) as connection:
        source, parameters = files_sql(log.place, tuple(files.parts), "all_files", connection)
        found = connection.execute(f"SELECT DISTINCT reading_type FROM {source} ORDER BY 1", parameters)
        return [code for (code,) in found.fetchall()]


def _files_of(files: Snapshot, month: str) -> tuple[str, ...]:
    return (*files.of(f"{CURRENT}-{month}"), *files.of(f"{PAST}-{month}"))


def _write_month(
    place: Place,
    version: int,
    connection: duckdb.DuckDBPyConnection,
    month: str,
    source: str,
    term: str,
    parameters: Parameters,
) -> tuple[NewFile, ...]:
    """A month's files anew, from the rows of `source` that fit `term`."""
    made: list[NewFile] = []
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE month_rows AS SELECT {COLUMNS_SQL}, {NEWEST_FIRST} AS place FROM {source} WHERE {term}",
        parameters,
    )
    for kind, places in ((CURRENT, "place = 1"), (PAST, "place > 1")):
        found = connection.sql(f"SELECT {COLUMNS_SQL} FROM month_rows WHERE {places} {_SORTED}").to_arrow_reader(
            ROW_GROUP
        )
        first = next(found, None)
        if first is not None:
            made.append(write_new(place, f"{kind}-{month}", version, _all(first, found)))
    connection.execute("DROP TABLE month_rows")
    return tuple(made)


def _all(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in chain([first], rest):
        yield batch.cast(file_schema())
