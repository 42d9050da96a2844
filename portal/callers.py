"""Who may ask for a folder's data: market parties and owners by its documents, others by `DIR/data/access/principals.json`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, ValidationError

from cim.model.errors import BadInput
from cim.model.worded import Worded, what_was_expected
from cim.platform.access.principals import Handover, Principal, PrincipalBook, Role, UsagePoint
from cim.platform.documents.kinds import Body, Kind
from cim.platform.documents.store import Document, DocumentStore
from cim.platform.site_data import SiteFacts, documents_path
from portal.data import OPERATOR

# Also a file's name: each caller's token lies in a file of its own.
Caller = Annotated[
    str,
    Worded(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$", "letters, digits, . _ @ -, the first a letter or digit, at most 100"),
]


class Principals(BaseModel):
    """`DIR/data/access/principals.json`: who else may ask, and who lives where.

    Attributes:
        researchers: name -> project.
        administrators: names, beside the operator.
        occupants: usage point -> names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    researchers: dict[Caller, str] = {}
    administrators: tuple[Caller, ...] = ()
    occupants: dict[str, tuple[Caller, ...]] = {}


def named_callers(folder: Path) -> tuple[str, ...]:
    """Who else than the market's parties may ask, by `DIR/data/access/principals.json`: researchers, occupants, administrators.

    Raises:
        BadInput: the file cannot be read.
    """
    named = _principals(principals_path(folder))
    occupants = (name for names in named.occupants.values() for name in names)
    return tuple(sorted({*named.researchers, *named.administrators, *occupants} - {OPERATOR}))


def named_roles(folder: Path) -> dict[str, Role]:
    """What those are who may ask beside the market's parties, by name.

    Raises:
        BadInput: the file cannot be read.
    """
    named = _principals(principals_path(folder))
    occupants = {name: Role.OCCUPANT for names in named.occupants.values() for name in names}
    administrators = dict.fromkeys(named.administrators, Role.ADMINISTRATOR)
    return occupants | dict.fromkeys(named.researchers, Role.RESEARCHER) | administrators


def market_roles(folder: Path) -> dict[str, Role]:
    """What each market party is, by its domain, as the site's documents have it.

    Raises:
        BadInput: the folder has no documents.
    """
    store = DocumentStore(documents_path(folder), read_only=True)
    try:
        documents = [one for kind in (Kind.CONFIGURATION, Kind.USAGE_POINT, Kind.DATASET) for one in store.all(kind)]
    finally:
        store.close()
    book = book_of(folder, documents)
    found: dict[str, Role] = {}
    for domain in market_callers(folder):
        with contextlib.suppress(BadInput):  # the ledger's keeper, for example, asks for no data
            found[domain] = book.principal(domain).role
    return found


def market_callers(folder: Path) -> tuple[str, ...]:
    """The domains of a site's market parties, by its documents.

    Raises:
        BadInput: the folder has no documents.
    """
    return tuple(sorted(_market(folder)))


def party_domains(folder: Path) -> dict[str, str]:
    """By the name of each market party, its domain.

    Raises:
        BadInput: the folder has no documents.
    """
    return {name: domain for domain, name in _market(folder).items()}


def _market(folder: Path) -> dict[str, str]:
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        site = documents.get(Kind.CONFIGURATION, "site")
    finally:
        documents.close()
    return _parties({} if site is None or site.body is None else site.body)


def principals_path(folder: Path) -> Path:
    """Where a folder says who else may ask."""
    return folder / "data" / "access" / "principals.json"


def book_of(folder: Path, documents: Sequence[Document]) -> PrincipalBook:
    """Everybody who may ask, as the documents of a folder have it.

    Args:
        documents: the folder's configurations, usage points and datasets.

    Raises:
        BadInput: its principals cannot be read, or a name would have two roles.
    """
    site = next((one.body or {} for one in documents if (one.kind, one.key) == (Kind.CONFIGURATION, "site")), {})
    settings = site.get("settings")
    dso = str(settings.get("dso") or "") if isinstance(settings, dict) else ""
    meters: dict[str, str] = {}
    for one in documents:
        if one.kind is Kind.DATASET and text_of(one, "kind") == "meter":
            meters[text_of(one, "usage_point")] = text_of(one, "meter")
    points = [
        UsagePoint(
            name := text_of(one, "usage_point"),
            owner="",
            aggregator=text_of(one, "aggregator"),
            congestion_point=text_of(one, "congestion_point"),
            kind=text_of(one, "kind"),
            place=text_of(one, "place"),
            meter=meters.get(name, ""),
            handovers=_handovers(one),
        )
        for one in documents
        if one.kind is Kind.USAGE_POINT
    ]
    return _book(folder, points, dso, _parties(site))


def book_of_site(folder: Path, site: SiteFacts) -> PrincipalBook:
    """The same, as the site itself has it: before anything has been filed.

    Raises:
        BadInput: its principals cannot be read, or a name would have two roles.
    """
    points = [
        UsagePoint(
            one.usage_point,
            owner="",
            aggregator=one.aggregator,
            congestion_point=one.congestion_point,
            kind=one.kind,
            place=site.name,
            meter=next((meter for meter, kind in one.meters.items() if kind == "meter"), ""),
            handovers=one.handovers,
        )
        for one in site.connections
    ]
    return _book(folder, points, site.dso, site.parties)


def _book(folder: Path, points: Sequence[UsagePoint], dso: str, parties: Mapping[str, str]) -> PrincipalBook:
    """With whom each point concerns: a prosumer owns its own, the DSO runs what hangs below a congestion point."""
    named = _principals(principals_path(folder))
    concerned = [
        replace(
            point,
            owner=point.usage_point if point.kind == "prosumer" else "",
            dso=dso if point.congestion_point else "",
            occupants=named.occupants.get(point.usage_point, ()),
        )
        for point in points
    ]
    others = [Principal(name, Role.RESEARCHER, project=project) for name, project in named.researchers.items()]
    others += [Principal(name, Role.ADMINISTRATOR) for name in dict.fromkeys((OPERATOR, *named.administrators))]
    return PrincipalBook(concerned, others, parties)


def _handovers(document: Document) -> tuple[Handover, ...]:
    """Those of a usage point's document, which its kind has checked."""
    found = (document.body or {}).get("handovers")
    told = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return tuple(Handover(datetime.fromisoformat(str(one["since"])), str(one["aggregator"])) for one in told)


def _parties(site: Body) -> dict[str, str]:
    """By domain, the name of each party, as the configuration of the site has it."""
    settings = site.get("settings")
    given = settings.get("parties") if isinstance(settings, dict) else None
    return {domain: str(name) for domain, name in given.items()} if isinstance(given, dict) else {}


def _principals(path: Path) -> Principals:
    try:
        return Principals.model_validate_json(path.read_bytes()) if path.exists() else Principals()
    except OSError as error:
        raise BadInput(f"principals: {path} cannot be read ({error}); expected a JSON file") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "file"
        raise BadInput(f"principals: {path}: {place}: {what_was_expected(first)}") from None


def text_of(document: Document, field: str) -> str:
    """A text of a document's body; empty where it has none."""
    value = (document.body or {}).get(field)
    return value if isinstance(value, str) else ""
