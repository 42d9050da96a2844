"""A run's or site's data folder: telemetry becomes rows of the readings table, and what was published becomes documents.

`DIR/data/readings` is the Delta table, `DIR/data/documents.sqlite` the documents. Filling it again adds what is new alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cim.platform.access.principals import Handover
from cim.platform.columns import Plain, row_of
from cim.platform.documents.kinds import Body, Kind
from cim.platform.documents.series import Belongs, Series, dataset_of
from cim.platform.documents.store import DocumentStore, Note
from cim.platform.handler.new_readings import Known, not_there
from cim.platform.publications.agreements import AssetsRegistered, ConnectionSwitched, ContractAgreed
from cim.platform.published import published
from cim.platform.readings.storage import readings_place

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import JsonValue

    from cim.platform.readings.table import ReadingsTable

_STREAM = "telemetry"  # numbered by the parts of DIR/telemetry
_WRITER = "data platform"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to the grid, or a point of it, with what measures there.

    Attributes:
        usage_point: name by which its readings are found: the prosumer's, or the congestion point's.
        kind: `prosumer` or `grid`.
        aggregator: who markets its flexibility, before the first of `handovers`; empty if nobody does.
        meters: name of a meter or device -> kind of what it measures.
        handovers: to other aggregators, by their instants.
    """

    usage_point: str
    kind: str
    aggregator: str
    congestion_point: str
    meters: Mapping[str, str]
    handovers: tuple[Handover, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the platform must know of a site beside its telemetry and publications.

    Attributes:
        parties: domain by which the market knows a party -> its name.
        dso: name of the party that runs the grid.
    """

    name: str
    timezone: str
    connections: Sequence[Connection]
    parties: Mapping[str, str] = field(default_factory=dict)
    dso: str = ""


def documents_path(folder: Path) -> Path:
    """Where a run's or site's documents are."""
    return folder / "data" / "documents.sqlite"


def take_telemetry(table: ReadingsTable, folder: Path, site: SiteFacts, known: Known | None = None) -> int:
    """Append the parts of the telemetry that the table has not yet; how many readings they are.

    Args:
        known: where readings come by their topic, too: the table's queries; what the table has already is passed over.

    Raises:
        NotStored: the disk is full; the parts before stay.
    """
    from cim.platform.readings.batch import ReadingBatch

    usage_points = {meter: one.usage_point for one in site.connections for meter in one.meters}
    last, taken = table.sequence(_STREAM), 0
    for number, part in _parts(folder / "telemetry"):
        if last is None or number > last:
            readings = _readings(part, usage_points)
            if known is not None:
                readings = _missing(readings, known)
            taken += table.append(ReadingBatch(readings), _STREAM, number).rows
    return taken


def describe(folder: Path, site: SiteFacts, now: datetime, series_every: timedelta = timedelta(0)) -> int:
    """Write documents of the site, of what was published and of each series of readings; how many are new versions.

    Args:
        series_every: those of series are left as they are where the newest is younger: each hour of a living site would
            else be a version of each of them.

    Raises:
        BadInput: there is no readings table yet.
    """
    from cim.platform.readings.queries import ReadingQueries
    from cim.platform.readings.selection import Selection

    documents = DocumentStore(documents_path(folder))
    try:
        told = max((one.note.at for one in documents.all(Kind.DATASET)), default=None)
        series = []
        if told is None or now - told >= series_every:
            series = ReadingQueries(readings_place(folder)).series(Selection()).to_pylist()
        note = Note(_WRITER, now, "taken from the run's telemetry and publications")
        return documents.put_all(
            (*_described(site, _handed_over(folder, site)), *_published(folder), *_datasets(series, site.connections)),
            note,
        )
    finally:
        documents.close()


def _parts(telemetry: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem.rpartition("-")[2]), path) for path in telemetry.glob("readings-*.parquet"))


def _missing(readings: pa.Table, known: Known) -> pa.Table:
    import pyarrow as pa

    if not readings.num_rows:
        return readings
    lines = pa.array(range(readings.num_rows), pa.int64())
    return not_there(readings.append_column("line", lines), known).drop_columns(["line"])


def _readings(part: Path, usage_points: Mapping[str, str]) -> pa.Table:
    """A part of the telemetry: values of an instant, known to the platform at that instant."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cim.platform.readings.columns import batch_schema

    found = pq.ParquetFile(part).read()
    meters = found["source"].cast(pa.string())
    points = [usage_points.get(meter, meter.rpartition(".")[0] or meter) for meter in meters.to_pylist()]
    columns = {
        "usage_point": pa.array(points, pa.string()),
        "meter": meters,
        "reading_type": found["reading_type"].cast(pa.string()),
        "begin": found["at"],
        "duration_s": pa.array([0] * found.num_rows, pa.int32()),
        "value": found["value"],
        "quality": found["quality"].cast(pa.string()),
        "recorded": found["at"],
        "source": pa.array([_STREAM] * found.num_rows, pa.string()),
    }
    return pa.table(columns, schema=batch_schema())


def _handed_over(folder: Path, site: SiteFacts) -> Mapping[str, tuple[Handover, ...]]:
    """By connection, the handovers that were agreed while the site lived."""
    found: dict[str, tuple[Handover, ...]] = {}
    for told in published(folder, ConnectionSwitched):
        name, handover = handed_over(told, site)
        found[name] = tuple(sorted((*found.get(name, ()), handover)))
    return found


def handed_over(told: ConnectionSwitched, site: SiteFacts) -> tuple[str, Handover]:
    """Which connection goes over, and the handover, by the names that the platform has for both."""
    aggregator = site.parties.get(told.aggregator, told.aggregator)
    return site.parties.get(told.owner, told.owner), Handover(told.begins, aggregator)


def _described(site: SiteFacts, agreed: Mapping[str, Sequence[Handover]]) -> Iterator[tuple[Kind, str, Body]]:
    parties: dict[str, JsonValue] = dict(site.parties)
    settings: dict[str, JsonValue] = {"name": site.name, "timezone": site.timezone, "dso": site.dso, "parties": parties}
    yield Kind.CONFIGURATION, "site", {"about": "site", "settings": settings}
    for one in site.connections:
        made = (*one.handovers, *agreed.get(one.usage_point, ()))
        body: Body = {
            "usage_point": one.usage_point,
            "aggregator": one.aggregator,
            "congestion_point": one.congestion_point,
            "kind": one.kind,
            "place": site.name,
            "handovers": [{"since": since.isoformat(), "aggregator": aggregator} for since, aggregator in made],
        }
        yield Kind.USAGE_POINT, one.usage_point, body


def _published(folder: Path) -> Iterator[tuple[Kind, str, Body]]:
    for told in published(folder, AssetsRegistered):
        for asset in told.assets:
            yield Kind.ASSET, asset.name, {name: _json(value) for name, value in row_of(asset).items()}
    for contract in published(folder, ContractAgreed):
        yield Kind.CONTRACT, contract.contract_id, {name: _json(value) for name, value in row_of(contract).items()}


def _datasets(series: Sequence[Series], connections: Sequence[Connection]) -> Iterator[tuple[Kind, str, Body]]:
    """A document for each series of readings."""
    points = {one.usage_point: one for one in connections}
    for found in series:
        point = points.get(str(found["usage_point"]))
        belongs = Belongs()
        if point is not None:
            owner = "" if point.kind == "grid" else point.usage_point
            belongs = Belongs(owner, point.meters.get(str(found["meter"]), ""), point.congestion_point)
        yield Kind.DATASET, *dataset_of(found, belongs)


def _json(value: Plain) -> JsonValue:
    """A publication's value as JSON has it."""
    if isinstance(value, date):  # an instant is a date, too
        return value.isoformat()
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value
