"""The live files of a readings table at one moment, kept from being removed while somebody reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.readings.errors import NotStored, cause_of
from cim.platform.readings.files import Place

if TYPE_CHECKING:
    from deltalake import DeltaTable

NEW = "new"  # part of the files that are as they were appended
CURRENT = "current"  # with a month behind it: no reading has two rows in it
PAST = "past"  # with a month behind it: rows that newer revisions replaced
_READERS = "_readers"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Paths within the table, the part of each, and the first and last begin in it (None where the log does not say)."""

    parts: dict[str, str]
    spans: dict[str, tuple[datetime | None, datetime | None]]

    @property
    def begin(self) -> datetime | None:
        """The first begin of all readings; None of an empty table."""
        return min((low for low, _ in self.spans.values() if low is not None), default=None)

    @property
    def end(self) -> datetime | None:
        """The last begin of all readings; None of an empty table."""
        return max((high for _, high in self.spans.values() if high is not None), default=None)

    @property
    def new(self) -> tuple[str, ...]:
        """Files as they were appended."""
        return self.of(NEW)

    @property
    def current(self) -> tuple[str, ...]:
        """Compacted files, in which no reading has two rows."""
        return self.of(CURRENT)

    @property
    def past(self) -> tuple[str, ...]:
        """Compacted files of the rows that newer revisions replaced."""
        return self.of(PAST)

    def of(self, kind: str) -> tuple[str, ...]:
        """Files of the parts that begin with a word."""
        return tuple(path for path, part in self.parts.items() if part.startswith(kind))

    def meeting(self, begin: datetime | None, end: datetime | None) -> Snapshot:
        """Without the files that have no reading of a span; `end` is excluded."""
        met = {
            path: part
            for path, part in self.parts.items()
            if not _beyond(self.spans[path][0], end) and not _before(self.spans[path][1], begin)
        }
        return Snapshot(met, {path: self.spans[path] for path in met})

    def inside(self, paths: Sequence[str], begin: datetime | None, end: datetime | None) -> bool:
        """Whether all readings of some files are known to be in a span; `end` is excluded."""
        lows, highs = zip(*(self.spans[path] for path in paths), strict=True) if paths else ((), ())
        after = begin is None or all(low is not None and low >= begin for low in lows)
        return after and (end is None or all(high is not None and high < end for high in highs))


def _beyond(low: datetime | None, end: datetime | None) -> bool:
    return low is not None and end is not None and low >= end


def _before(high: datetime | None, begin: datetime | None) -> bool:
    return high is not None and begin is not None and high < begin


def snapshot_of(delta: DeltaTable) -> Snapshot:
    """The live files of a table that is open."""
    import pyarrow as pa

    found = pa.table(delta.get_add_actions(flatten=True))
    paths, parts = (found[name].to_pylist() for name in ("path", "partition.part"))
    low, high = (
        found[name].to_pylist() if name in found.column_names else [None] * len(paths)
        for name in ("min.begin", "max.begin")
    )
    spans = dict(zip(paths, zip(low, high, strict=True), strict=True))
    return Snapshot(dict(sorted(zip(paths, parts, strict=True))), spans)


class LiveFiles:
    """A table's live files for one who asks often: what was read of the table's log is kept from one time to the next."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = Lock()
        self._known: _Known | None = None

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """The live files now; none of them is removed inside the `with`.

        Raises:
            BadInput: there is no readings table.
        """
        with _reading(self._place.folder):
            with self._lock:
                self._known = self._read()
                files = self._known.files
            yield files

    def _read(self) -> _Known:
        known, folder = self._known, self._place.folder
        if known is None or (folder is not None and _stamp(folder, known.version) != known.stamp):
            delta = _opened(self._place)  # for the first time, or another table has come in its place
        elif folder is not None and _stamp(folder, known.version + 1) is None:
            return known
        else:
            delta = known.delta
            delta.update_incremental()
        version = delta.version()
        stamp = None if folder is None else _stamp(folder, version)
        return _Known(delta, version, stamp, snapshot_of(delta))


@dataclass(frozen=True, slots=True)
class _Known:
    delta: DeltaTable
    version: int
    stamp: tuple[int, int] | None  # of the version's entry in the log
    files: Snapshot


def _opened(place: Place) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(place.address, storage_options=dict(place.options))
    except TableNotFoundError:
        raise BadInput(
            f"readings: {place.uri} has no readings table; expected one that a run or a site has made"
        ) from None
    except (OSError, DeltaError) as error:
        raise NotStored(f"readings: {place.uri} cannot be read ({cause_of(error)}); try again") from None


def _stamp(folder: Path, version: int) -> tuple[int, int] | None:
    """What tells a version's entry in the log from another of its name; None if there is none."""
    try:
        found = (folder / "_delta_log" / f"{version:020d}.json").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def _reading(folder: Path | None) -> Iterator[None]:
    """Hold a table's files, also against the writer in another process; the hold ends with this process at the latest."""
    if folder is None or not folder.exists():
        yield
        return
    handle = os.open(folder / _READERS, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(handle, LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def unread(folder: Path | None) -> Iterator[bool]:
    """Whether nobody reads; if so, nobody begins to inside the `with`. Of a store without folder nobody can know: True."""
    if folder is None:
        yield True
        return
    handle = os.open(folder / _READERS, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
