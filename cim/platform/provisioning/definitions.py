"""The queries that a site offers, with all their versions: who defined what, when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.provisioning.definition import Definition, read_definition


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a query; `definition` is None where it was taken back."""

    number: int
    by: str
    at: datetime
    definition: Definition | None


class DefinitionBook:
    """Definitions in a file; every version stays, the last one counts, for every process at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS queries (name TEXT, number INTEGER, by_whom TEXT, at TEXT, body TEXT, "
                "PRIMARY KEY (name, number))"
            )

    def put(self, definition: Definition, by: str, at: datetime) -> int:
        """Keep a definition as the newest version of its name; which one it is, from 1."""
        return self._add(definition.name, by, at, definition.model_dump_json())

    def take_back(self, name: str, by: str, at: datetime) -> None:
        """Offer a query no longer; its versions stay.

        Raises:
            BadInput: there is none of this name.
        """
        self.get(name)
        self._add(name, by, at, None)

    def get(self, name: str) -> Definition:
        """The newest version.

        Raises:
            BadInput: there is none, or it was taken back.
        """
        history = self.history(name)
        if not history or history[-1].definition is None:
            raise BadInput(f"query: there is none of the name {name!r}")
        return history[-1].definition

    def all(self) -> tuple[Definition, ...]:
        """The newest version of each, by name."""
        with self._open() as database:
            names = [name for (name,) in database.execute("SELECT DISTINCT name FROM queries ORDER BY name")]
        found = [self.history(name)[-1].definition for name in names]
        return tuple(definition for definition in found if definition is not None)

    def history(self, name: str) -> tuple[Version, ...]:
        """All versions, oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT number, by_whom, at, body FROM queries WHERE name = ? ORDER BY number", (name,)
            ).fetchall()
        return tuple(
            Version(number, by, datetime.fromisoformat(at), None if body is None else read_definition(body))
            for number, by, at, body in rows
        )

    def _add(self, name: str, by: str, at: datetime, body: str | None) -> int:
        with self._open() as database:
            row = database.execute("SELECT count(*) FROM queries WHERE name = ?", (name,)).fetchone()
            number = int(row[0]) + 1
            values = (name, number, by, at.astimezone(UTC).isoformat(), body)
            database.execute("INSERT INTO queries VALUES (?, ?, ?, ?, ?)", values)
        return number

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        finally:
            database.close()
