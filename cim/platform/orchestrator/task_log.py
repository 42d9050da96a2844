"""What became of each task, in a SQLite file: its state, the queue, the history. It outlives the orchestrator."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from cim.model.errors import BadInput

QUEUED, RUNNING, DONE, FAILED, INTERRUPTED = "queued", "running", "done", "failed", "interrupted"
_KEPT = 200  # runs of a task
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    name TEXT PRIMARY KEY, counted_from INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
    last_good INTEGER NOT NULL DEFAULT 0, good_at INTEGER, good INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, retry_at INTEGER, said TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, attempt INTEGER NOT NULL, queued INTEGER NOT NULL,
    began INTEGER, ended INTEGER, state TEXT NOT NULL, said TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS of_task ON runs (task, id);
CREATE INDEX IF NOT EXISTS of_state ON runs (state);
"""


class TaskState(NamedTuple):
    """A task's state; instants are UTC on the run's own clock.

    Attributes:
        counted_from: when it began last, or was first known: its schedule counts from there.
        seen: number of the newest run of any task when it began last, but for those that it follows and that waited then:
            what went well behind it is news to it.
        last_good: number of its newest run that went well; 0: none.
        good: how many went well.
        failures: in a row; `retry_at`: when it is tried again after them.
        said: what the last good run said of itself.
        error: what the last run failed by; empty after a good one.
    """

    name: str
    counted_from: datetime
    seen: int
    last_good: int
    good_at: datetime | None
    good: int
    failures: int
    retry_at: datetime | None
    said: str
    error: str


class TaskRun(NamedTuple):
    """A run of a task: queued, running, done, failed or interrupted; `attempt` counts interruptions, from 1."""

    number: int
    task: str
    attempt: int
    queued: datetime
    began: datetime | None
    ended: datetime | None
    state: str
    said: str


