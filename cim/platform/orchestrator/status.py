"""How a data folder is: each module's state and history, the queue, the tables' size, the quarantine, the index's age.

Nothing is opened for writing, so a living site's folder is read while it lives.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cim.model.errors import BadInput
from cim.platform.broker.told_trouble import told_trouble
from cim.platform.orchestrator.service import log_path
from cim.platform.orchestrator.task_log import QUEUED, RUNNING, TaskLog, TaskRun, TaskState, is_begun
from cim.platform.readings.errors import NotStored, cause_of
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path

OK, FAILING, WAITING = "ok", "failing", "not yet run"
_ROOM = 100_000_000  # bytes: compaction writes a month's files beside the old ones


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunShown(_Shown):
    """A run of a module: queued, running, done, failed or interrupted; what it said, or failed by."""

    number: int
    attempt: int
    queued: datetime
    began: datetime | None
    ended: datetime | None
    state: str
    said: str


class ModuleStatus(_Shown):
    """A module of the platform; instants on the run's own clock, UTC.

    Attributes:
        state: ok, failing, queued, running or not yet run.
        error: what its last run failed by; empty after a good one.
        retry_at: when it is tried again.
        history: newest first.
    """

    name: str
    state: str
    good: int
    good_at: datetime | None
    said: str
    failures: int
    error: str
    retry_at: datetime | None
    history: tuple[RunShown, ...]


class TableSize(_Shown):
    """A table: rows (of the readings: with all revisions), bytes of the live files, files, and those that wait to be sorted."""

    name: str
    rows: int
    bytes: int
    files: int
    uncompacted: int = 0


class Held(_Shown):
    """What is in quarantine of a source, and why the last of it."""

    source: str
    records: int
    deliveries: int
    reason: str


class HeldRecord(_Shown):
    """A record in quarantine, or (`line` None) a whole delivery: where it came, why it is held, what it says."""

    source: str
    delivery: int
    line: int | None
    reason: str
    record: str
    recorded: datetime


class SourceStatus(_Shown):
    """A source's state (active, paused, done), failures in a row and last error."""

    name: str
    state: str
    readings: int
    waiting: int
    failures: int
    error: str


class DataStatus(_Shown):
    """The whole.

    Attributes:
        queue: names of modules that run or wait, in order.
        index_made: when the search index was last written, by the machine's clock; None: there is none.
        topics: what is wrong with a living site's topics, in a sentence (the broker away, a topic full); empty: nothing.
        disk: what is wrong with the disk of the folder, or with the store of its readings; empty: nothing.
    """

    modules: tuple[ModuleStatus, ...]
    queue: tuple[str, ...]
    tables: tuple[TableSize, ...]
    sources: tuple[SourceStatus, ...]
    quarantine: tuple[Held, ...]
    index_made: datetime | None
    topics: str = ""
    disk: str = ""

    @property
    def is_well(self) -> bool:
        """Whether no module and no source fails, messages find their topics, and the disk has room."""
        failing = any(one.failures for one in self.modules) or any(one.failures for one in self.sources)
        return not (failing or self.topics or self.disk)


def status_of(folder: Path, history: int = 5) -> DataStatus:
    """Look.

    Args:
        history: runs shown of each module.
    """
    from deltalake.exceptions import DeltaError

    modules, queue = _modules(folder, history)
    meta = folder / "data" / "search" / "meta.json"
    made = datetime.fromtimestamp(meta.stat().st_mtime, UTC) if meta.exists() else None
    store = ""
    try:
        tables = (*_readings(folder), *_documents(folder))
    except (OSError, DeltaError, NotStored) as error:
        tables, store = _documents(folder), f"the readings cannot be read: {cause_of(error)}"
    return DataStatus(
        modules=modules,
        queue=queue,
        tables=tables,
        sources=_sources(folder),
        quarantine=_quarantine(folder),
        index_made=made,
        topics=told_trouble(folder),
        disk=store or _disk(folder),
    )


def held_in(folder: Path, source: str | None, limit: int) -> tuple[HeldRecord, ...]:
    """What is in quarantine, of one source or of all: whole deliveries, then records, each oldest first, at most so many."""
    held = (
        "SELECT source, delivery, NULL AS line, reason, '' AS raw, recorded, 0 AS id FROM wholes WHERE state = 'held' "
        "UNION ALL SELECT source, delivery, line, reason, raw, recorded, id FROM records WHERE state = 'held'"
    )
    rows = _rows(
        folder / "data" / "quarantine" / "quarantine.sqlite",
        f"SELECT source, delivery, line, reason, raw, recorded FROM ({held}) WHERE ?1 IS NULL OR source = ?1 "  # noqa: S608 - constant words
        "ORDER BY line IS NOT NULL, id, recorded, delivery LIMIT ?2",
        (source, limit),
    )
    return tuple(
        HeldRecord(
            source=str(name),
            delivery=int(delivery or 0),
            line=None if line is None else int(line),
            reason=str(reason),
            record=str(raw),
            recorded=datetime.fromisoformat(str(recorded)),
        )
        for name, delivery, line, reason, raw, recorded in rows
    )


