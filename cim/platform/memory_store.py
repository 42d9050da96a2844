"""A store that ends with its process: for simulations and tests."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar, cast

from cim.model.readings import Kind, Reading
from cim.platform.publications.base import Publication
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.store import Key, Told, fits, wanted

P = TypeVar("P", bound=Publication)


class MemoryStore:
    """A `Store` in memory.

    Args:
        keep_readings: all, none or only those of these sources; what is not kept is counted only.
    """

    def __init__(self, keep_readings: bool | frozenset[str] = True) -> None:
        self._told: dict[type[Publication], list[Told[Publication]]] = {}
        self._keep_readings = keep_readings
        self._readings: list[Reading] = []
        self._number = 0
        self.reading_count = 0

    @property
    def unkept(self) -> str | None:
        """Memory takes all."""
        return None

    def retry(self) -> None:
        """There is nothing to try."""

    def put(self, agent: str, publication: Publication) -> None:
        """Keep a publication."""
        if isinstance(publication, ReadingsTaken):
            self.reading_count += len(publication.readings)
            kept = self._keep_readings
            if isinstance(kept, frozenset):
                self._readings += (reading for reading in publication.readings if reading.source in kept)
            elif kept:
                self._readings += publication.readings
            return
        self._number += 1
        self._told.setdefault(type(publication), []).append(Told(self._number, agent, publication))

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """All publications of a family, in order; see `Store.told`."""
        kept = cast("list[Told[P]]", self._told.get(family, []))
        return [told for told in kept if fits(told.publication, since, until, key)]

    def readings(
        self,
        source: str | None = None,
        kind: Kind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Reading]:
        """Readings in the order in which they came."""
        return [reading for reading in self._readings if wanted(reading, source, kind, since, until)]

    def flush(self) -> None:
        """Nothing of it is durable."""

    def close(self) -> None:
        """Nothing of it is durable."""
