"""The Delta table beneath the readings, in the hands of its one writer: files are added and removed in whole steps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.readings.columns import table_schema
from cim.platform.readings.errors import NotStored, cause_of
from cim.platform.readings.files import Place
from cim.platform.readings.new_files import NewFile
from cim.platform.readings.snapshot import Snapshot, snapshot_of

if TYPE_CHECKING:
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

    @property
    def next_version(self) -> int:
        """The number of the next step."""
        return int(self._delta.version()) + 1

    def commit(
        self, added: Sequence[NewFile], removed: Iterable[str] = (), marks: Mapping[str, int] | None = None
    ) -> None:
        """One step: all of it or nothing, on the disk when it returns.

        Args:
            removed: paths of live files.
            marks: name -> number, with the step.
        """
        from deltalake import CommitProperties, Transaction
        from deltalake.transaction import AddAction, RemoveAction

        actions: list[AddAction | RemoveAction] = [
            AddAction(new.path, new.size, {"part": new.part}, _now_ms(), True, new.statistics) for new in added
        ]
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
                f"readings: {what} was not stored ({cause_of(error)}); nothing half-written is visible, try again"
            ) from None

    def close(self) -> None:
        """Let another writer have the table."""
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None


def _opened(place: Place) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    options = dict(place.options)
    try:
        return DeltaTable.create(
            place.address, table_schema(), mode="ignore", partition_by=["part"], storage_options=options
        )
    except (OSError, DeltaError) as error:
        raise NotStored(f"readings: {place.uri} cannot be opened ({cause_of(error)})") from None


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
