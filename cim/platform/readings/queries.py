"""Queries over the readings table, from any process and beside its writer: DuckDB reads the live files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cim.platform.readings.columns import file_schema
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Parameters, Selection
from cim.platform.readings.snapshot import snapshot
from cim.platform.readings.sources import Sources

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = "1GB"


class ReadingQueries:
    """What a table of readings says; each query sees the table as it is when it begins.

    Args:
        place, options: of the table; see `ReadingsTable`.
        memory: that DuckDB may take before it goes to the disk.
    """

    def __init__(self, place: str | Path, options: Mapping[str, str] | None = None, memory: str = MEMORY) -> None:
        import duckdb

        self._place = Place(str(place), options or {})
        self._connection = duckdb.connect()
        self._connection.execute("SET memory_limit = $memory", {"memory": memory})
        self._connection.execute("SET TimeZone = 'UTC'")

    def rows(self, selection: Selection) -> pa.Table:
        """Readings, of each its newest revision (that the platform knew at `as_of`), by meter, reading type and begin.

        Columns: those of a batch and the revision.

        Raises:
            BadInput: there is no such table.
        """
        found = self.run("SELECT * FROM readings ORDER BY meter, reading_type, begin", {}, selection)
        return found.cast(file_schema())

    def count(self, selection: Selection) -> int:
        """How many readings there are, each counted once, whatever its revisions."""
        return int(self.run("SELECT count(*) AS count FROM readings", {}, selection)["count"][0].as_py())

    def run(self, sql: str, parameters: Parameters, selection: Selection) -> pa.Table:
        """A query of one's own.

        Args:
            sql: SELECT over `readings`, which are those that `selection` asks for; made of constant words, or of a tree
                whose values are parameters, never of text from outside.
        """
        with snapshot(self._place) as files:
            cursor = self._connection.cursor()
            try:
                sources = Sources(self._place, files, cursor, selection)
                text = f"WITH readings AS ({sources.newest()}) {sql}"
                return cursor.sql(text, params=sources.parameters | parameters).to_arrow_table()
            finally:
                cursor.close()
