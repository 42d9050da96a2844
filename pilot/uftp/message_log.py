"""Every message that came or goes, durable: nothing is handled twice, nothing is lost, and a restart changes neither.

One SQLite file, written by one thread at a time. What came is kept under (sender, MessageID) with a digest of its content
for longer than the replay window, so that what is sent again is recognised whenever it comes. What goes waits in order
until its peer has taken it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from cim.platform.readings.errors import NotStored
from market.uftp.checks import Referred, referred
from market.uftp.flexibility import FlexOfferRevocation
from market.uftp.header import UftpMessage
from pilot.uftp.message_records import Arrival, Instants, Seen, Waiting, digest_of

_TABLES = """
CREATE TABLE IF NOT EXISTS incoming (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sender TEXT NOT NULL, message_id TEXT NOT NULL, digest BLOB NOT NULL,
    recipient TEXT NOT NULL, at REAL NOT NULL, message BLOB, reason TEXT, handed INTEGER NOT NULL DEFAULT 0,
    round INTEGER, sequence INTEGER,
    revoked INTEGER NOT NULL DEFAULT 0, UNIQUE (sender, message_id)
);
CREATE TABLE IF NOT EXISTS outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, message_id TEXT NOT NULL, digest BLOB NOT NULL,
    at REAL NOT NULL, message BLOB NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL, error TEXT, revoked INTEGER NOT NULL DEFAULT 0, UNIQUE (recipient, message_id)
);
CREATE TABLE IF NOT EXISTS channels (
    sender TEXT NOT NULL, recipient TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (sender, recipient)
);
CREATE TABLE IF NOT EXISTS rounds (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS waiting ON outgoing (number) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS unhanded ON incoming (number) WHERE handed = 0;
"""


class MessageLog:
    """The file.

    Raises:
        BadInput: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._one_writer = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")
            # What is asked does not wait for what is being written.
            self._read = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise BadInput(f"uftp: {path} cannot be opened ({error}); expected the log of earlier messages") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._one_writer:
            self._read.close()
            self._db.close()

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """All of it, durably, or nothing.

        Raises:
            NotStored: the disk is full.
        """
        with self._one_writer:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:  # SQLite has rolled back by itself where the disk was full
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise NotStored(f"uftp: the log of messages took nothing ({error}); try again") from None
                raise

    # ---- what comes ------------------------------------------------------------------------------------------------------

    def seen(self, sender: str, message_id: str, digest: bytes) -> tuple[Seen, str | None]:
        """What is known of a MessageID, and why that message was rejected, if it was."""
        row = self._read.execute(
            "SELECT digest, reason FROM incoming WHERE sender = ? AND message_id = ?", (sender, message_id)
        ).fetchone()
        if row is None:
            return Seen.NEW, None
        return (Seen.SAME if row[0] == digest else Seen.OTHER), row[1]

    def keep(self, arrivals: Iterable[Arrival], answers: Iterable[tuple[str, UftpMessage]], at: Instants) -> None:
        """Make arrivals and the answers to some of them (recipient, message) durable, all in one transaction.

        An arrival that is known already is left as it is.
        """
        now = at.here
        with self._at_once():
            for one in arrivals:
                body = None if one.message is None else encode(one.message)
                self._db.execute(
                    "INSERT OR IGNORE INTO incoming (sender, message_id, digest, recipient, at, message, reason, handed)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (one.sender, one.message_id, one.digest, one.recipient, now.timestamp(), body, one.reason,
                     int(one.reason is not None)),
                )  # fmt: skip
                if isinstance(one.message, FlexOfferRevocation) and one.reason is None:
                    self._revoke(one.sender, one.message.flex_offer_message_id)
            for recipient, message in answers:
                self._put(recipient, message, at.wall)

    def _revoke(self, domain: str, offer: str) -> None:
        for table, column in (("incoming", "sender"), ("outgoing", "recipient")):
            self._db.execute(
                f"UPDATE {table} SET revoked = 1 WHERE {column} = ? AND message_id = ?",  # noqa: S608 - our own words
                (domain, offer),
            )

    def unhanded(self, most: int = 10_000) -> list[tuple[int, UftpMessage]]:
        """(number, message) that were taken and not handed to their parties yet, in order."""
        rows = self._read.execute(
            "SELECT number, message FROM incoming WHERE handed = 0 ORDER BY number LIMIT ?", (most,)
        ).fetchall()
        return [(number, decode(body)) for number, body in rows]

    def handed(self, numbers: Iterable[int]) -> None:
        """Their parties have them, durably."""
        with self._at_once():
            self._db.executemany("UPDATE incoming SET handed = 1 WHERE number = ?", [(n,) for n in numbers])

    def deal(self, number: int, most: int = 1_000) -> list[tuple[UftpMessage, int]]:
        """Give a round (message, number in its channel) of what is new; given again it has the same.

        A channel is a sender and a recipient; its numbers count up from 1 for ever.
        """
        with self._at_once():
            self._db.execute(
                "INSERT INTO rounds VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET last = max(last, excluded.last)",
                (number,),
            )
            rows = self._db.execute(
                "SELECT number, sender, recipient FROM incoming WHERE handed = 0 AND round IS NULL ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
            for row, sender, recipient in rows:
                self._db.execute(
                    "INSERT INTO channels VALUES (?, ?, 1) ON CONFLICT (sender, recipient) DO UPDATE SET last = last + 1",
                    (sender, recipient),
                )
                self._db.execute(
                    "UPDATE incoming SET round = ?, sequence ="
                    " (SELECT last FROM channels WHERE sender = ? AND recipient = ?) WHERE number = ?",
                    (number, sender, recipient, row),
                )
        return self.dealt(number)

    def dealt(self, number: int) -> list[tuple[UftpMessage, int]]:
        """What was given to a round and is not settled."""
        rows = self._read.execute(
            "SELECT message, sequence FROM incoming WHERE handed = 0 AND round = ? ORDER BY number", (number,)
        ).fetchall()
        return [(decode(body), sequence) for body, sequence in rows]

    def rounds(self) -> tuple[list[int], int]:
        """The rounds that are not settled, and the last round that there was."""
        open_ = self._read.execute(
            "SELECT DISTINCT round FROM incoming WHERE handed = 0 AND round IS NOT NULL ORDER BY round"
        ).fetchall()
        last = self._read.execute("SELECT last FROM rounds").fetchone()
        return [number for (number,) in open_], 0 if last is None else last[0]

    def settled(self, up_to: int) -> None:
        """What was given to rounds up to this one is with its parties, durably."""
        with self._at_once():
            self._db.execute("UPDATE incoming SET handed = 1 WHERE handed = 0 AND round <= ?", (up_to,))

    # ---- what goes -------------------------------------------------------------------------------------------------------

    def put(self, messages: Iterable[tuple[str, UftpMessage]], now: datetime) -> None:
        """At `now` by the wall: messages to (recipient's domain), in order; one that was put before is not sent again."""
        with self._at_once():
            for recipient, message in messages:
                self._put(recipient, message, now)

    def _put(self, recipient: str, message: UftpMessage, now: datetime) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO outgoing (recipient, message_id, digest, at, message, next_at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                recipient,
                message.header.message_id,
                digest_of(message),
                now.timestamp(),
                encode(message),
                now.timestamp(),
            ),
        )
        if isinstance(message, FlexOfferRevocation):
            self._revoke(recipient, message.flex_offer_message_id)

    def waiting(self, recipient: str, most: int = 100) -> list[Waiting]:
        """What a peer has not taken yet, in order."""
        rows = self._read.execute(
            "SELECT number, recipient, message, attempts, at, next_at FROM outgoing"
            " WHERE state = 'waiting' AND recipient = ? ORDER BY number LIMIT ?",
            (recipient, most),
        ).fetchall()
        return [Waiting(n, to, decode(body), tries, _utc(at), _utc(again)) for n, to, body, tries, at, again in rows]

    def delivered(self, numbers: Iterable[int]) -> None:
        """Their peer has taken them."""
        with self._at_once():
            rows = [(n,) for n in numbers]
            self._db.executemany("UPDATE outgoing SET state = 'delivered', error = NULL WHERE number = ?", rows)

    def again(self, number: int, next_at: datetime, error: str) -> None:
        """It could not be delivered; to be tried again."""
        with self._at_once():
            self._db.execute(
                "UPDATE outgoing SET attempts = attempts + 1, next_at = ?, error = ? WHERE number = ?",
                (next_at.timestamp(), error, number),
            )

    def failed(self, number: int, error: str) -> None:
        """It will not be delivered."""
        with self._at_once():
            self._db.execute("UPDATE outgoing SET state = 'failed', error = ? WHERE number = ?", (error, number))

    # ---- both ------------------------------------------------------------------------------------------------------------

    def find(self, domain: str, message_id: str) -> Referred | None:
        """A message that was exchanged with a domain, either way, and not rejected."""
        number = message_id.lower()
        for query in (
            "SELECT message, revoked FROM incoming WHERE sender = ? AND message_id = ? AND reason IS NULL",
            "SELECT message, revoked FROM outgoing WHERE recipient = ? AND message_id = ?",
        ):
            row = self._read.execute(query, (domain, number)).fetchone()
            if row is not None and row[0] is not None:
                known = referred(decode(row[0]))
                return Referred(known.kind, known.period, known.expiration, bool(row[1]))
        return None

    def counts(self) -> dict[str, int]:
        """How many messages came, were rejected, wait, were delivered and failed."""
        counts = dict(self._read.execute("SELECT state, COUNT(*) FROM outgoing GROUP BY state").fetchall())
        came, refused = self._read.execute("SELECT COUNT(*), COUNT(reason) FROM incoming").fetchone()
        return {"came": came, "rejected": refused} | {s: counts.get(s, 0) for s in ("waiting", "delivered", "failed")}

    def prune(self, before: Instants) -> None:
        """Forget what is older, but nothing that somebody still waits for."""
        with self._at_once():
            self._db.execute("DELETE FROM incoming WHERE at < ? AND handed = 1", (before.here.timestamp(),))
            self._db.execute("DELETE FROM outgoing WHERE at < ? AND state != 'waiting'", (before.wall.timestamp(),))


def _utc(stamp: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=stamp)
