"""What queries run over: the readings table with its usage points beside, or a small table that somebody holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
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
            yield Opened("WITH newest AS (" + sources.newest() + ")" + _WITH_POINTS, sources.parameters)


class TableRelation:
    """A table in memory, with its usage points beside; it has the columns of its dataset but those of the points."""

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
        yield Opened(_WITH_POINTS, {})


def usage_point_table(points: Sequence[UsagePoint]) -> pa.Table:
    """What policies need to know of each usage point; what is empty is missing."""
    import pyarrow as pa

    names = ("usage_point", "aggregator", "congestion_point", "kind", "place", "meter")
    rows = [{name: asdict(point)[name] or None for name in names} for point in points]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))
