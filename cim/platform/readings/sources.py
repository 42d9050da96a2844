"""From which files, and how, a query takes its readings: of each one row, the newest revision, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cim.platform.readings.columns import file_schema
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Selection
from cim.platform.readings.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

_COLUMNS = "usage_point, meter, reading_type, begin, duration_s, value, quality, recorded, source, revision"
_NEWEST = "QUALIFY row_number() OVER (PARTITION BY meter, reading_type, begin ORDER BY revision DESC) = 1"


class Sources:
    """SELECTs over a table's files; what they need is registered with the cursor or stands in `parameters`."""

    def __init__(self, place: Place, files: Snapshot, cursor: duckdb.DuckDBPyConnection, selection: Selection) -> None:
        self._place, self._files, self._cursor = place, files, cursor
        self._condition, self.parameters = selection.condition()
        if selection.as_of is not None:
            self.parameters["as_of"] = selection.as_of
        self._as_of = selection.as_of is not None

    def newest(self) -> str:
        """Of each reading one row."""
        if self._as_of:
            # A row that was replaced later counts where its replacement was not yet known.
            return f"{self.revisions()} {_NEWEST}"
        files = self._files
        if not files.new:
            return self._rows(files.current, "current_files")
        # Compacted rows are one a reading already: only what came since can replace them.
        new = f"{self._rows(files.new, 'new_files')} {_NEWEST}"
        if not files.current:
            return new
        kept = self._rows(files.current, "current_files")
        return f"SELECT * FROM ({kept}) ANTI JOIN ({new}) USING (meter, reading_type, begin) UNION ALL ({new})"  # noqa: S608 - constants

    def revisions(self) -> str:
        """All rows that the platform knew."""
        files = self._files
        return self._rows((*files.current, *files.past, *files.new), "all_files")

    def _rows(self, paths: Sequence[str], name: str) -> str:
        known = "AND recorded <= $as_of" if self._as_of else ""
        return f"SELECT {_COLUMNS} FROM {self._from(paths, name)} WHERE {self._condition} {known}"  # noqa: S608 - constants

    def _from(self, paths: Sequence[str], name: str) -> str:
        folder = self._place.folder
        if paths and folder is not None:
            self.parameters[name] = [str(folder / path) for path in paths]
            return f"read_parquet(${name}, hive_partitioning = false)"
        if paths:
            import pyarrow.dataset as pads

            files = pads.dataset(
                list(paths), schema=file_schema(), format="parquet", filesystem=self._place.filesystem()
            )
            self._cursor.register(name, files)
        else:
            self._cursor.register(name, file_schema().empty_table())
        return name
