"""The sources of a data folder and their state, durably: what was asked when, what came, what of it still has to be taken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cim.mapping.engine.mapping_file import MappingFile, read_mapping
from cim.model.errors import BadInput
from cim.platform.handler.handler import Delivery, Taken
from cim.platform.ingestion.source import ConfiguredSource, configured

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    name TEXT PRIMARY KEY, text TEXT NOT NULL, mapping TEXT NOT NULL, folder TEXT NOT NULL, state TEXT NOT NULL,
    created INTEGER NOT NULL, cursor INTEGER, deliveries INTEGER NOT NULL DEFAULT 0, last_run INTEGER, last_good INTEGER,
    failures INTEGER NOT NULL DEFAULT 0, retry_at INTEGER, last_error TEXT NOT NULL DEFAULT '',
    readings INTEGER NOT NULL DEFAULT 0, known INTEGER NOT NULL DEFAULT 0, rejects INTEGER NOT NULL DEFAULT 0,
    passed_over INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS mappings (version TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS waiting (
    source TEXT NOT NULL, number INTEGER NOT NULL, recorded INTEGER NOT NULL, not_before INTEGER, mapping TEXT NOT NULL,
    PRIMARY KEY (source, number));
CREATE TABLE IF NOT EXISTS seen (source TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (source, mark));
"""
Field: TypeAlias = str | int | None
ACTIVE, PAUSED, DONE, REMOVED = "active", "paused", "done", "removed"
_STATE = "name, state, created, cursor, last_run, last_good, failures, retry_at, last_error, readings, known, rejects, passed_over"


class SourceState(NamedTuple):
    """A source's state; instants are UTC.

    Attributes:
        state: active, paused, done (once and backfill, when all was taken) or removed.
        cursor: the end of what was asked for so far.
        failures: in a row; `retry_at`: when it is tried again after them.
        readings, known, rejects, passed_over: sums of `Taken`.
        waiting: deliveries that came and are not yet taken.
    """

    name: str
    state: str
    created: datetime
    cursor: datetime | None
    last_run: datetime | None
    last_good: datetime | None
    failures: int
    retry_at: datetime | None
    last_error: str
    readings: int
    known: int
    rejects: int
    passed_over: int
    waiting: int = 0


