"""Opens the data of a run's or a site's folder for callers: who is who from its documents, the search index made from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from cim.model.reading_type import parse_reading_type
from cim.model.readings import name_of
from cim.platform.access.attributes import READINGS
from cim.platform.access.control import AccessControl, Clock, Holder
from cim.platform.access.groups import groups_between, groups_for
from cim.platform.access.principals import PrincipalBook, UsagePoint
from cim.platform.documents.kinds import Body, Kind
from cim.platform.documents.store import Document, DocumentStore
from cim.platform.provisioning.definitions import DefinitionBook
from cim.platform.provisioning.engine import Engine
from cim.platform.provisioning.provision import Provision
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import ReadingsRelation
from cim.platform.readings.files import Place
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from cim.platform.search.document import SearchDocument
from cim.platform.search.index import SearchWriter
from cim.platform.site_data import documents_path
from portal.callers import book_of, text_of
from portal.data import DataSite
from portal.query_search import searchable_query

_SHAPE = "2"  # of what is made of a document: another one makes the index anew
_SEARCHED = (Kind.DATASET, Kind.ASSET, Kind.CONTRACT, Kind.CONFIGURATION)


def open_data_site(folder: Path, now: Clock, rate: RateLimit | None = None, make_index: bool = True) -> DataSite:
    """The data of a folder, as callers see it; the search index is made (again) where documents are newer.

    Args:
        folder: of a run or site, filled by `cim.platform.orchestrator.filing`.
        now: the site's own clock, UTC.
        rate: how often each may ask; a new one otherwise.
        make_index: False where another task makes it.

    Raises:
        BadInput: it has no documents, or a file in it cannot be read.
    """
    found = _found(folder)
    book = book_of(folder, found)
    data = folder / "data"
    index = data / "search"
    if make_index:
        _keep_index(index, found, book, now())
    access = AccessControl.open(data, book, now)
    relation = ReadingsRelation(readings_place(folder), book.usage_points)
    provision = Provision(access, {READINGS.name: relation}, Engine(access.key), rate or RateLimit())
    return DataSite(provision, _definitions(data), index)


def _definitions(data: Path) -> DefinitionBook:
    return DefinitionBook(data / "access" / "queries.sqlite")


@dataclass(frozen=True, slots=True)
class RefreshIndex:
    """Makes a folder's search index again where documents or parties are newer; a task of the orchestrator."""

    folder: Path

    def __call__(self, now: datetime) -> str:
        """See `cim.platform.orchestrator.task.Work`."""
        if not documents_path(self.folder).exists():
            return "no document yet"
        found = _found(self.folder)
        made = _keep_index(self.folder / "data" / "search", found, book_of(self.folder, found), now)
        return f"made of {len(found)} documents" if made else "no document is newer"


def holders(folder: Path) -> list[Holder]:
    """What keeps data of homes in a folder."""
    return [_Readings(readings_place(folder)), _Series(documents_path(folder)), _Index(folder / "data" / "search")]


def _found(folder: Path) -> list[Document]:
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        return [one for kind in (*_SEARCHED, Kind.USAGE_POINT) for one in documents.all(kind)]
    finally:
        documents.close()


def _keep_index(folder: Path, documents: list[Document], book: PrincipalBook, now: datetime) -> bool:
    """Make the index where there is none of these documents' versions and of who markets what now; whether it was made."""
    marks = sorted(f"{one.kind} {one.key} {one.version}" for one in documents)
    points = [f"{point!r} {point.aggregator_at(now)}" for point in book.usage_points]
    queries = _definitions(folder.parent).all()
    offered = [query.model_dump_json() for query in queries]
    made_from = hashlib.sha256("\n".join((_SHAPE, *marks, *points, *offered)).encode()).hexdigest()
    mark = folder / "made_from"
    if mark.exists() and mark.read_text() == made_from:
        return False
    mark.unlink(missing_ok=True)
    with SearchWriter(folder) as writer:
        writer.rebuild(chain(searchable(documents, book, now), map(searchable_query, queries)))
    mark.write_text(made_from)
    return True


def searchable(documents: Iterable[Document], book: PrincipalBook, now: datetime) -> Iterator[SearchDocument]:
    """Documents as searched, with who may find each: a series, who marketed its home in its time; an asset, who does now."""
    points = {point.usage_point: point for point in book.usage_points}
    for one in documents:
        if one.kind not in _SEARCHED or one.body is None:
            continue
        identity, body = f"{one.kind}/{one.key}", one.body
        words = " ".join(_words(body))
        if one.kind is Kind.DATASET:
            name = text_of(one, "usage_point")
            point = points.get(name, UsagePoint(name, ""))
            meter = text_of(one, "meter")
            device = meter not in {point.meter, point.usage_point}
            first, last = (datetime.fromisoformat(text_of(one, end)) for end in ("first", "last"))
            share, what = body.get("good_share"), parse_reading_type(text_of(one, "reading_type"))
            yield SearchDocument(
                identity,
                one.kind.value,
                f"{what.words} of {meter} in {what.unit_word}",
                f"{name_of(what.code)} {words}",
                text_of(one, "place"),
                text_of(one, "kind"),
                point.owner,
                "good" if isinstance(share, float | int) and share >= 0.99 else "with gaps",
                name,
                groups_for(point, device=device, first=first, last=last),
                first,
                last,
            )
        elif one.kind is Kind.ASSET:
            owner = book.named(text_of(one, "owner"))
            place = text_of(one, "congestion_point")
            market = {p.aggregator_at(now) for p in book.usage_points if p.owner == owner}
            groups = groups_between(owner, *market)
            yield SearchDocument(
                identity, one.kind.value, f"Asset {one.key}", words, place, text_of(one, "kind"), owner, groups=groups
            )
        elif one.kind is Kind.CONTRACT:
            groups = groups_between(*(book.named(text_of(one, side)) for side in ("buyer", "seller")))
            owner = book.named(text_of(one, "seller"))
            yield SearchDocument(identity, one.kind.value, f"Contract {one.key}", words, owner=owner, groups=groups)
        else:
            yield SearchDocument(identity, one.kind.value, f"Configuration {one.key}", words, groups=groups_between())


def _words(value: Body) -> Iterator[str]:
    """All texts in a body."""
    for one in value.values():
        yield one if isinstance(one, str) else json.dumps(one)


class _Readings:
    name = "readings"

    def __init__(self, place: Place) -> None:
        self._place = place

    def erase(self, usage_points: Iterable[str]) -> int:
        """Rows with all their revisions, and the files that had them."""
        with ReadingsTable(self._place) as table:
            gone = table.remove(Selection(usage_points=list(usage_points)))
            table.clean_up()
            return gone


class _Series:
    name = "series' documents"

    def __init__(self, path: Path) -> None:
        self._path = path

    def erase(self, usage_points: Iterable[str]) -> int:
        """What is known of the homes' series, all versions: else it would be listed, and found again by the next index."""
        points = set(usage_points)
        documents = DocumentStore(self._path)
        try:
            found = [one.key for one in documents.all(Kind.DATASET) if text_of(one, "usage_point") in points]
            return documents.erase(Kind.DATASET, found)
        finally:
            documents.close()


class _Index:
    name = "search"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def erase(self, usage_points: Iterable[str]) -> int:
        """Documents that are a home's; how many is not known."""
        with SearchWriter(self._folder) as writer:
            writer.erase(usage_points)
        return 0
