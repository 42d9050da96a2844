"""The readings table's one writer: appends a batch exactly once, and gives it a revision; nothing is overwritten."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from cim.model.errors import BadInput, IlesError
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import KEY, file_schema, table_schema
from cim.platform.readings.files import Place
from cim.platform.readings.snapshot import NEW

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

_REVISION = "iles:revision"  # the application whose transaction version counts the revisions


class NotAppended(IlesError):
    """The store did not take a batch: nothing of it is visible, and it can be appended again."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        taken: whether it was new; False: this sequence number of the stream (or a later one) was there already.
        rows: that it added.
        revision: the newest revision of the table.
    """

    taken: bool
    rows: int
    revision: int


class ReadingsTable:
    """A table of readings for its one writer; readers use `cim.platform.readings.queries` from wherever they are.

    Args:
        place: a folder, or the address of an S3-compatible store; the table is made if it is not there.
        options: of such a store; see `Place`.

    Raises:
        BadInput: another process (or object) writes this table.
        NotAppended: the store could not be opened.
    """

    def __init__(self, place: str | Path, options: Mapping[str, str] | None = None) -> None:
        self.place = Place(str(place), options or {})
        self._lock = Lock()
        self._writer = _only_writer(self.place.folder)
        try:
            self._delta = _opened(self.place)
        except BaseException:
            self.close()
            raise

    def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        """Add a batch as a new revision, durably when it returns; one that was appended before is passed over.

        A reading that comes several times in one batch takes a revision each time, the last being the newest.

        Args:
            stream: whose numbers count the batches: a source or a broker's topic.
            sequence: rises with every batch of the stream; gaps are allowed.

        Raises:
            BadInput: the stream's name is taken by the table itself.
            NotAppended: the disk is full or the store away; nothing of the batch is visible.
        """
        if not stream or stream == _REVISION:
            raise BadInput(f"readings: stream {stream!r}; expected the name of a source")
        with self._lock:
            taken = self.sequence(stream)
            if taken is not None and taken >= sequence:
                return Appended(False, 0, self.revision)
            table, revision = _with_revisions(batch.table, self.revision + 1)
            with self._storing(f"batch {sequence} of {stream}"):
                added = [self._add_file(NEW, [table])] if len(batch) else []
                self._commit(added, {stream: sequence, _REVISION: revision})
            return Appended(True, len(batch), revision)

    @property
    def revision(self) -> int:
        """The newest revision; 0 before the first batch."""
        return self._delta.transaction_version(_REVISION) or 0

    def sequence(self, stream: str) -> int | None:
        """The number of the stream's last batch that is in the table; None before its first."""
        version = self._delta.transaction_version(stream)
        return None if version is None else int(version)

    def close(self) -> None:
        """Let another writer have it."""
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    def __enter__(self) -> ReadingsTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add_file(self, part: str, batches: Iterable[pa.Table]) -> AddAction:
        """Write a file that the next commit may add."""
        from deltalake.transaction import AddAction

        path = f"part={part}/{self._delta.version() + 1:020d}.parquet"
        written = self.place.write(path, file_schema(), batches)
        return AddAction(
            path, written.size, {"part": part}, int(time.time() * 1000), True, json.dumps({"numRecords": written.rows})
        )

    def _commit(self, actions: Sequence[AddAction | RemoveAction], sequences: Mapping[str, int]) -> None:
        """One step of the table: all of it or nothing."""
        from deltalake import CommitProperties, Transaction

        marks = [Transaction(app_id=name, version=number) for name, number in sequences.items()]
        self._delta.create_write_transaction(
            list(actions),
            "append",
            table_schema(),
            ["part"],
            commit_properties=CommitProperties(app_transactions=marks),
        )
        self._delta.update_incremental()
        self.place.sync_log(self._delta.version())

    @contextmanager
    def _storing(self, what: str) -> Iterator[None]:
        """Turn a store's failure into one sentence, and read again what the store has."""
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError) as error:
            self._delta = _opened(self.place)
            raise NotAppended(
                f"readings: {what} was not stored ({_first_line(error)}); append it again, it is taken once"
            ) from None


def _with_revisions(table: pa.Table, first: int) -> tuple[pa.Table, int]:
    """A batch with revisions from `first` on, and the last of them."""
    import numpy as np
    import pyarrow as pa

    revisions, last = np.full(table.num_rows, first, dtype=np.int64), first
    if table.group_by(list(KEY)).aggregate([]).num_rows < table.num_rows:
        seen: dict[tuple[object, ...], int] = {}
        for row, key in enumerate(zip(*(table[name].to_pylist() for name in KEY), strict=True)):
            revisions[row] = seen[key] = seen.get(key, first - 1) + 1
        last = max(seen.values())
    return pa.table([*table.columns, pa.array(revisions)], schema=file_schema()), last


def _opened(place: Place) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable.create(
            place.address, table_schema(), mode="ignore", partition_by=["part"], storage_options=dict(place.options)
        )
    except (OSError, DeltaError) as error:
        raise NotAppended(f"readings: {place.uri} cannot be opened ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _only_writer(folder: Path | None) -> int | None:
    """The lock of the one writer, which ends with its process; an S3 store has none, there the log itself decides."""
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "_writer", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(handle)
        raise BadInput(f"readings: {folder} is written by another process; expected one writer a table") from None
    return handle
