"""What queries run over: the readings table with its usage points beside, or a small table that somebody holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cim.platform.access.attributes import READINGS, Dataset
from cim.platform.access.principals import UsagePoint
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Parameter, Selection
from cim.platform.readings.snapshot import LiveFiles
from cim.platform.readings.sources import Sources

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Constant words. `level` says whether a row is of the connection's own meter or of a device behind it.
_WITH_POINTS = """
SELECT r.*, p.aggregator, p.congestion_point, p.kind, p.place,
  CASE WHEN r.meter = r.usage_point OR r.meter = p.meter THEN 'connection' ELSE 'device' END AS level
FROM newest r LEFT JOIN usage_points p ON r.usage_point = p.usage_point
"""
# Where homes changed their aggregator: a row belongs to whose time its interval begins in.
_IN_ITS_TIME = " AND (p.since IS NULL OR p.since <= r.begin) AND (p.until IS NULL OR r.begin < p.until)\n"


@dataclass(frozen=True, slots=True)
class Opened:
    """A relation ready to be asked: a SELECT of constant words, and what is bound in it."""

    text: str
    values: Mapping[str, Parameter]


class Relation(Protocol):
    """A dataset that can be queried; its rows have the dataset's columns and all row attributes of the policies."""

    dataset: Dataset
    points: Sequence[UsagePoint]

    def opened(
        self, cursor: duckdb.DuckDBPyConnection, homes: Sequence[str] | None = None
    ) -> AbstractContextManager[Opened]:
        """Its rows as they are now; they stay as they are inside the `with`.

        Args:
            homes: only of these usage points, where that spares reading the others; None: of all.
        """
        ...


class ReadingsRelation:
    """The readings table, of each reading its newest revision."""

    dataset = READINGS

    def __init__(
        self, place: Place | str | Path, points: Sequence[UsagePoint], options: Mapping[str, str] | None = None
    ) -> None:
        self._place = Place.of(place, options)
        self._files = LiveFiles(self._place)
        self.points = points
        self._points = usage_point_table(points)

    @contextmanager
    def opened(self, cursor: duckdb.DuckDBPyConnection, homes: Sequence[str] | None = None) -> Iterator[Opened]:
        """See `Relation`."""
        with self._files.read() as files:
            sources = Sources(self._place, files, cursor, Selection(usage_points=homes))
            cursor.register("usage_points", self._points)
            yield Opened("WITH newest AS (" + sources.newest() + ")" + _joined(self.points), sources.parameters)


class TableRelation:
    """A table in memory, with its usage points beside; it has the columns of its dataset but those of the points.

    Where a usage point has handovers, it needs a column `begin` (an instant, UTC).
    """

    def __init__(self, dataset: Dataset, table: pa.Table, points: Sequence[UsagePoint]) -> None:
        self.dataset, self.points = dataset, points
        self._table, self._points = table, usage_point_table(points)

    @contextmanager
    def opened(self, cursor: duckdb.DuckDBPyConnection, homes: Sequence[str] | None = None) -> Iterator[Opened]:
        """See `Relation`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self._table
        if homes is not None:
            table = table.filter(pc.is_in(table["usage_point"], value_set=pa.array(homes, pa.string())))
        cursor.register("newest", table)
        cursor.register("usage_points", self._points)
        yield Opened(_joined(self.points), {})


def usage_point_table(points: Sequence[UsagePoint]) -> pa.Table:
    """What policies need to know of each usage point, a row for each time with one aggregator; what is empty is missing."""
    import pyarrow as pa

    names = ("usage_point", "congestion_point", "kind", "place", "meter")
    rows = [
        {name: getattr(point, name) or None for name in names}
        | {"aggregator": held.aggregator or None, "since": held.since, "until": held.until}
        for point in points
        for held in point.marketed()
    ]
    words = [(name, pa.string()) for name in (*names, "aggregator")]
    instant = pa.timestamp("us", "UTC")
    return pa.Table.from_pylist(rows, schema=pa.schema([*words, ("since", instant), ("until", instant)]))


def _joined(points: Sequence[UsagePoint]) -> str:
    """Each row with what is known of its usage point."""
    return _WITH_POINTS + _IN_ITS_TIME if any(point.handovers for point in points) else _WITH_POINTS
