"""Compaction: appended rows move into files of their month, sorted, the newest revision of each reading apart from the rest.

A query for what holds now then reads each reading once, and a meter's rows lie together; nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from cim.platform.readings.columns import file_schema
from cim.platform.readings.database import connect
from cim.platform.readings.delta_log import DeltaLog
from cim.platform.readings.files import ROW_GROUP
from cim.platform.readings.selection import Parameters, Selection
from cim.platform.readings.snapshot import CURRENT, PAST, Snapshot
from cim.platform.readings.sources import COLUMNS_SQL, NEWEST_FIRST, files_sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from deltalake.transaction import AddAction

_SORTED = "ORDER BY meter, reading_type, begin, revision"
_MONTH = "strftime(begin::TIMESTAMP, '%Y-%m')"


def compact(log: DeltaLog) -> int:
    """Move all appended rows; how many they were.

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
        added: list[AddAction] = []
        removed = set(files.new)
        for month in months:
            old = _files_of(files, month)
            found, given = files_sql(log.place, (*files.new, *old), "month_files", connection)
            begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
            bounds: Parameters = {"month_begin": begin, "month_end": (begin + timedelta(days=31)).replace(day=1)}
            term = "begin >= $month_begin AND begin < $month_end"
            added += _write_month(log, connection, month, found, term, given | bounds)
            removed |= set(old)
        log.commit(added, removed)
    return sum(months.values())


def rewrite(log: DeltaLog, without: Selection) -> int:
    """Write compacted months again without some of their rows; how many rows went.

    Raises:
        NotStored: the disk is full or the store away; all is as it was.
    """
    term, asked = without.condition()
    files, removed, added, gone = log.files(), set[str](), list["AddAction"](), 0
    with closing(connect()) as connection, log.storing("the table without what is removed"):
        for month in sorted({part.partition("-")[2] for part in files.parts.values()}):
            old = _files_of(files, month)
            found, given = files_sql(log.place, old, "month_files", connection)
            (count,) = connection.execute(f"SELECT count(*) FROM {found} WHERE {term}", given | asked).fetchall()[0]
            if count:
                gone += count
                removed |= set(old)
                added += _write_month(log, connection, month, found, f"NOT ({term})", given | asked)
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
    log: DeltaLog, connection: duckdb.DuckDBPyConnection, month: str, source: str, term: str, parameters: Parameters
) -> Iterator[AddAction]:
    """A month's files anew, from the rows of `source` that fit `term`."""
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
            yield log.add_file(f"{kind}-{month}", _all(first, found))
    connection.execute("DROP TABLE month_rows")


def _all(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in chain([first], rest):
        yield batch.cast(file_schema())
