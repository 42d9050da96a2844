"""The store port: where publications go, and where everybody who shows or counts something reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from cim.model.readings import Kind, Reading
from cim.platform.publications.base import Publication

P = TypeVar("P", bound=Publication)
Key = Mapping[str, str | int | date]


@dataclass(frozen=True, slots=True)
class Told(Generic[P]):
    """A publication as it is kept.

    Attributes:
        number: counts up with every publication of a store, whatever its family.
        agent: who told it.
    """

    number: int
    agent: str
    publication: P


class Publications(Protocol):
    """Publications by family, as they can be read, in the order in which they were put."""

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """All publications of a family, in order.

        Args:
            since, until: of their `at`; `until` is excluded.
            key: field -> value that it must have.
        """
        ...


class Store(Publications, Protocol):
    """Publications and readings, kept."""

    @property
    def reading_count(self) -> int:
        """How many readings it was given, and what it kept of earlier ones."""
        ...

    @property
    def unkept(self) -> str | None:
        """Why what was put last is not kept yet (the disk is full), in a sentence; None: all is kept."""
        ...

    def put(self, agent: str, publication: Publication) -> None:
        """Keep a publication, now or, where `unkept` says why not, as soon as it can be."""
        ...

    def retry(self) -> None:
        """Try again to keep what is not."""
        ...

    def readings(
        self,
        source: str | None = None,
        kind: Kind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Reading]:
        """Readings in the order in which they came; `until` is excluded."""
        ...

    def flush(self) -> None:
        """Make durable what has been put so far; `unkept` says why not."""
        ...

    def close(self) -> None:
        """Make everything durable; nothing is put any more, but all can be read."""
        ...


def values(store: Publications, family: type[P], since: datetime | None = None, key: Key | None = None) -> list[P]:
    """The publications alone."""
    return [told.publication for told in store.told(family, since, key=key)]


def latest(store: Publications, family: type[P], *fields: str, since: datetime | None = None) -> list[P]:
    """Of all publications that agree in these fields the last one, in order."""
    found: dict[tuple[object, ...], P] = {}
    for publication in values(store, family, since):
        about = tuple(getattr(publication, field) for field in fields)
        found.pop(about, None)
        found[about] = publication
    return list(found.values())


def fits(publication: Publication, since: datetime | None, until: datetime | None, key: Key | None) -> bool:
    """Whether a publication is asked for; see `Store.told`."""
    if (since is not None and publication.at < since) or (until is not None and publication.at >= until):
        return False
    return all(getattr(publication, field) == value for field, value in (key or {}).items())


def wanted(
    reading: Reading, source: str | None, kind: Kind | None, since: datetime | None, until: datetime | None
) -> bool:
    """Whether a reading is asked for; see `Store.readings`."""
    if (since is not None and reading.at < since) or (until is not None and reading.at >= until):
        return False
    return source in (None, reading.source) and kind in (None, reading.kind)
