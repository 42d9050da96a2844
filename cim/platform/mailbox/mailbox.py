"""The mailbox of a site: a request is durable before it is acknowledged, goes to its agent once, and keeps its answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from cim.platform.mailbox.requests import KIND_OF, RequestAnswered, Wanted
from cim.platform.readings.errors import NotStored

_TABLES = """
CREATE TABLE IF NOT EXISTS letters (
    place INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT NOT NULL UNIQUE, at TEXT NOT NULL, asked_by TEXT NOT NULL,
    recipient TEXT NOT NULL, kind TEXT NOT NULL, request BLOB NOT NULL, round INTEGER, lane INTEGER, sequence INTEGER,
    taken INTEGER NOT NULL DEFAULT 0, accepted INTEGER, reason TEXT NOT NULL DEFAULT '', answered_at TEXT
);
CREATE TABLE IF NOT EXISTS channels (
    recipient TEXT NOT NULL, lane INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (recipient, lane)
);
CREATE TABLE IF NOT EXISTS rounds (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS waiting ON letters (place) WHERE round IS NULL;
CREATE INDEX IF NOT EXISTS open ON letters (round) WHERE taken = 0;
"""
_LETTERS = (
    "SELECT number, at, asked_by, recipient, request, round, lane, sequence, accepted, reason, answered_at FROM letters"
)
_MOST_WAITING = 100  # requests that no agent has taken yet


class LetterState(StrEnum):
    """How far a request is."""

    WAITING = "waiting"  # for the site's next round
    HANDED = "handed"  # to its agent
    ACCEPTED = "accepted"
    REFUSED = "refused"


class MailboxFull(BadInput):
    """Too many requests wait for their agents."""


class AskedBefore(BadInput):
    """The number of a request stands for another one already."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A request and what became of it.

    Attributes:
        at: when it was asked, UTC, on the site's clock.
        recipient: domain of the party whose agent is asked.
        reason: what follows, or why not; empty before the answer.
        lane, sequence: of its message, once it is handed to its agent.
    """

    number: str
    at: datetime
    by: str
    recipient: str
    request: Wanted
    state: LetterState
    reason: str
    answered_at: datetime | None
    lane: int = 0
    sequence: int = 0


class Mailbox:
    """The requests of a site, in a file; for any thread and process.

    Args:
        path: of the file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.notify: Callable[[], None] = _nobody  # called after each request that was put
        with closing(sqlite3.connect(path, timeout=10.0)) as database:
            database.executescript(_TABLES)

    # ---- people ask ------------------------------------------------------------------------------------------------------

    def put(self, recipient: str, request: Wanted, now: datetime) -> Letter:
        """Keep a request; one that is put again (the same number) is the one that there is.

        Raises:
            MailboxFull: too many wait.
            AskedBefore: its number stands for another request.
            NotStored: the disk is full.
        """
        body = encode(request)
        with self._writing() as database:
            found = database.execute(
                "SELECT recipient, request FROM letters WHERE number = ?", (request.number,)
            ).fetchone()
            if found is None:
                waiting = database.execute("SELECT count(*) FROM letters WHERE taken = 0").fetchone()[0]
                if waiting >= _MOST_WAITING:
                    raise MailboxFull(f"mailbox: {waiting} requests wait for their agents; expected you to try later")
                database.execute(
                    "INSERT INTO letters (number, at, asked_by, recipient, kind, request) VALUES (?, ?, ?, ?, ?, ?)",
                    (request.number, _text(now), request.by, recipient, KIND_OF[type(request)], body),
                )
            elif found != (recipient, body):
                raise AskedBefore(f"number: {request.number!r} is of another request; expected a new one")
        self.notify()
        kept = self.get(request.number)
        assert kept is not None  # noqa: S101 - it has just been put
        return kept

    def get(self, number: str) -> Letter | None:
        """The request of a number."""
        found = self._read(_LETTERS + " WHERE number = ?", number)
        return found[0] if found else None

    def newest(self, last: int, recipient: str | None = None) -> list[Letter]:
        """The newest requests, newest first: of one recipient, or all."""
        return self._read(
            _LETTERS + " WHERE ? IS NULL OR recipient = ? ORDER BY place DESC LIMIT ?",
            recipient,
            recipient,
            last,
        )

    # ---- the site's rounds ------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether a request waits for the next round."""
        with closing(sqlite3.connect(self._path, timeout=10.0)) as database:
            return database.execute("SELECT 1 FROM letters WHERE round IS NULL LIMIT 1").fetchone() is not None

    def deal(self, number: int, lane_of: Callable[[Wanted], int]) -> list[Letter]:
        """Give what waits to a round; each message gets its place in its channel. What the round was given before, again."""
        with self._writing() as database:
            rows = database.execute("SELECT place, recipient, request FROM letters WHERE round IS NULL ORDER BY place")
            for place, recipient, body in rows.fetchall():
                lane = lane_of(decode(body))
                last = database.execute(
                    "SELECT last FROM channels WHERE recipient = ? AND lane = ?", (recipient, lane)
                ).fetchone()
                # A mailbox that was lost begins above all that its agents have seen: rounds only count up.
                sequence = (number << 24 if last is None else last[0]) + 1
                database.execute("INSERT OR REPLACE INTO channels VALUES (?, ?, ?)", (recipient, lane, sequence))
                database.execute(
                    "UPDATE letters SET round = ?, lane = ?, sequence = ? WHERE place = ?",
                    (number, lane, sequence, place),
                )
            database.execute("INSERT OR REPLACE INTO rounds VALUES (1, ?)", (number,))
        return self.dealt(number)

    def dealt(self, number: int) -> list[Letter]:
        """What a round was given."""
        return self._read(_LETTERS + " WHERE round = ? ORDER BY place", number)

    def rounds(self) -> tuple[list[int], int]:
        """The rounds whose requests have not all been taken, and the last round that there was."""
        with closing(sqlite3.connect(self._path, timeout=10.0)) as database:
            open_ = database.execute(
                "SELECT DISTINCT round FROM letters WHERE taken = 0 AND round IS NOT NULL ORDER BY round"
            ).fetchall()
            last = database.execute("SELECT last FROM rounds").fetchone()
        return [number for (number,) in open_], 0 if last is None else last[0]

    def taken(self, up_to: int) -> None:
        """What was given to rounds up to this one is with its agents, durably."""
        with self._writing() as database:
            database.execute("UPDATE letters SET taken = 1 WHERE taken = 0 AND round <= ?", (up_to,))

    def answered(self, answer: RequestAnswered, now: datetime) -> None:
        """Keep an answer; only the first one counts."""
        with self._writing() as database:
            database.execute(
                "UPDATE letters SET accepted = ?, reason = ?, answered_at = ? WHERE number = ? AND accepted IS NULL",
                (int(answer.accepted), answer.reason, _text(now), answer.number),
            )

    def _read(self, sql: str, *parameters: object) -> list[Letter]:
        with closing(sqlite3.connect(self._path, timeout=10.0)) as database:
            return [_letter(row) for row in database.execute(sql, parameters).fetchall()]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing. Raises NotStored."""
        try:
            # A connection that is closed within a transaction rolls it back.
            with closing(sqlite3.connect(self._path, timeout=10.0, isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise NotStored(f"mailbox: {self._path} took nothing ({error}); try again") from None


def mailbox_path(folder: Path) -> Path:
    """Where a site's requests are kept."""
    return folder / "data" / "mailbox.sqlite"


_Row = tuple[str, str, str, str, bytes, int | None, int | None, int | None, int | None, str, str | None]


def _letter(row: _Row) -> Letter:
    number, at, by, recipient, body, dealt, lane, sequence, accepted, reason, answered_at = row
    if accepted is not None:
        state = LetterState.ACCEPTED if accepted else LetterState.REFUSED
    else:
        state = LetterState.WAITING if dealt is None else LetterState.HANDED
    return Letter(
        number,
        datetime.fromisoformat(at),
        by,
        recipient,
        decode(body),
        state,
        reason,
        None if answered_at is None else datetime.fromisoformat(answered_at),
        lane or 0,
        sequence or 0,
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _nobody() -> None:
    return None
