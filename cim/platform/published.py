"""What a run has published, read from its folder's tables; nothing is opened for writing, so a folder in use is safe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from cim.platform.columns import publication_of
from cim.platform.publications.base import Publication
from cim.platform.publications.families import family_name
from cim.platform.store import Key, Told, fits

P = TypeVar("P", bound=Publication)


class PublishedTables:
    """The publications of a run that is over; what a living site has only logged is not among them.

    Args:
        folder: of the run; one that has no tables has published nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "publications"
        self._read: dict[str, list[Told[Publication]]] = {}

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """All publications of a family, in order; see `cim.platform.store.Publications`."""
        import pyarrow.parquet as pq

        name = family_name(family)
        if name not in self._read:
            parts = sorted(self._folder.glob(f"{name}-*.parquet"))
            rows = (row for part in parts for row in pq.ParquetFile(part).read().to_pylist())
            self._read[name] = [Told(row["sequence"], row["told_by"], publication_of(family, row)) for row in rows]
        found = [told for told in self._read[name] if fits(told.publication, since, until, key)]
        return cast("list[Told[P]]", found)

    def newest(self) -> datetime | None:
        """When the last publication was made, UTC; None where there is none."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        instants = [
            pc.max(pq.ParquetFile(part).read(["at"])["at"]).as_py() for part in self._folder.glob("*-*.parquet")
        ]
        return max((at.astimezone(UTC) for at in instants), default=None)


def published(folder: Path, family: type[P]) -> list[P]:
    """All publications of a family that stand in a folder's tables now, in order."""
    return [told.publication for told in PublishedTables(folder).told(family)]