def _disk(folder: Path) -> str:
    if not folder.exists():
        return ""
    free = shutil.disk_usage(folder).free
    return "" if free >= _ROOM else f"{free / 1e6:.0f} MB are free; expected at least {_ROOM / 1e6:.0f} MB"


def _modules(folder: Path, history: int) -> tuple[tuple[ModuleStatus, ...], tuple[str, ...]]:
    if not is_begun(log_path(folder)):
        return (), ()
    log = TaskLog(log_path(folder), read_only=True)
    try:
        running, waiting = log.running(), log.waiting()
        now = {run.task: run.state for run in (*waiting, *running)}
        found = tuple(_module(one, now.get(one.name), log.history(one.name, history)) for one in log.states())
        return found, tuple(run.task for run in (*running, *waiting))
    finally:
        log.close()


def _module(task: TaskState, now: str | None, history: list[TaskRun]) -> ModuleStatus:
    rest = FAILING if task.failures else OK if task.good else WAITING
    return ModuleStatus(
        name=task.name,
        state=now if now in {QUEUED, RUNNING} and not task.failures else rest,
        good=task.good,
        good_at=task.good_at,
        said=task.said,
        failures=task.failures,
        error=task.error,
        retry_at=task.retry_at,
        history=tuple(
            RunShown(
                number=run.number,
                attempt=run.attempt,
                queued=run.queued,
                began=run.began,
                ended=run.ended,
                state=run.state,
                said=run.said,
            )
            for run in history
        ),
    )


def _readings(folder: Path) -> tuple[TableSize, ...]:
    import pyarrow as pa
    from deltalake import DeltaTable

    from cim.platform.readings.snapshot import NEW

    place = readings_place(folder)
    if not place.exists():
        return ()
    found = pa.table(
        DeltaTable(place.address, storage_options=dict(place.options)).get_add_actions(flatten=True)
    ).to_pylist()
    size = TableSize(
        name="readings",
        rows=sum(one["num_records"] or 0 for one in found),
        bytes=sum(one["size_bytes"] for one in found),
        files=len(found),
        uncompacted=sum(one["partition.part"] == NEW for one in found),
    )
    return (size,)


def _documents(folder: Path) -> tuple[TableSize, ...]:
    path = documents_path(folder)
    rows = _rows(path, "SELECT count(*) FROM documents")
    if not rows:
        return ()
    return (TableSize(name="documents", rows=int(rows[0][0]), bytes=path.stat().st_size, files=1),)


def _sources(folder: Path) -> tuple[SourceStatus, ...]:
    rows = _rows(
        folder / "data" / "ingestion" / "sources.sqlite",
        "SELECT name, state, readings, (SELECT count(*) FROM waiting WHERE source = name), failures, last_error FROM sources "
        "WHERE state <> 'removed' ORDER BY name",
    )
    return tuple(
        SourceStatus(name=str(n), state=str(s), readings=int(r), waiting=int(w), failures=int(f), error=str(e))
        for n, s, r, w, f, e in rows
    )


def _quarantine(folder: Path) -> tuple[Held, ...]:
    path = folder / "data" / "quarantine" / "quarantine.sqlite"
    held = (
        "SELECT source, 1 AS record, reason, recorded FROM records WHERE state = 'held' "
        "UNION ALL SELECT source, 0, reason, recorded FROM wholes WHERE state = 'held'"
    )
    rows = _rows(
        path,
        f"SELECT source, sum(record), sum(1 - record), reason, max(recorded) FROM ({held}) GROUP BY source ORDER BY source",  # noqa: S608 - constant words
    )
    return tuple(
        Held(source=str(name), records=int(records), deliveries=int(wholes), reason=str(reason))
        for name, records, wholes, reason, _ in rows
    )


def _rows(path: Path, query: str, values: tuple[str | int | None, ...] = ()) -> list[tuple[str | int, ...]]:
    """Of a SQLite file that others may write; none where it is not there (yet)."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.OperationalError:  # it is being made
        return []
    except sqlite3.DatabaseError as error:
        raise BadInput(f"status: {path} cannot be read ({error}); expected a file of this data folder") from None