class SourceRegister:
    """A SQLite file; commands of another process change it while a service runs, each its own fields.

    Args:
        folder: in which it lies, with the inbox of deliveries beside it; made if it is not there.

    Raises:
        BadInput: it cannot be made, or is no register.
    """

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        path = folder / "sources.sqlite"
        try:
            self.inbox.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.executescript(_SCHEMA)
            except sqlite3.Error:
                self._db.close()
                raise
        except OSError as error:
            raise BadInput(f"sources: {folder} cannot be made ({error.strerror}); expected a data folder") from None
        except sqlite3.Error as error:
            raise BadInput(f"sources: {path} cannot be read ({error}); expected a register of sources") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put(self, source: ConfiguredSource, now: datetime, *, again: bool = False) -> None:
        """Add a source, or mend the configuration or mapping of one that is there; its state and numbers go on.

        Args:
            again: forget what was taken, so that it is asked for again from the beginning.
        """
        name = source.source.name
        with self._db:
            if again:
                self._db.execute("DELETE FROM seen WHERE source = ?", (name,))
                self._db.execute("UPDATE sources SET cursor = NULL WHERE name = ?", (name,))
            self._db.execute(
                "INSERT INTO sources (name, text, mapping, folder, state, created) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET text = excluded.text, mapping = excluded.mapping, "
                "folder = excluded.folder, failures = 0, retry_at = NULL, last_error = '', "
                "state = CASE state WHEN 'paused' THEN 'paused' ELSE 'active' END",
                (name, source.text, source.mapping_text, str(source.folder), ACTIVE, _us(now)),
            )

    def move(self, name: str, state: str) -> None:
        """Pause, resume, remove.

        Raises:
            BadInput: there is no such source.
        """
        with self._db:
            done = self._db.execute(
                "UPDATE sources SET state = ?, retry_at = NULL WHERE name = ? AND state <> 'removed'", (state, name)
            )
        if not done.rowcount:
            raise self._unknown(name)

    def source(self, name: str) -> ConfiguredSource:
        """A source's configuration.

        Raises:
            BadInput: there is no such source.
        """
        row = self._db.execute("SELECT text, mapping, folder FROM sources WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise self._unknown(name)
        return configured(row[0], row[1], Path(row[2]), name)

    def states(self, *, removed: bool = False) -> list[SourceState]:
        """All sources by name."""
        waiting = dict(self._db.execute("SELECT source, count(*) FROM waiting GROUP BY source"))
        rows = self._db.execute(f"SELECT {_STATE} FROM sources ORDER BY name")  # noqa: S608 - constant words
        found = [_state(row, waiting.get(row[0], 0)) for row in rows]
        return [state for state in found if removed or state.state != REMOVED]

    def state(self, name: str) -> SourceState:
        """One source's state.

        Raises:
            BadInput: there is no such source.
        """
        found = next((state for state in self.states(removed=True) if state.name == name), None)
        if found is None:
            raise self._unknown(name)
        return found

    def is_seen(self, source: str, mark: str) -> bool:
        """Whether a mark or stamp was taken before."""
        row = self._db.execute("SELECT 1 FROM seen WHERE source = ? AND mark = ?", (source, mark)).fetchone()
        return row is not None

    def receive(
        self,
        source: ConfiguredSource,
        data: Path,
        recorded: datetime,
        *,
        marks: tuple[str, ...] = (),
        not_before: datetime | None = None,
        cursor: datetime | None = None,
    ) -> bool:
        """Take a delivery's bytes into the inbox, durably: from here on it is not lost.

        Args:
            data: is moved away.
            marks: by which it is known from now on; the first one is its content's.
            cursor: the end of what has been asked for.

        Returns:
            Whether it was new; one with a known mark only moves the cursor.
        """
        name, mapping = source.source.name, source.mapping
        new = not marks or not self.is_seen(name, marks[0])
        number = int(self._db.execute("SELECT deliveries FROM sources WHERE name = ?", (name,)).fetchone()[0]) + 1
        if new:
            _move_durably(data, self.path_of(name, number))
        else:
            data.unlink()
        with self._db:
            if new:
                self._db.execute("UPDATE sources SET deliveries = ? WHERE name = ?", (number, name))
                self._db.execute("INSERT OR IGNORE INTO mappings VALUES (?, ?)", (mapping.version, mapping.text))
                before = None if not_before is None else _us(not_before)
                self._db.execute(
                    "INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", (name, number, _us(recorded), before, mapping.version)
                )
            self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(name, mark) for mark in marks])
            if cursor is not None:
                self._db.execute("UPDATE sources SET cursor = ? WHERE name = ?", (_us(cursor), name))
        return new

    def path_of(self, source: str, number: int) -> Path:
        """Where a waiting delivery's bytes are."""
        return self.inbox / f"{source}-{number}"

    def waiting(self, name: str) -> list[tuple[Delivery, MappingFile]]:
        """Deliveries that are not yet taken, oldest first, each with the mapping it came under."""
        rows = self._db.execute(
            "SELECT number, recorded, not_before, text FROM waiting JOIN mappings ON version = mapping "
            "WHERE source = ? ORDER BY number",
            (name,),
        ).fetchall()
        return [
            (Delivery(name, number, self.path_of(name, number), _at(recorded), _maybe(before)), read_mapping(text))
            for number, recorded, before, text in rows
        ]

    def taken(self, delivery: Delivery, taken: Taken) -> None:
        """A delivery was taken: it waits no more, and its counts are the source's."""
        with self._db:
            self._db.execute("DELETE FROM waiting WHERE source = ? AND number = ?", (delivery.source, delivery.number))
            self._count(delivery.source, taken)
            if taken.refused:
                self._note(delivery.source, {"last_error": f"delivery {delivery.number}: {taken.refused}"})
        delivery.data.unlink(missing_ok=True)

    def replayed(self, name: str, taken: Taken) -> None:
        """Records left the quarantine: their counts are the source's."""
        with self._db:
            self._count(name, taken)

    def began(self, name: str, now: datetime) -> None:
        """A source is asked."""
        with self._db:
            self._note(name, {"last_run": _us(now)})

    def succeeded(self, name: str, now: datetime, *, refused: bool, done: bool) -> None:
        """All that it gave was taken (or put into quarantine whole: then the error stays told)."""
        with self._db:
            fields: dict[str, Field] = {"last_good": _us(now), "failures": 0, "retry_at": None}
            if not refused:
                fields["last_error"] = ""
            self._note(name, fields)
            if done:
                self._db.execute("UPDATE sources SET state = ? WHERE name = ? AND state = ?", (DONE, name, ACTIVE))

    def failed(self, name: str, error: str, failures: int, retry: datetime) -> None:
        """It gave nothing, or what it gave could not be stored."""
        with self._db:
            self._note(name, {"last_error": error, "failures": failures, "retry_at": _us(retry)})

    def _count(self, name: str, taken: Taken) -> None:
        self._db.execute(
            "UPDATE sources SET readings = readings + ?, known = known + ?, rejects = rejects + ?, "
            "passed_over = passed_over + ? WHERE name = ?",
            (taken.readings, taken.known, taken.rejects, taken.passed_over, name),
        )

    def _note(self, name: str, fields: Mapping[str, Field]) -> None:
        words = ", ".join(f"{field} = ?" for field in fields)
        self._db.execute(f"UPDATE sources SET {words} WHERE name = ?", (*fields.values(), name))  # noqa: S608 - our fields

    def _unknown(self, name: str) -> BadInput:
        names = [state.name for state in self.states()]
        return BadInput(f"source {name!r} is not known; there are {', '.join(names) or 'none'}")


def _state(row: tuple[str, str, int, int, int, int, int, int, str, int, int, int, int], waiting: int) -> SourceState:
    name, state, created, cursor, last_run, last_good, failures, retry, error, readings, known, rejects, over = row
    times = (_at(created), _maybe(cursor), _maybe(last_run), _maybe(last_good))
    return SourceState(name, state, *times, failures, _maybe(retry), error, readings, known, rejects, over, waiting)


def _move_durably(data: Path, target: Path) -> None:
    with data.open("rb+") as file:
        os.fsync(file.fileno())
    data.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


def _maybe(us: int | None) -> datetime | None:
    return None if us is None else _at(us)