class TaskLog:
    """The file; one orchestrator writes it, several may look.

    Durable against a kill of the process; after a power failure the last runs may be missing, and are done again.

    Args:
        read_only: then it must be there.

    Raises:
        BadInput: it cannot be read, or an orchestrator has it.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._alone: int | None = None
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._alone = _only_orchestrator(path)
        address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        self._lock = RLock()
        try:
            self._db = sqlite3.connect(address, uri=True, timeout=30, check_same_thread=False)
            if not read_only:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.executescript(_SCHEMA)
            self._db.execute("SELECT name FROM tasks LIMIT 1")
        except sqlite3.DatabaseError as error:
            if self._alone is not None:
                os.close(self._alone)
            raise BadInput(f"tasks: {path} cannot be read ({error}); expected an orchestrator's file") from None

    def close(self) -> None:
        """Let go of the file, and another orchestrator have it."""
        self._db.close()
        if self._alone is not None:
            os.close(self._alone)
            self._alone = None

    def know(self, names: Iterable[str], now: datetime) -> None:
        """Note tasks that are new."""
        with self._lock, self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO tasks (name, counted_from) VALUES (?, ?)", [(name, _us(now)) for name in names]
            )

    def count_from(self, name: str, now: datetime) -> None:
        """A schedule counts from now: the clock was put back."""
        with self._lock, self._db:
            self._db.execute("UPDATE tasks SET counted_from = ? WHERE name = ?", (_us(now), name))

    def queue(self, name: str, now: datetime, attempt: int = 1) -> None:
        """A task is to be run; its next try, if one was set, is this."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO runs (task, attempt, queued, state) VALUES (?, ?, ?, ?)", (name, attempt, _us(now), QUEUED)
            )
            self._db.execute("UPDATE tasks SET retry_at = NULL WHERE name = ?", (name,))

    def began(self, run: TaskRun, now: datetime, before: int | None = None) -> None:
        """A run was started.

        Args:
            before: number of the first run that waits of those that it follows: what that one does is news to it.
        """
        with self._lock, self._db:
            self._db.execute("UPDATE runs SET state = ?, began = ? WHERE id = ?", (RUNNING, _us(now), run.number))
            self._db.execute(
                "UPDATE tasks SET counted_from = ?, seen = coalesce(? - 1, (SELECT max(id) FROM runs)) WHERE name = ?",
                (_us(now), before, run.task),
            )

    def done(self, run: TaskRun, now: datetime, said: str) -> None:
        """A run went well."""
        with self._lock, self._db:
            self._end(run, now, DONE, said)
            self._db.execute(
                "UPDATE tasks SET last_good = ?, good_at = ?, good = good + 1, failures = 0, retry_at = NULL, said = ?, "
                "error = '' WHERE name = ?",
                (run.number, _us(now), said, run.task),
            )
            self._db.execute(
                "DELETE FROM runs WHERE task = ? AND id <= (SELECT max(id) FROM runs WHERE task = ?) AND id NOT IN "
                "(SELECT id FROM runs WHERE task = ? ORDER BY id DESC LIMIT ?)",
                (run.task, run.task, run.task, _KEPT),
            )

    def failed(self, run: TaskRun, now: datetime, error: str, failures: int, retry: datetime) -> None:
        """A run did not go well; it is tried again at `retry`."""
        with self._lock, self._db:
            self._end(run, now, FAILED, error)
            self._db.execute(
                "UPDATE tasks SET failures = ?, retry_at = ?, error = ? WHERE name = ?",
                (failures, _us(retry), error, run.task),
            )

    def interrupted(self, run: TaskRun, now: datetime) -> None:
        """The orchestrator ended while it ran."""
        with self._lock, self._db:
            self._end(run, now, INTERRUPTED, "the orchestrator ended meanwhile")

    def states(self) -> list[TaskState]:
        """All tasks, by name."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, counted_from, seen, last_good, good_at, good, failures, retry_at, said, error FROM tasks "
                "ORDER BY name"
            ).fetchall()
        return [TaskState(n, _at(c), r, g, _maybe(a), k, f, _maybe(t), s, e) for n, c, r, g, a, k, f, t, s, e in rows]

    def waiting(self) -> list[TaskRun]:
        """Runs that are queued, in order."""
        return self._runs("state = ? ORDER BY id", QUEUED)

    def running(self) -> list[TaskRun]:
        """Runs that were started and have not ended."""
        return self._runs("state = ? ORDER BY id", RUNNING)

    def history(self, task: str, limit: int = 20) -> list[TaskRun]:
        """A task's newest runs, the newest first."""
        return self._runs("task = ? ORDER BY id DESC LIMIT ?", task, limit)

    def newest(self) -> int:
        """Number of the newest run; 0: none."""
        with self._lock:
            (number,) = self._db.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()
        return int(number)

    def ended_behind(self, number: int) -> list[TaskRun]:
        """Runs behind this one that have ended, in order."""
        return self._runs("id > ? AND ended IS NOT NULL ORDER BY id", number)

    def _runs(self, condition: str, *values: str | int) -> list[TaskRun]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT id, task, attempt, queued, began, ended, state, said FROM runs WHERE {condition}",  # noqa: S608 - ours
                values,
            ).fetchall()
        return [TaskRun(i, t, a, _at(q), _maybe(b), _maybe(e), s, w) for i, t, a, q, b, e, s, w in rows]

    def _end(self, run: TaskRun, now: datetime, state: str, said: str) -> None:
        self._db.execute(
            "UPDATE runs SET state = ?, ended = ?, said = ? WHERE id = ?", (state, _us(now), said, run.number)
        )


def is_begun(path: Path) -> bool:
    """Whether an orchestrator has a file there, and has got beyond making it.

    Raises:
        BadInput: it is no such file.
    """
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        try:
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'of_state'").fetchall())
        except sqlite3.DatabaseError as error:
            raise BadInput(f"tasks: {path} cannot be read ({error}); expected an orchestrator's file") from None


def _only_orchestrator(path: Path) -> int:
    """A lock that ends with its process: what another one runs would else be taken for interrupted."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(handle)
        raise BadInput(
            f"tasks: an orchestrator runs those of {path.parent} already, as a living site's does; expected one a folder"
        ) from None
    return handle


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


def _maybe(us: int | None) -> datetime | None:
    return None if us is None else _at(us)
