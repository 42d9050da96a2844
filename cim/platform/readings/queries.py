"""Queries over the readings table, from any process and beside its writer: DuckDB reads the live files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cim.platform.readings.columns import file_schema
from cim.platform.readings.database import MEMORY, connect
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Parameters, Selection
from cim.platform.readings.snapshot import LiveFiles, Snapshot
from cim.platform.readings.sources import Sources
from cim.platform.readings.windows import Grouping, Window, begin_of, window_sql

if TYPE_CHECKING:
    import pyarrow as pa

_Asked = Callable[[Snapshot], tuple[str, Parameters]]
# An absent or invalid reading has no value that could be summed.
_VALUE = "CASE WHEN quality IN ('GOOD', 'STALE') THEN value END"
_SERIES = """SELECT usage_point, meter, reading_type, min(begin) AS first, max(begin) AS last, count(*) AS readings,
    count(*) FILTER (quality = 'GOOD') / count(*) AS good_share, max(revision) AS revision
    FROM readings GROUP BY ALL ORDER BY ALL"""


class ReadingQueries:
    """What a table of readings says; each query sees the table as it is when it begins.

    Args:
        place, options: of the table; see `ReadingsTable`.
        memory: that DuckDB may take before it goes to the disk.
    """

    def __init__(
        self, place: Place | str | Path, options: Mapping[str, str] | None = None, memory: str = MEMORY
    ) -> None:
        self._place = Place.of(place, options)
        self._files = LiveFiles(self._place)
        self._connection = connect(memory)

    def rows(self, selection: Selection) -> pa.Table:
        """Readings, of each its newest revision (that the platform knew at `as_of`), by meter, reading type and begin.

        Columns: those of a batch and the revision.

        Raises:
            BadInput: there is no such table.
        """
        found = self.run("SELECT * FROM readings ORDER BY meter, reading_type, begin", {}, selection)
        return found.cast(file_schema())

    def revisions(self, selection: Selection) -> pa.Table:
        """The same with all revisions of each reading, the oldest first: what was known when, and from where."""
        text = "SELECT * FROM readings ORDER BY meter, reading_type, begin, revision"
        return self._ask(lambda _: (text, {}), selection, newest=False).cast(file_schema())

    def count(self, selection: Selection) -> int:
        """How many readings there are, each counted once, whatever its revisions."""
        return int(self.run("SELECT count(*) AS count FROM readings", {}, selection)["count"][0].as_py())

    def series(self, selection: Selection) -> pa.Table:
        """Each (usage_point, meter, reading_type) with the begin of its first and last reading, how many there are, which
        share of them is GOOD, and its newest revision."""
        return self.run(_SERIES, {}, selection)

    def aggregates(
        self, selection: Selection, window: Window, zone: ZoneInfo, by: Sequence[Grouping] = ("meter",)
    ) -> pa.Table:
        """Sums and means by window of local time; a reading belongs to the window in which it begins.

        Columns: those of `by`, reading_type, begin (of the window, UTC), readings, used (those with a value: GOOD or
        STALE), sum, mean, min, max (of those used, in the reading type's unit; null where none is). Only values of an
        interval are summed: a sum of what was shown at instants, such as power or a counter, is none.

        Args:
            by: what is told apart beside the reading type; nothing = all that is selected in one.
        """
        names = ", ".join((*by, "reading_type"))

        def asked(files: Snapshot) -> tuple[str, Parameters]:
            number, parameters = window_sql(window, zone, *_span(files, selection))
            valued = f"SELECT {names}, {number} AS number, duration_s, {_VALUE} AS value FROM readings"
            grouped = (
                f"SELECT {names}, number, count(*) AS readings, count(value) AS used,"
                " sum(value) FILTER (duration_s > 0) AS sum, sum(value) AS total,"
                f" min(value) AS min, max(value) AS max FROM ({valued}) GROUP BY ALL"
            )
            return f"SELECT *, total / nullif(used, 0) AS mean FROM ({grouped}) ORDER BY ALL", parameters

        return _with_begin(self._ask(asked, selection), window, zone, (*by, "reading_type"))

    def run(self, sql: str, parameters: Parameters, selection: Selection) -> pa.Table:
        """A query of one's own.

        Args:
            sql: SELECT over `readings`, which are those that `selection` asks for; made of constant words, or of a tree
                whose values are parameters, never of text from outside.
        """
        return self._ask(lambda _: (sql, parameters), selection)

    def _ask(self, asked: _Asked, selection: Selection, newest: bool = True) -> pa.Table:
        with self._files.read() as files:
            cursor = self._connection.cursor()
            try:
                sources = Sources(self._place, files, cursor, selection)
                rows = sources.newest() if newest else sources.revisions()
                sql, parameters = asked(files)
                text = f"WITH readings AS ({rows}) {sql}"
                return cursor.sql(text, params=sources.parameters | parameters).to_arrow_table()
            finally:
                cursor.close()


def _span(files: Snapshot, selection: Selection) -> tuple[datetime, datetime]:
    """The first and last begin that a query can meet."""
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    begin, end = files.begin or epoch, files.end or epoch
    low = max(begin, selection.begin or begin)
    return low, max(low, min(end, selection.end or end))


def _with_begin(table: pa.Table, window: Window, zone: ZoneInfo, names: tuple[str, ...]) -> pa.Table:
    """A window's begin in the place of its number."""
    import pyarrow as pa

    known = {number: begin_of(window, zone, number) for number in set(table["number"].to_pylist())}
    begins = pa.array([known[number] for number in table["number"].to_pylist()], type=pa.timestamp("us", tz="UTC"))
    ordered = table.append_column("begin", begins)
    return ordered.select([*names, "begin", "readings", "used", "sum", "mean", "min", "max"])
