"""From which files, and how, a query takes its readings: of each one row, the newest revision, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cim.platform.readings.columns import COLUMNS, file_schema
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Parameters, Selection
from cim.platform.readings.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

COLUMNS_SQL = ", ".join((*COLUMNS, "revision"))
NEWEST_FIRST = "row_number() OVER (PARTITION BY meter, reading_type, begin ORDER BY revision DESC)"
_NEWEST = f"QUALIFY {NEWEST_FIRST} = 1"


class Sources:
    """SELECTs over a table's files; what they need is registered with the cursor or stands in `parameters`."""

    def __init__(self, place: Place, files: Snapshot, cursor: duckdb.DuckDBPyConnection, selection: Selection) -> None:
        self._place, self._cursor, self._selection = place, cursor, selection
        self._files = files.meeting(selection.begin, selection.end)
        self.parameters = Parameters()

    def newest(self) -> str:
        """Of each reading one row."""
        files = self._files
        if self._selection.as_of is not None:
            # A row that was replaced later counts where its replacement was not yet known.
            every = (*files.current, *files.past, *files.new)
            return self._fitting(f"{self._rows(every, 'all_files', of_key=True)} {_NEWEST}")
        if not files.new:
            return self._rows(files.current, "current_files")
        # Compacted rows are one a reading already: only what came since can replace them. The connection is asked of
        # the newest revision alone: a reading that was moved to another connection is not that of the first any more.
        new = f"{self._rows(files.new, 'new_files', of_key=True)} {_NEWEST}"
        if not files.current:
            return self._fitting(new)
        kept = self._rows(files.current, "current_files")
        condition = self._condition()
        return (
            f"WITH newer AS MATERIALIZED ({new}) SELECT * FROM ({kept}) ANTI JOIN newer USING (meter, reading_type, begin)"
            f" UNION ALL SELECT * FROM newer WHERE {condition}"
        )

    def revisions(self) -> str:
        """All rows that the platform knew."""
        files = self._files
        return self._rows((*files.current, *files.past, *files.new), "all_files")

    def _fitting(self, rows: str) -> str:
        return f"SELECT * FROM ({rows}) WHERE {self._condition()}"

    def _rows(self, paths: Sequence[str], name: str, of_key: bool = False) -> str:
        asked, known = self._selection, ""
        span = not self._files.inside(paths, asked.begin, asked.end)
        condition, named = asked.key_condition(span) if of_key else asked.condition(span)
        if asked.as_of is not None:
            known, named["as_of"] = "AND recorded <= $as_of", asked.as_of
        source, parameters = files_sql(self._place, paths, name, self._cursor)
        self.parameters |= named | parameters
        return f"SELECT {COLUMNS_SQL} FROM {source} WHERE {condition} {known}"

    def _condition(self) -> str:
        condition, named = self._selection.condition()
        self.parameters |= named
        return condition


def files_sql(
    place: Place, paths: Sequence[str], name: str, cursor: duckdb.DuckDBPyConnection
) -> tuple[str, Parameters]:
    """What stands behind FROM for files, under a name of the query's, and the parameters that it needs."""
    if not paths:
        cursor.register(name, file_schema().empty_table())
        return name, {}
    if place.folder is not None:
        return f"read_parquet(${name}, hive_partitioning = false)", {name: [str(place.folder / path) for path in paths]}
    import pyarrow.dataset as pads

    # DuckDB reads no such store by itself; the Delta library does, and the conditions go along to it.
    files = pads.dataset(list(paths), schema=file_schema(), format="parquet", filesystem=place.filesystem())
    cursor.register(name, files)
    return name, {}
