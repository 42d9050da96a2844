"""The record of accesses: who asked for what, what was decided by which policies, how many rows left; never a value.

Only ever longer: the database refuses changes, and each entry carries a digest over itself and the one before, so that a
file changed behind its back is found out.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.readings.errors import NotStored

_TABLE = """
CREATE TABLE IF NOT EXISTS accesses (number INTEGER PRIMARY KEY, entry TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_change BEFORE UPDATE ON accesses BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS no_removal BEFORE DELETE ON accesses BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One access, or try.

    Attributes:
        at: when, UTC, on the site's own clock.
        who, role: the principal; role empty where nobody has that name.
        act: read, search, consent, withdraw, erase, define, audit.
        what: dataset, query or consent that it was about.
        asked: its shape: attributes, filtered columns, purpose; no values.
        allowed: the decision; `reason` says why not.
        policies: by which it was allowed.
        rows: how many left.
    """

    at: datetime
    who: str
    role: str
    act: str
    what: str
    asked: tuple[str, ...] = ()
    allowed: bool = False
    reason: str = ""
    policies: tuple[str, ...] = ()
    rows: int = 0


@dataclass(eq=False, slots=True)
class _Waiting:
    """An entry that may not be on the disk yet; `trouble` says why it will not come there, and is empty once it has."""

    entry: str
    is_settled: bool = False
    trouble: str = "it was interrupted"


class AuditLog:
    """The accesses of a site, in a file.

    What comes from several threads at once is written in one transaction: were each to write its own, all would wait for as
    many disk syncs as there are, and the last for longer than SQLite waits for a file (a process may have 40 of them).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._waiting: list[_Waiting] = []
        self._turn, self._is_writing = threading.Condition(), False
        with closing(sqlite3.connect(path, timeout=10.0)) as database:
            database.executescript(_TABLE)

    def add(self, access: Access) -> None:
        """Keep one; it is on the disk before its answer leaves.

        Raises:
            NotStored: it is not: the disk is full, or somebody else holds the file.
        """
        mine = _Waiting(json.dumps(asdict(access) | {"at": access.at.astimezone(UTC).isoformat()}, sort_keys=True))
        with self._turn:
            self._waiting.append(mine)
            self._turn.wait_for(lambda: mine.is_settled or not self._is_writing)
            # Whoever is next takes all that wait, so nobody waits for more than two transactions.
            batch, self._waiting = ([], self._waiting) if mine.is_settled else (self._waiting, [])
            self._is_writing = self._is_writing or bool(batch)
        if batch:
            self._write(batch)
        if mine.trouble:
            raise NotStored(f"audit: {self._path} took nothing ({mine.trouble}); try again")

    def entries(self, who: str | None = None, last: int | None = None) -> list[Access]:
        """Accesses, oldest first: of one principal, or of all; the last so many."""
        found = [access for access in map(_access, self._rows()) if who in (None, access.who)]
        return found if last is None else found[-last:] if last > 0 else []

    def check(self) -> int:
        """Go through all of it; how many there are.

        Raises:
            BadInput: an entry is not as it was written, or one is missing between others.
        """
        before, count = "", 0
        for number, entry, digest in self._rows():
            count += 1
            if number != count or digest != _digest(before, number, entry):
                raise BadInput(
                    f"audit log: entry {count} of {self._path} is not as it was written; expected it unchanged"
                )
            before = digest
        return count

    def _rows(self) -> list[tuple[int, str, str]]:
        with closing(sqlite3.connect(self._path, timeout=10.0)) as database:
            return database.execute("SELECT number, entry, digest FROM accesses ORDER BY number").fetchall()

    def _write(self, batch: Sequence[_Waiting]) -> None:
        """All of them in one transaction, or none: what cannot be noted is not answered."""
        trouble = batch[0].trouble
        try:
            with self._writing() as database:
                self._append(database, batch)
            trouble = ""
        except sqlite3.Error as error:
            trouble = str(error)
        finally:
            with self._turn:
                for one in batch:
                    one.is_settled, one.trouble = True, trouble
                self._is_writing = False
                self._turn.notify_all()

    @staticmethod
    def _append(database: sqlite3.Connection, batch: Sequence[_Waiting]) -> None:
        last = database.execute("SELECT number, digest FROM accesses ORDER BY number DESC LIMIT 1").fetchone()
        before, digest = last or (0, "")
        for number, one in enumerate(batch, before + 1):
            digest = _digest(digest, number, one.entry)
            database.execute("INSERT INTO accesses VALUES (?, ?, ?)", (number, one.entry, digest))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # A connection that is closed within a transaction rolls it back.
        with closing(sqlite3.connect(self._path, timeout=10.0, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")  # of two processes one waits, so that numbers follow each other
            yield database
            database.execute("COMMIT")


def _digest(before: str, number: int, entry: str) -> str:
    return hashlib.sha256(f"{before}\n{number}\n{entry}".encode()).hexdigest()


def _access(row: tuple[int, str, str]) -> Access:
    fields = json.loads(row[1])
    lists = {name: tuple(fields[name]) for name in ("asked", "policies")}
    return Access(**(fields | lists | {"at": datetime.fromisoformat(fields["at"])}))
