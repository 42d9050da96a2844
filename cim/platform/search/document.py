"""What is searched, what is asked for, and what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cim.model.errors import BadInput

FACETS = ("kind", "place", "device", "owner", "quality")  # fields whose words are counted beside what is found
MOST_HITS = 200
_LONGEST = 500  # characters of what is searched for


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What is known of something, to be found by.

    Attributes:
        identity: unique; a document of the same identity takes its place.
        kind: dataset, asset, contract, configuration, query.
        text: words by which it is found, beside its title.
        device: kind of device.
        quality: in a word, for a dataset that of most of its readings.
        usage_point: whose it is; empty: nobody's.
        groups: who may find it (`cim.platform.access.groups`).
        begin, end: of what it is about, UTC; None: not bound to a time.
    """

    identity: str
    kind: str
    title: str
    text: str = ""
    place: str = ""
    device: str = ""
    owner: str = ""
    quality: str = ""
    usage_point: str = ""
    groups: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Attributes:
        words: each must occur; of one that ends with `*` the beginning; none: everything.
        wanted: by facet, the word that the field must have.
        begin, end: documents whose time overlaps with this, UTC; those without a time do not.
    """

    words: str = ""
    wanted: Mapping[str, str] | None = None
    begin: datetime | None = None
    end: datetime | None = None
    hits: int = 20
    start: int = 0

    def __post_init__(self) -> None:
        if len(self.words) > _LONGEST:
            raise BadInput(f"search: {len(self.words)} characters; expected at most {_LONGEST}")
        if unknown := sorted(set(self.wanted or ()) - set(FACETS)):
            raise BadInput(f"search: no field {unknown[0]!r}; expected some of {', '.join(FACETS)}")
        if not (1 <= self.hits <= MOST_HITS and 0 <= self.start <= 10_000):
            raise BadInput(f"search: {self.hits} hits from {self.start}; expected 1 to {MOST_HITS} from 0 to 10000")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found; what it is worth beside others is not told, as it would depend on what is not shown."""

    identity: str
    kind: str
    title: str
    place: str
    device: str
    owner: str
    quality: str
    begin: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        count: of everything found that the caller may find.
        facets: by field and word, how many of these have it; the twenty most frequent.
    """

    hits: tuple[Hit, ...]
    count: int
    facets: Mapping[str, Mapping[str, int]]
