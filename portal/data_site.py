"""Opens the data of a run's or a site's folder for callers: who is who from its documents, the search index made from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cim.model.errors import BadInput
from cim.platform.access.attributes import READINGS
from cim.platform.access.control import AccessControl, Clock, Holder
from cim.platform.access.groups import groups_between, groups_for
from cim.platform.access.principals import Principal, PrincipalBook, Role, UsagePoint
from cim.platform.documents.kinds import Body, Kind
from cim.platform.documents.store import Document, DocumentStore
from cim.platform.provisioning.definitions import DefinitionBook
from cim.platform.provisioning.engine import Engine
from cim.platform.provisioning.provision import Provision
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import ReadingsRelation
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable
from cim.platform.search.document import SearchDocument
from cim.platform.search.index import SearchWriter
from cim.platform.site_data import documents_path, readings_place
from portal.data import OPERATOR, DataSite

_SEARCHED = (Kind.DATASET, Kind.ASSET, Kind.CONTRACT, Kind.CONFIGURATION)


class Principals(BaseModel):
    """`DIR/data/access/principals.json`: who else may ask, and who lives where.

    Attributes:
        researchers: name -> project.
        administrators: names, beside the operator.
        occupants: usage point -> names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    researchers: dict[str, str] = {}
    administrators: tuple[str, ...] = ()
    occupants: dict[str, tuple[str, ...]] = {}


def open_data_site(folder: Path, now: Clock) -> DataSite:
    """The data of a folder, as callers see it; the search index is made (again) where documents are newer.

    Args:
        folder: of a run or site, filled by `cim.platform.site_data.fill`.
        now: the site's own clock, UTC.

    Raises:
        BadInput: it has no documents, or a file in it cannot be read.
    """
    found = _found(folder)
    book = _book(folder, found)
    data = folder / "data"
    index = data / "search"
    _keep_index(index, found, book)
    access = AccessControl.open(data, book, now)
    relation = ReadingsRelation(readings_place(folder), book.usage_points)
    provision = Provision(access, {READINGS.name: relation}, Engine(access.key), RateLimit())
    return DataSite(provision, DefinitionBook(data / "access" / "queries.sqlite"), index)


@dataclass(frozen=True, slots=True)
class RefreshIndex:
    """Makes a folder's search index again where documents or parties are newer; a task of the orchestrator."""

    folder: Path

    def __call__(self, now: datetime) -> str:  # noqa: ARG002 - documents have their own instants
        """See `cim.platform.orchestrator.task.Work`."""
        if not documents_path(self.folder).exists():
            return "no document yet"
        found = _found(self.folder)
        made = _keep_index(self.folder / "data" / "search", found, _book(self.folder, found))
        return f"made of {len(found)} documents" if made else "no document is newer"


def holders(folder: Path) -> list[Holder]:
    """What keeps data of homes in a folder."""
    return [_Readings(readings_place(folder)), _Index(folder / "data" / "search")]


def _found(folder: Path) -> list[Document]:
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        return [one for kind in (*_SEARCHED, Kind.USAGE_POINT) for one in documents.all(kind)]
    finally:
        documents.close()


def _book(folder: Path, documents: Sequence[Document]) -> PrincipalBook:
    named = _principals(folder / "data" / "access" / "principals.json")
    site = next((one.body or {} for one in documents if (one.kind, one.key) == (Kind.CONFIGURATION, "site")), {})
    settings = site.get("settings")
    facts = settings if isinstance(settings, dict) else {}
    given = facts.get("parties")
    parties = {domain: str(name) for domain, name in given.items()} if isinstance(given, dict) else {}
    dso = str(facts.get("dso") or "")
    meters: dict[str, str] = {}
    points: list[Document] = []
    for one in documents:
        if one.kind is Kind.DATASET and _text(one, "kind") == "meter":
            meters[_text(one, "usage_point")] = _text(one, "meter")
        if one.kind is Kind.USAGE_POINT:
            points.append(one)
    usage_points = [
        UsagePoint(
            name := _text(one, "usage_point"),
            owner=name if _text(one, "kind") == "prosumer" else "",
            aggregator=_text(one, "aggregator"),
            congestion_point=_text(one, "congestion_point"),
            dso=dso if _text(one, "congestion_point") else "",
            kind=_text(one, "kind"),
            place=_text(one, "place"),
            occupants=named.occupants.get(name, ()),
            meter=meters.get(name, ""),
        )
        for one in points
    ]
    others = [Principal(name, Role.RESEARCHER, project=project) for name, project in named.researchers.items()]
    others += [Principal(name, Role.ADMINISTRATOR) for name in dict.fromkeys((OPERATOR, *named.administrators))]
    return PrincipalBook(usage_points, others, parties)


