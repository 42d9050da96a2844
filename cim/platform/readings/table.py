"""The readings table's one writer: appends a batch exactly once, and gives it a revision; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.batches import Batches, OneByOne
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import file_schema
from cim.platform.readings.compaction import compact, reading_types, rewrite
from cim.platform.readings.delta_log import DeltaLog
from cim.platform.readings.files import Place
from cim.platform.readings.new_files import write_new
from cim.platform.readings.repeats import ranks
from cim.platform.readings.selection import Selection
from cim.platform.readings.snapshot import NEW, unread

if TYPE_CHECKING:
    import pyarrow as pa

_REVISION = "iles:revision"  # the mark that counts the revisions


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


@dataclass(frozen=True, slots=True)
class Retention:
    """How long readings are kept.

    Attributes:
        days: from a reading's begin on.
        reading_types: of which; None = of all that have no rule of their own.
    """

    days: int
    reading_types: Sequence[str] | None = None


class ReadingsTable:
    """A table of readings for its one writer; readers use `cim.platform.readings.queries` from wherever they are.

    Args:
        place: a folder, or the address of an S3-compatible store; the table is made if it is not there.
        options: of such a store; see `Place`.

    Raises:
        BadInput: another process (or object) writes this table.
        NotStored: the store could not be opened.
    """

    def __init__(self, place: Place | str | Path, options: Mapping[str, str] | None = None) -> None:
        self.place = Place.of(place, options)
        self._lock = Lock()
        self._log = DeltaLog(self.place)

    def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        """Add a batch as a new revision, durably when it returns; one that was appended before is passed over.

        A reading that comes several times in one batch takes a revision each time, the last being the newest.

        Args:
            stream: whose numbers count the batches: a source or a broker's topic.
            sequence: rises with every batch of the stream; gaps are allowed.

        Raises:
            BadInput: the stream's name is taken by the table itself.
            NotStored: the disk is full or the store away.
        """
        if not stream or stream == _REVISION:
            raise BadInput(f"readings: stream {stream!r}; expected the name of a source")
        with self._lock:
            last = self._log.mark(stream)
            if last is not None and last >= sequence:
                return Appended(False, 0, self.revision)
            table, revision = _with_revisions(batch.table, self.revision + 1)
            with self._log.storing(f"batch {sequence} of {stream}"):
                version = self._log.next_version
                added = [write_new(self.place, NEW, version, [table])] if len(batch) else []
                self._log.commit(added, marks={stream: sequence, _REVISION: revision})
            return Appended(True, len(batch), revision)

    @property
    def revision(self) -> int:
        """The newest revision; 0 before the first batch."""
        return self._log.mark(_REVISION) or 0

    def sequence(self, stream: str) -> int | None:
        """The number of the stream's last batch that is in the table; None before its first."""
        return self._log.mark(stream)

    @property
    def uncompacted_files(self) -> int:
        """How many files wait for compaction: with each, a query takes a little longer."""
        return len(self._log.files().new)

    def compact(self, batches: Batches | None = None) -> int:
        """Sort what was appended since into its months' files, newest revisions and replaced ones apart; rows moved.

        Args:
            batches: works the months off; None: here, one after the other.

        Raises:
            NotStored: the disk is full or the store away; all is as it was.
        """
        with self._lock:
            return compact(self._log, batches or OneByOne())

    def remove(self, selection: Selection) -> int:
        """Remove readings with all their revisions: for retention and erasure; how many rows went.

        Files that hold them go with the next `clean_up`.

        Raises:
            BadInput: `as_of` is given.
            NotStored: the disk is full or the store away; all is as it was.
        """
        if selection.as_of is not None:
            raise BadInput("readings: as_of in a removal; expected names and a span, for all revisions go")
        with self._lock:
            compact(self._log, OneByOne())
            return rewrite(self._log, selection)

    def expire(self, rules: Sequence[Retention], now: datetime) -> int:
        """Remove readings that are older than their reading type's rule allows; how many rows went.

        Raises:
            NotStored: the disk is full or the store away; rules before the one that failed have been followed.
        """
        named = {code for rule in rules for code in rule.reading_types or ()}
        with self._lock:
            compact(self._log, OneByOne())
            others = [code for code in reading_types(self._log) if code not in named]
        removed = 0
        for rule in rules:
            codes = others if rule.reading_types is None else rule.reading_types
            removed += self.remove(Selection(reading_types=codes, end=now - timedelta(days=rule.days)))
        return removed

    def clean_up(self) -> int | None:
        """Remove the files that compaction or removal has replaced; how many, or None while a query reads any file.

        In a store that is no folder, where nobody knows who reads, only those that were replaced a day ago.

        Raises:
            NotStored: the store is away.
        """
        with self._lock, unread(self.place.folder) as free:
            return self._log.remove_dead_files() if free else None

    def close(self) -> None:
        """Let another writer have it."""
        self._log.close()

    def __enter__(self) -> ReadingsTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _with_revisions(table: pa.Table, first: int) -> tuple[pa.Table, int]:
    """A batch with revisions from `first` on, and the last of them."""
    import pyarrow as pa

    revisions = first + ranks(table)
    last = int(revisions.max(initial=first))
    return pa.table([*table.columns, pa.array(revisions)], schema=file_schema()), last
