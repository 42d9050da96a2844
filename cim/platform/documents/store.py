"""The documents' store: every version of every document, who wrote it, when and why; none is changed, all are erased together."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from cim.model.errors import BadInput, IlesError
from cim.platform.documents.kinds import Body, Kind, checked, kind_of

_TABLE = """CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body TEXT, who TEXT NOT NULL, at TEXT NOT NULL,
    why TEXT NOT NULL, PRIMARY KEY (kind, key, version)) WITHOUT ROWID"""
_NEWEST = (
    "SELECT * FROM documents AS told WHERE kind = ? AND version = "
    "(SELECT max(version) FROM documents WHERE kind = told.kind AND key = told.key AND at <= ?)"
)
_END_OF_TIME = "9999"


class WrongVersion(BadInput):
    """Somebody else wrote the document meanwhile: read it again, and write on top of what is there."""


@dataclass(frozen=True, slots=True)
class Note:
    """Who writes, when (UTC) and why: kept with the version."""

    who: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Document:
    """A version of a document.

    Attributes:
        version: 1, 2 and so on.
        body: as its kind's shape has it; None: it was withdrawn.
    """

    kind: Kind
    key: str
    version: int
    body: Body | None
    note: Note


class DocumentStore:
    """Documents in one SQLite file; several processes may use it at once.

    Args:
        path: is made, with its folder, if it is not there.
        read_only: then it must be there.

    Raises:
        BadInput: it is no such file, or not there.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        if read_only and not path.exists():
            raise BadInput(f"documents: {path} is not there; expected what a run or a site has made")
        if not path.exists():
            _appear(path)
        self._path, self._lock = path, Lock()
        address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        self._database = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None, timeout=10)
        try:
            if not read_only:
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute(_TABLE)
            self._database.execute("SELECT version FROM documents LIMIT 1")
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise BadInput(f"documents: {path} cannot be read ({error}); expected a store of documents") from None

    def put(self, kind: Kind, key: str, body: Body, note: Note, expected: int | None = None) -> Document:
        """Write a version, durably when it returns; what is there already is no new version.

        Args:
            expected: the version that the writer has seen, 0 = none; None = whatever is there.

        Raises:
            BadInput: the body has not its kind's shape, or the note says nothing.
            WrongVersion: another version than `expected` is the newest; nothing was written.
        """
        with self._lock, self._writing():
            return self._put(kind, key, body, note, expected)

    def put_all(self, documents: Iterable[tuple[Kind, str, Body]], note: Note) -> int:
        """Write many documents: all or none; how many new versions there are.

        Raises:
            BadInput: one has not its kind's shape; nothing was written.
        """
        with self._lock, self._writing():
            before = self._database.total_changes
            for kind, key, body in documents:
                self._put(kind, key, body, note, None)
            return self._database.total_changes - before

    def withdraw(self, kind: Kind, key: str, note: Note, expected: int | None = None) -> Document:
        """A version that says the document holds no more; its history stays.

        Raises:
            BadInput: there is no such document, or the note says nothing.
            WrongVersion: another version than `expected` is the newest.
        """
        with self._lock, self._writing():
            last = self._last(kind, key)
            if last is None or last.body is None:
                raise BadInput(f"documents: {kind} {key!r} is not there; expected one to withdraw")
            return self._write(kind, key, last, None, note, expected)

    def erase(self, kind: Kind, keys: Iterable[str]) -> int:
        """Remove documents with all their versions, for good: what they said is overwritten; how many there were."""
        with self._lock:
            self._database.execute("PRAGMA secure_delete = ON")
            with self._writing():
                gone = 0
                for key in dict.fromkeys(keys):
                    done = self._database.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind.value, key))
                    gone += done.rowcount > 0
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or it would stand in the log for a while
            return gone

    def get(self, kind: Kind, key: str, as_of: datetime | None = None) -> Document | None:
        """The newest version (that was written by `as_of`); None where there is none or it was withdrawn."""
        with self._lock:
            found = self._read(f"{_NEWEST} AND key = ?", kind, _upto(as_of), key)
        return found[0] if found and found[0].body is not None else None

    def all(self, kind: Kind, as_of: datetime | None = None) -> list[Document]:
        """The newest version of each document of a kind, by key, without those that were withdrawn."""
        with self._lock:
            found = self._read(f"{_NEWEST} ORDER BY key", kind, _upto(as_of))
        return [document for document in found if document.body is not None]

    def history(self, kind: Kind, key: str) -> list[Document]:
        """All versions, the oldest first."""
        with self._lock:
            return self._read("SELECT * FROM documents WHERE kind = ? AND key = ? ORDER BY version", kind, key)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _put(self, kind: Kind, key: str, body: Body, note: Note, expected: int | None) -> Document:
        text, last = checked(kind, body), self._last(kind, key)
        if (
            last is not None
            and last.body is not None
            and last.body == json.loads(text)
            and expected in (None, last.version)
        ):
            return last
        return self._write(kind, key, last, text, note, expected)

    def _write(
        self, kind: Kind, key: str, last: Document | None, text: str | None, note: Note, expected: int | None
    ) -> Document:
        newest = 0 if last is None else last.version
        if expected is not None and expected != newest:
            raise WrongVersion(f"documents: {kind} {key!r} is at version {newest}; expected {expected}, read it again")
        if not (key and note.who and note.why):
            raise BadInput(
                f"documents: {kind} {key!r} by {note.who!r} because {note.why!r}; expected a key, who and why"
            )
        if note.at.tzinfo is None:
            raise BadInput(
                f"documents: {kind} {key!r} at {note.at}, which has no time zone; expected an instant in UTC"
            )
        if last is not None and note.at < last.note.at:
            raise BadInput(
                f"documents: {kind} {key!r} at {note.at}; expected not before its version {newest} at {last.note.at}"
            )
        row = (kind.value, key, newest + 1, text, note.who, _text(note.at), note.why)
        self._database.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return _document(row)

    def _last(self, kind: Kind, key: str) -> Document | None:
        found = self._read(f"{_NEWEST} AND key = ?", kind, _END_OF_TIME, key)
        return found[0] if found else None

    def _read(self, sql: str, *parameters: str) -> list[Document]:
        return [_document(row) for row in self._database.execute(sql, parameters)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All of it or nothing.

        Raises:
            IlesError: the disk is full, or others write for too long.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise IlesError(f"documents: {self._path} took nothing ({error}); try again") from None


def _appear(path: Path) -> None:
    """Make an empty store that readers find whole or not at all; where another was quicker, that one stays."""
    made = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(made)) as database:
            database.execute(_TABLE)
        with suppress(FileExistsError):
            os.link(made, path)
    except (sqlite3.Error, OSError) as error:
        raise IlesError(f"documents: {path} cannot be made ({error}); try again") from None
    finally:
        made.unlink(missing_ok=True)


def _document(row: tuple[str, str, int, str | None, str, str, str]) -> Document:
    kind, key, version, text, who, at, why = row
    body: Body | None = None if text is None else json.loads(text)
    return Document(kind_of(kind), key, version, body, Note(who, datetime.fromisoformat(at), why))


def _upto(as_of: datetime | None) -> str:
    return _END_OF_TIME if as_of is None else _text(as_of)


def _text(at: datetime) -> str:
    """An instant as text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
