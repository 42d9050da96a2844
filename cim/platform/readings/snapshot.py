"""The live files of a readings table at one moment, kept from being removed while somebody reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.readings.files import Place

if TYPE_CHECKING:
    from deltalake import DeltaTable

NEW = "new"  # part of the files that are as they were appended
CURRENT = "current"  # with a month behind it: no reading has two rows in it
PAST = "past"  # with a month behind it: rows that newer revisions replaced
_READERS = "_readers"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Paths within the table, and the part of each.

    Attributes:
        begin, end: the first and last begin of all readings; None of an empty table.
    """

    parts: dict[str, str]
    begin: datetime | None
    end: datetime | None

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


def snapshot_of(delta: DeltaTable) -> Snapshot:
    """The live files of a table that is open."""
    import pyarrow as pa

    found = pa.table(delta.get_add_actions(flatten=True))
    paths, parts = (found[name].to_pylist() for name in ("path", "partition.part"))
    low, high = (found[name].to_pylist() if name in found.column_names else [] for name in ("min.begin", "max.begin"))
    return Snapshot(
        dict(sorted(zip(paths, parts, strict=True))),
        min((at for at in low if at is not None), default=None),
        max((at for at in high if at is not None), default=None),
    )


@contextmanager
def snapshot(place: Place) -> Iterator[Snapshot]:
    """The live files now; none of them is removed inside the `with`.

    Raises:
        BadInput: there is no readings table.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    with _reading(place.folder):
        try:
            delta = DeltaTable(place.address, storage_options=dict(place.options))
        except TableNotFoundError:
            raise BadInput(
                f"readings: {place.uri} has no readings table; expected one that a run or a site has made"
            ) from None
        yield snapshot_of(delta)


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
    """Whether nobody reads; if so, nobody begins to inside the `with`. Of a store without folder nobody can know: False."""
    if folder is None:
        yield False
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
