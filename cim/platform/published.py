"""What a run or site has published, read from its folder; nothing is opened for writing, so a folder in use is safe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from cim.platform.columns import Row, publication_of
from cim.platform.publication_log import logged
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES, family_name
from cim.platform.store import Key, Told, fits

P = TypeVar("P", bound=Publication)


class PublishedTables:
    """The publications of a folder: those in its tables, and those that are only logged yet, as on a living site.

    What has been read of a family stays as it was read.

    Args:
        folder: of the run or site; one that has no tables has published nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "publications"
        self._read: dict[str, list[Told[Publication]]] = {}

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """All publications of a family, in order; see `cim.platform.store.Publications`."""
        name = family_name(family)
        if name not in self._read:
            self._read[name] = self._rows(name)
        found = [told for told in self._read[name] if fits(told.publication, since, until, key)]
        return cast("list[Told[P]]", found)

    def _rows(self, name: str) -> list[Told[Publication]]:
        import pyarrow.parquet as pq

        # The log before the tables: it is emptied only after what it held stands in them.
        waiting = self._logged()
        parts = sorted(self._folder.glob(f"{name}-*.parquet"))
        rows = (row for part in parts for row in pq.ParquetFile(part).read().to_pylist())
        family = FAMILIES[name]
        found = [Told(row["sequence"], row["told_by"], publication_of(family, row)) for row in rows]
        last = found[-1].number if found else 0
        new = (entry for entry in waiting if entry[2] == name and entry[0] > last)
        return [*found, *(Told(number, agent, publication_of(family, row)) for number, agent, _, row in new)]

    def _logged(self) -> list[tuple[int, str, str, Row]]:
        return logged(self._folder / "put.log")

    def newest(self) -> datetime | None:
        """When the last publication was made, UTC; None where there is none."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        logged_at = [publication_of(FAMILIES[name], row).at for _, _, name, row in self._logged() if name in FAMILIES]
        instants = [
            pc.max(pq.ParquetFile(part).read(["at"])["at"]).as_py() for part in self._folder.glob("*-*.parquet")
        ]
        return max((at.astimezone(UTC) for at in (*logged_at, *instants)), default=None)


def published(folder: Path, family: type[P]) -> list[P]:
    """All publications of a family that a folder holds now, in order."""
    return [told.publication for told in PublishedTables(folder).told(family)]