def _principals(path: Path) -> Principals:
    try:
        return Principals.model_validate_json(path.read_bytes()) if path.exists() else Principals()
    except OSError as error:
        raise BadInput(f"principals: {path} cannot be read ({error}); expected a JSON file") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "file"
        raise BadInput(f"principals: {path}: {place}: {first['msg']}") from None


def _keep_index(folder: Path, documents: list[Document], book: PrincipalBook) -> bool:
    """Make the index where there is none of these documents' versions; whether it was made."""
    marks = sorted(f"{one.kind} {one.key} {one.version}" for one in documents)
    points = [repr(point) for point in book.usage_points]
    made_from = hashlib.sha256("\n".join((*marks, *points)).encode()).hexdigest()
    mark = folder / "made_from"
    if mark.exists() and mark.read_text() == made_from:
        return False
    mark.unlink(missing_ok=True)
    with SearchWriter(folder) as writer:
        writer.rebuild(searchable(documents, book))
    mark.write_text(made_from)
    return True


def searchable(documents: Iterable[Document], book: PrincipalBook) -> Iterator[SearchDocument]:
    """Documents as they are searched, with who may find each."""
    points = {point.usage_point: point for point in book.usage_points}
    for one in documents:
        if one.kind not in _SEARCHED or one.body is None:
            continue
        identity, body = f"{one.kind}/{one.key}", one.body
        words = " ".join(_words(body))
        if one.kind is Kind.DATASET:
            name = _text(one, "usage_point")
            point = points.get(name, UsagePoint(name, ""))
            meter = _text(one, "meter")
            device = meter not in {point.meter, point.usage_point}
            share = body.get("good_share")
            yield SearchDocument(
                identity,
                one.kind.value,
                f"{_text(one, 'quantity')} of {meter} in {_text(one, 'unit')}",
                words,
                _text(one, "place"),
                _text(one, "kind"),
                point.owner,
                "good" if isinstance(share, float | int) and share >= 0.99 else "with gaps",
                name,
                groups_for(point, device=device),
                datetime.fromisoformat(_text(one, "first")),
                datetime.fromisoformat(_text(one, "last")),
            )
        elif one.kind is Kind.ASSET:
            owner = book.named(_text(one, "owner"))
            place = _text(one, "congestion_point")
            market = next((p.aggregator for p in book.usage_points if p.owner == owner), "")
            groups = groups_between(owner, market)
            yield SearchDocument(
                identity, one.kind.value, f"Asset {one.key}", words, place, _text(one, "kind"), owner, groups=groups
            )
        elif one.kind is Kind.CONTRACT:
            groups = groups_between(*(book.named(_text(one, side)) for side in ("buyer", "seller")))
            owner = book.named(_text(one, "seller"))
            yield SearchDocument(identity, one.kind.value, f"Contract {one.key}", words, owner=owner, groups=groups)
        else:
            yield SearchDocument(identity, one.kind.value, f"Configuration {one.key}", words, groups=groups_between())


def _words(value: Body) -> Iterator[str]:
    """All texts in a body."""
    for one in value.values():
        yield one if isinstance(one, str) else json.dumps(one)


def _text(document: Document, field: str) -> str:
    value = (document.body or {}).get(field)
    return value if isinstance(value, str) else ""


class _Readings:
    name = "readings"

    def __init__(self, place: Path) -> None:
        self._place = place

    def erase(self, usage_points: Iterable[str]) -> int:
        """Rows with all their revisions, and the files that had them."""
        with ReadingsTable(self._place) as table:
            gone = table.remove(Selection(usage_points=list(usage_points)))
            table.clean_up()
            return gone


class _Index:
    name = "search"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def erase(self, usage_points: Iterable[str]) -> int:
        """Documents that are a home's; how many is not known."""
        with SearchWriter(self._folder) as writer:
            writer.erase(usage_points)
        return 0
