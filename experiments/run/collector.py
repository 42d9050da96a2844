"""Keeps what the agents publish during a run: figures for summary and report, readings for the tables."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

from cim.platform.publications import Publication, ReadingsTaken
from cim.platform.tables import ReadingTable

P = TypeVar("P", bound=Publication)


class Collector:
    """The sink of a run.

    Attributes:
        readings: how many were taken.
    """

    def __init__(self, folder: Path | None) -> None:
        self._table = None if folder is None else ReadingTable(folder)
        self._told: dict[type[Publication], list[tuple[str, Publication]]] = {}
        self.readings = 0

    def __call__(self, agent: str, publication: Publication) -> None:
        """Take one publication."""
        if isinstance(publication, ReadingsTaken):
            self.readings += len(publication.readings)
            if self._table is not None:
                self._table.add(publication.readings)
            return
        self._told.setdefault(type(publication), []).append((agent, publication))

    def values(self, family: type[P]) -> list[P]:
        """All publications of a family, in order."""
        return cast("list[P]", [publication for _, publication in self._told.get(family, [])])

    def close(self) -> None:
        """Write what is left."""
        if self._table is not None:
            self._table.flush()
