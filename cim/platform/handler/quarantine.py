"""Quarantine: records and whole deliveries that could not be taken, with the reason, until a mended mapping takes them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cim.mapping.engine.frame import Reject

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mappings (version TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, delivery INTEGER NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL,
    raw TEXT NOT NULL, header TEXT NOT NULL, is_record INTEGER NOT NULL, passed INTEGER NOT NULL, mapping TEXT NOT NULL,
    recorded TEXT NOT NULL, digest BLOB NOT NULL, state TEXT NOT NULL DEFAULT 'held', replay INTEGER,
    UNIQUE (source, delivery, line));
CREATE INDEX IF NOT EXISTS same ON records (source, digest, state);
CREATE INDEX IF NOT EXISTS held ON records (state, source);
CREATE TABLE IF NOT EXISTS wholes (
    source TEXT NOT NULL, delivery INTEGER NOT NULL, reason TEXT NOT NULL, mapping TEXT NOT NULL, recorded TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'held', PRIMARY KEY (source, delivery));
CREATE TABLE IF NOT EXISTS replays (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, mapping TEXT NOT NULL, recorded TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
"""
_FIELDS = "id, source, delivery, line, reason, raw, header, is_record, passed, mapping, recorded"


class Held(NamedTuple):
    """A record in quarantine; see `Reject`. `mapping` is the version that refused it, `recorded` an ISO instant."""

    id: int
    source: str
    delivery: int
    line: int
    reason: str
    raw: str
    header: str
    is_record: int
    passed: int
    mapping: str
    recorded: str


class HeldWhole(NamedTuple):
    """A delivery of which nothing could be read (from some place on)."""

    source: str
    delivery: int
    reason: str
    mapping: str
    recorded: str


class Replay(NamedTuple):
    """Records that are tried again together, by one version of a mapping."""

    id: int
    source: str
    mapping: str
    recorded: str


class Quarantine:
    """A SQLite file and, for whole deliveries, their bytes beside it. One writer at a time; several may look.

    Args:
        folder: of the quarantine; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._wholes = folder / "whole"
        self._wholes.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "quarantine.sqlite", timeout=30, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def keep_mapping(self, version: str, text: str) -> None:
        """Keep a mapping's text, so that what it refused can be explained and an interrupted replay repeated."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO mappings VALUES (?, ?)", (version, text))

    def mapping_text(self, version: str) -> str:
        """The text of a version that was kept."""
        return str(self._db.execute("SELECT text FROM mappings WHERE version = ?", (version,)).fetchone()[0])

    def hold(self, source: str, delivery: int, rejects: Iterable[Reject], mapping: str, recorded: datetime) -> None:
        """Take rejects of a delivery, each line once however often it comes; what an earlier delivery left here, not again."""
        rows = []
        for r in rejects:
            digest = hashlib.blake2b(f"{r.passed} {r.raw}".encode("utf-8", "replace"), digest_size=16).digest()
            told = (r.line, r.reason, r.raw, r.header, int(r.is_record), r.passed)
            rows.append((source, delivery, *told, mapping, recorded.isoformat(), digest, source, digest, delivery))
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO records (source, delivery, line, reason, raw, header, is_record, passed, mapping, "
                "recorded, digest) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM records "
                "WHERE source = ? AND digest = ? AND delivery <> ? AND state = 'held')",
                rows,
            )

    def hold_whole(self, source: str, delivery: int, data: Path, reason: str, mapping: str, recorded: datetime) -> None:
        """Take a whole delivery, a copy of its bytes included."""
        place = self.whole_path(source, delivery)
        if not place.exists():
            part = place.with_suffix(".part")
            shutil.copyfile(data, part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.rename(place)
        with self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO wholes (source, delivery, reason, mapping, recorded) VALUES (?, ?, ?, ?, ?)",
                (source, delivery, reason, mapping, recorded.isoformat()),
            )

    def whole_path(self, source: str, delivery: int) -> Path:
        """Where a held delivery's bytes are."""
        return self._wholes / f"{source}-{delivery}"

    def held(self, source: str | None = None, limit: int = 1000, after: int = 0) -> list[Held]:
        """Records in quarantine, oldest first, from the one behind `after` on."""
        with closing(
            self._db.execute(
                f"SELECT {_FIELDS} FROM records WHERE state = 'held' AND id > ? AND (? IS NULL OR source = ?) "  # noqa: S608
                "ORDER BY id LIMIT ?",
                (after, source, source, limit),
            )
        ) as rows:
            return [Held(*row) for row in rows]

    def wholes(self, source: str | None = None) -> list[HeldWhole]:
        """Whole deliveries in quarantine, oldest first."""
        query = (
            "SELECT source, delivery, reason, mapping, recorded FROM wholes WHERE state = 'held' "
            "AND (? IS NULL OR source = ?) ORDER BY recorded, delivery"
        )
        return [HeldWhole(*row) for row in self._db.execute(query, (source, source))]

    def counts(self) -> dict[str, tuple[int, int]]:
        """`{source: (records, whole deliveries)}` that are held."""
        records = dict(self._db.execute("SELECT source, count(*) FROM records WHERE state = 'held' GROUP BY source"))
        wholes = dict(self._db.execute("SELECT source, count(*) FROM wholes WHERE state = 'held' GROUP BY source"))
        return {name: (records.get(name, 0), wholes.get(name, 0)) for name in sorted({*records, *wholes})}

    def whole_taken(self, source: str, delivery: int) -> None:
        """A held delivery was handed in again; its bytes go when that is durable."""
        with self._db:
            self._db.execute("UPDATE wholes SET state = 'taken' WHERE source = ? AND delivery = ?", (source, delivery))
        self.whole_path(source, delivery).unlink(missing_ok=True)

    def begin_replay(self, source: str, mapping: str, recorded: datetime, first: int, limit: int) -> Replay | None:
        """Assign held records (from `first` on, at most `limit`) to a new replay; None where there are none."""
        ids = [r.id for r in self.held(source, limit, first - 1)]
        if not ids:
            return None
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO replays (source, mapping, recorded) VALUES (?, ?, ?)",
                (source, mapping, recorded.isoformat()),
            )
            number = int(cursor.lastrowid or 0)
            self._db.execute(
                "UPDATE records SET replay = ? WHERE state = 'held' AND source = ? AND id BETWEEN ? AND ?",
                (number, source, ids[0], ids[-1]),
            )
        return Replay(number, source, mapping, recorded.isoformat())

    def unfinished_replays(self) -> list[Replay]:
        """Replays that were begun and did not end."""
        rows = self._db.execute("SELECT id, source, mapping, recorded FROM replays WHERE done = 0 ORDER BY id")
        return [Replay(*row) for row in rows]

    def records_of(self, replay: Replay) -> list[Held]:
        """The records of a replay, in order."""
        query = f"SELECT {_FIELDS} FROM records WHERE replay = ? AND state = 'held' ORDER BY id"  # noqa: S608 - constant
        return [Held(*row) for row in self._db.execute(query, (replay.id,))]

    def end_replay(self, replay: Replay, refused: Sequence[tuple[int, str]]) -> None:
        """Records of a replay are taken, but those refused again: `(id, reason)`."""
        with self._db:
            self._db.executemany(
                "UPDATE records SET replay = NULL, mapping = ?, reason = ? WHERE id = ?",
                [(replay.mapping, reason, number) for number, reason in refused],
            )
            self._db.execute("UPDATE records SET state = 'taken' WHERE replay = ? AND state = 'held'", (replay.id,))
            self._db.execute("UPDATE replays SET done = 1 WHERE id = ?", (replay.id,))
