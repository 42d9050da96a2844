"""The store as Parquet tables in a folder; what is in no table yet stands in a log, so that a kill loses no publication."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from cim.model.readings import Kind, Reading
from cim.platform.columns import Row, publication_of, row_of, table_of
from cim.platform.publication_log import PublicationLog
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES, family_name
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.readings.errors import NotStored
from cim.platform.store import Key, Told, fits
from cim.platform.tables import ReadingTable

P = TypeVar("P", bound=Publication)

PART = 2_000  # publications in the log before they become tables
_CACHED = 50_000  # rows of parts that stay in memory

Kept = Told[Publication]


class ParquetStore:
    """A `Store` in a folder: `telemetry/readings-NNNN.parquet` and `publications/FAMILY-NUMBER.parquet`.

    Readings wait in memory for `flush` or for a full part; publications are in the log at once. The number in a part's
    name is that of its first row; a part is written whole and never changed. What the disk does not take waits in memory
    in its order, readable like the rest; `unkept` says why, and each further `put`, `flush` or `retry` tries again.

    Args:
        folder: is made if it is not there.
        keep: go on behind what is there, passing over what is told once more; otherwise it is replaced.

    One thread puts; others may read (`told`) meanwhile, and are kept out for no longer than a list is copied.
    """

    def __init__(self, folder: Path, keep: bool = False) -> None:
        self._telemetry = ReadingTable(folder / "telemetry", keep)
        self._folder = folder / "publications"
        self._folder.mkdir(parents=True, exist_ok=True)
        if not keep:
            for old in (*self._folder.glob("*.parquet"), *self._folder.glob("put.log")):
                old.unlink()
        self._moving, self._caching = Lock(), Lock()  # what stands where; the rows in memory
        self._cache: OrderedDict[Path, list[Kept]] = OrderedDict()
        self._cached = 0  # rows in it
        self._parts: dict[str, list[_Part]] = {name: [] for name in FAMILIES}
        for path in self._folder.glob("*-*.parquet"):
            name = path.stem.rpartition("-")[0]
            if name in FAMILIES:
                self._parts[name].append(_Part.read(path))
        for found in self._parts.values():
            found.sort(key=lambda part: part.first)
        self._number = max((part.last for parts in self._parts.values() for part in parts), default=0)
        self._log = PublicationLog(self._folder / "put.log")
        self._unlogged: deque[tuple[int, str, str, Row]] = deque()
        self._unkept: str | None = None
        self._pending: dict[str, list[Kept]] = {}
        self._waiting = 0
        for number, agent, name, row in self._log.rows:
            parts = self._parts.get(name)
            # A kill between a table's last byte and the clearing of the log leaves rows in both.
            if parts is not None and (not parts or number > parts[-1].last):
                self._wait(name, Told(number, agent, publication_of(FAMILIES[name], row)))
            self._number = max(self._number, number)
        self._log.rows.clear()
        self._before = self._last_hour() if keep else frozenset()

    @property
    def reading_count(self) -> int:
        """How many readings there are."""
        return self._telemetry.count

    @property
    def unkept(self) -> str | None:
        """See `Store`."""
        return self._unkept

    def put(self, agent: str, publication: Publication) -> None:
        """Keep a publication."""
        if isinstance(publication, ReadingsTaken):
            self._try(partial(self._telemetry.add, publication.readings))
            if self._unlogged:
                self.retry()
            return
        if (agent, publication) in self._before:
            return
        self._number += 1
        name = family_name(type(publication))
        self._unlogged.append((self._number, agent, name, row_of(publication)))
        self._wait(name, Told(self._number, agent, publication))
        self.retry()

    def retry(self) -> None:
        """See `Store`."""
        self._try(self._write)

    def _write(self) -> None:
        while self._unlogged:
            self._log.append(*self._unlogged[0])
            self._unlogged.popleft()
        if self._waiting >= PART:
            self._tabulate()
        if self._telemetry.is_full:
            self._telemetry.flush()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            waiting = f"{len(self._unlogged)} publications wait in memory"
            self._unkept = f"{self._folder.parent} takes nothing ({error.strerror or error}); {waiting}"
        else:
            self._unkept = None

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """All publications of a family, in order; see `Store.told`."""
        name = family_name(family)
        with self._moving:
            parts, pending = list(self._parts[name]), list(self._pending.get(name, ()))
        found = [
            told
            for part in parts
            if part.overlaps(since, until)
            for told in self._rows(name, part.path)
            if fits(told.publication, since, until, key)
        ]
        found += [told for told in pending if fits(told.publication, since, until, key)]
        return cast("list[Told[P]]", found)

    def readings(
        self,
        source: str | None = None,
        kind: Kind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Reading]:
        """Readings in the order in which they came; what waits for a part is among them."""
        return self._telemetry.read(source, kind, since, until)

    def flush(self) -> None:
        """Write waiting readings as a part, and have the disk keep the log."""

        def flush() -> None:
            self._write()
            self._telemetry.flush()
            self._log.sync()

        self._try(flush)

    def close(self) -> None:
        """Write everything into tables.

        Raises:
            NotStored: the disk is full: what it did not take is lost with this process.
        """

        def close() -> None:
            self._write()
            self._telemetry.flush()
            self._tabulate()

        self._try(close)
        self._log.close()
        if self._unkept is not None:
            raise NotStored(self._unkept)

    def _last_hour(self) -> frozenset[tuple[str, Publication]]:
        """What was told last: hosts that were killed tell their last round again."""
        ends = [part.end for parts in self._parts.values() for part in parts]
        ends += [told.publication.at for waiting in self._pending.values() for told in waiting]
        if not ends:
            return frozenset()
        since = max(ends) - timedelta(hours=1)
        told = (told for family in FAMILIES.values() for told in self.told(family, since))
        return frozenset((one.agent, one.publication) for one in told)

    def _wait(self, name: str, told: Kept) -> None:
        self._pending.setdefault(name, []).append(told)
        self._waiting += 1

    def _tabulate(self) -> None:
        """Make tables of what is in the log; only then is it cleared."""
        import pyarrow.parquet as pq

        made: list[tuple[str, _Part]] = []
        for name, waiting in self._pending.items():
            rows: list[Row] = [{"sequence": t.number, "told_by": t.agent, **row_of(t.publication)} for t in waiting]
            unfinished = self._folder / "part.tmp"
            try:
                with unfinished.open("wb") as file:
                    pq.write_table(table_of(FAMILIES[name], rows), file, compression="zstd")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                unfinished.unlink(missing_ok=True)  # parts before it are written again: they have the same names
                raise
            path = self._folder / f"{name}-{waiting[0].number:08d}.parquet"
            unfinished.rename(path)
            instants = [told.publication.at for told in waiting]
            made.append((name, _Part(path, waiting[0].number, waiting[-1].number, min(instants), max(instants))))
        with self._moving:  # a reader sees them waiting or as a part, never twice and never not at all
            for name, part in made:
                self._parts[name].append(part)
            self._pending, self._waiting = {}, 0
        self._log.clear()

    def _rows(self, name: str, path: Path) -> list[Kept]:
        """A part's publications, from memory where it was read before: a part never changes."""
        import pyarrow.parquet as pq

        with self._caching:
            if path in self._cache:
                self._cache.move_to_end(path)
                return self._cache[path]
        family = FAMILIES[name]
        rows = [
            Told(row["sequence"], row["told_by"], publication_of(family, row))
            for row in pq.ParquetFile(path).read().to_pylist()
        ]
        with self._caching:
            if path not in self._cache:
                self._cache[path], self._cached = rows, self._cached + len(rows)
            while self._cached > _CACHED and len(self._cache) > 1:
                self._cached -= len(self._cache.popitem(last=False)[1])
        return rows


class _Part:
    """A file of one family's rows: which numbers and which span of time it covers."""

    def __init__(self, path: Path, first: int, last: int, begin: datetime, end: datetime) -> None:
        self.path, self.first, self.last = path, first, last
        self.begin, self.end = begin, end

    @staticmethod
    def read(path: Path) -> _Part:
        """What is there, by the file's own statistics."""
        import pyarrow.parquet as pq

        table = pq.ParquetFile(path).read(["sequence", "at"])
        numbers, instants = table["sequence"].to_pylist(), [at.astimezone(UTC) for at in table["at"].to_pylist()]
        return _Part(path, numbers[0], numbers[-1], min(instants), max(instants))

    def overlaps(self, since: datetime | None, until: datetime | None) -> bool:
        """Whether it may hold something of this span."""
        return (since is None or self.end >= since) and (until is None or self.begin < until)
