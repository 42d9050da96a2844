"""What is known of readings that came from elsewhere, as datasets' documents: also in a folder where nobody describes a site."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cim.platform.documents.kinds import Body, Kind
from cim.platform.documents.series import Belongs, dataset_of
from cim.platform.documents.store import Document, DocumentStore, Note
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path

_WRITER = "data ingestion"


def describe_taken(folder: Path, now: datetime) -> int:
    """Write a document for each series of a data folder's readings; how many are new versions.

    Whose a series is, and where, stays as it was told before, or is what is told of its usage point.

    Args:
        now: on the clock of whoever asks the sources, UTC.

    Raises:
        BadInput: there is no readings table yet.
        IlesError: the disk is full.
    """
    series = ReadingQueries(readings_place(folder)).series(Selection()).to_pylist()
    documents = DocumentStore(documents_path(folder))
    try:
        told = {one.key: one for one in documents.all(Kind.DATASET)}
        points = {one.key: one.body or {} for one in documents.all(Kind.USAGE_POINT)}
        found = []
        for one in series:
            key, _ = dataset_of(one, Belongs())
            _, body = dataset_of(one, _belongs(told.get(key), points.get(str(one["usage_point"]))))
            found.append((Kind.DATASET, key, body))
        # A finished run's documents are of its own day, which may be behind the machine's clock.
        at = max((now, *(one.note.at for one in told.values())))
        return documents.put_all(found, Note(_WRITER, at, "taken in from its sources"))
    finally:
        documents.close()


def _belongs(told: Document | None, point: Body | None) -> Belongs:
    if told is not None and told.body is not None:
        return Belongs(*(str(told.body[name]) for name in Belongs._fields))
    if point is None:
        return Belongs()
    owner = str(point["usage_point"]) if point["kind"] == "prosumer" else ""
    return Belongs(owner, "", str(point["congestion_point"]))
