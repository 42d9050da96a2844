"""The Delta table beneath the readings, in the hands of its one writer: files are added and removed in whole steps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.readings.columns import file_schema, table_schema
from cim.platform.readings.errors import NotStored
from cim.platform.readings.files import Place
from cim.platform.readings.snapshot import Snapshot, snapshot_of

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction


_LONGEST_QUERY_H = 24


class DeltaLog:
    """Files, steps and marks of a table.

    Args:
        place: of the table; it is made if it is not there.

    Raises:
        BadInput: another process (or object) writes this table.
        NotStored: the store could not be opened.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._writer = _only_writer(place)
        try:
            self._delta = _opened(place)
        except BaseException:
            self.close()
            raise

    def mark(self, name: str) -> int | None:
        """The number that the last step with this mark carried (Delta's application transaction)."""
        version = self._delta.transaction_version(name)
        return None if version is None else int(version)

    def files(self) -> Snapshot:
        """The live files."""
        return snapshot_of(self._delta)

    def add_file(self, part: str, batches: Iterable[pa.Table | pa.RecordBatch]) -> AddAction:
        """Write a file that the next step may add.

        Raises:
            OSError: the store is full or away.
        """
        from deltalake.transaction import AddAction

        path = f"part={part}/{self._delta.version() + 1:020d}.parquet"
        spans = _Spans()
        written = self.place.write(path, file_schema(), spans.watch(batches))
        return AddAction(path, written.size, {"part": part}, _now_ms(), True, spans.statistics(written.rows))

    def commit(
        self, added: Sequence[AddAction], removed: Iterable[str] = (), marks: Mapping[str, int] | None = None
    ) -> None:
        """One step: all of it or nothing, on the disk when it returns.

        Args:
            removed: paths of live files.
            marks: name -> number, with the step.
        """
        from deltalake import CommitProperties, Transaction
        from deltalake.transaction import RemoveAction

        actions: list[AddAction | RemoveAction] = list(added)
        actions += [
            RemoveAction(path, True, _now_ms(), partition_values={"part": path.partition("=")[2].partition("/")[0]})
            for path in removed
        ]
        known = [Transaction(app_id=name, version=number) for name, number in (marks or {}).items()]
        self._delta.create_write_transaction(
            actions, "append", table_schema(), ["part"], commit_properties=CommitProperties(app_transactions=known)
        )
        self._delta.update_incremental()
        self.place.sync_log(self._delta.version())

    def remove_dead_files(self) -> int:
        """Remove files that the table's newest version does not name; how many there were.

        In a store that is no folder only those that were replaced a day ago, for no query lasts as long.

        Raises:
            NotStored: the store is away.
        """
        with self.storing("cleaning up"):
            folder = self.place.folder
            if folder is None:
                dead = self._delta.vacuum(_LONGEST_QUERY_H, dry_run=False, enforce_retention_duration=False, full=True)
                self._delta.update_incremental()
                return len(dead)
            # Delta's own vacuum counts files that it removed before, and each time adds two versions to the log.
            self._delta.update_incremental()
            live = {folder / path for path in self.files().parts}
            removed = [path for path in folder.glob("part=*/*") if path not in live]
            for path in removed:
                path.unlink()
            return len(removed)

    @contextmanager
    def storing(self, what: str) -> Iterator[None]:
        """Turn a store's failure into one sentence, and look again at what the store has.

        Raises:
            NotStored: the store failed inside the `with`.
        """
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError) as error:
            self._delta = _opened(self.place)
            raise NotStored(
                f"readings: {what} was not stored ({_first_line(error)}); nothing half-written is visible, try again"
            ) from None

    def close(self) -> None:
        """Let another writer have the table."""
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None


class _Spans:
    """Rows that pass by, and the span of their begins."""

    def __init__(self) -> None:
        self._low: datetime | None = None
        self._high: datetime | None = None

    def watch(self, batches: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table | pa.RecordBatch]:
        import pyarrow.compute as pc

        for batch in batches:
            if batch.num_rows:
                found = pc.min_max(batch.column("begin")).as_py()
                self._low = min(found["min"], self._low or found["min"])
                self._high = max(found["max"], self._high or found["max"])
            yield batch

    def statistics(self, rows: int) -> str:
        """As Delta's log writes them."""
        if self._low is None or self._high is None:
            return json.dumps({"numRecords": rows})
        low, high = (at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for at in (self._low, self._high))
        return json.dumps({"numRecords": rows, "minValues": {"begin": low}, "maxValues": {"begin": high}})


def _opened(place: Place) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    options = dict(place.options)
    try:
        return DeltaTable.create(
            place.address, table_schema(), mode="ignore", partition_by=["part"], storage_options=options
        )
    except (OSError, DeltaError) as error:
        raise NotStored(f"readings: {place.uri} cannot be opened ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _now_ms() -> int:
    return int(time.time() * 1000)


def _only_writer(place: Place) -> int | None:
    """The lock of the one writer, which ends with its process; a store without one lets the log itself decide."""
    lock = place.lock if place.folder is None else place.folder / "_writer"
    if lock is None:
        return None
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(handle)
        raise BadInput(f"readings: {place.uri} is written by another process; expected one writer a table") from None
    return handle
