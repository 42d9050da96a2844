"""Reading a ledger: parties, records, heads, co-signatures; also while its keeper writes or after it was killed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cim.model.errors import BadInput
from market.ledger import hashing, schema
from market.ledger.errors import NotALedger
from market.ledger.records import BlockHead, Party, Record, Signature


@dataclass(frozen=True)
class Summary:
    """What a ledger holds: counts, the records by kind, and the last head."""

    parties: int
    records: int
    open_records: int
    blocks: int
    cosignatures: int
    kinds: tuple[tuple[str, int], ...]
    head: BlockHead | None


class LedgerReader:
    """A ledger as anyone may read it, in its file or as the bytes of one; changes nothing.

    Raises:
        NotALedger: the file is missing, not SQLite, or holds other tables.
    """

    def __init__(self, source: schema.Source, read_only: bool = True) -> None:
        self.place = "in memory" if isinstance(source, bytes) else str(source)
        self._db = schema.open_ledger(source, read_only)
        self._keys: dict[str, bytes] = {}
        try:
            known = [name for (name,) in self._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            if known and not set(schema.COLUMNS) <= set(known):
                raise NotALedger(f"ledger: {self.place} is SQLite with other tables; expected an ILES ledger")
            if known:
                self._keys = {party.name: party.public for party in self.parties()}
        except (sqlite3.Error, NotALedger) as error:
            self._db.close()
            if isinstance(error, NotALedger):
                raise
            raise NotALedger(f"ledger: {self.place} cannot be opened ({error})") from error

    def parties(self) -> tuple[Party, ...]:
        """All parties in order of name."""
        return tuple(Party(*row) for row in self._db.execute("SELECT name, public FROM parties ORDER BY name"))

    def meta(self) -> dict[str, str]:
        """The meta entries the ledger was made with."""
        return dict(self._db.execute("SELECT name, value FROM meta ORDER BY name"))

    def records(
        self, block: int | None = None, kind: str | None = None, since: datetime | None = None
    ) -> tuple[Record, ...]:
        """Records in the order in which they came; of one block (0 = still open), one kind or from an instant on."""
        rows = self._db.execute(
            "SELECT sequence, kind, key, at, author, body FROM records "
            "WHERE (:block IS NULL OR coalesce(block, 0) = :block) AND (:kind IS NULL OR kind = :kind) "
            "AND (:since IS NULL OR at >= :since) ORDER BY sequence",
            {"block": block, "kind": kind, "since": None if since is None else hashing.microseconds(since)},
        ).fetchall()
        # After the records: those that the keeper appends meanwhile have signatures too many here, never too few.
        signatures: dict[int, list[Signature]] = {}
        for sequence, party, value in self._db.execute("SELECT sequence, party, value FROM signatures"):
            signatures.setdefault(sequence, []).append(Signature(party, value))
        return tuple(
            Record(what, key, hashing.instant_of(at), author, body, tuple(signatures.get(sequence, ())))
            for sequence, what, key, at, author, body in rows
        )

    def began(self) -> datetime | None:
        """When the first record was made; None where there is none."""
        if not self._keys:
            return None
        (at,) = self._db.execute("SELECT min(at) FROM records").fetchone()
        return None if at is None else hashing.instant_of(at)

    def heads(self) -> tuple[BlockHead, ...]:
        """All block heads in order."""
        when = hashing.instant_of
        return tuple(
            BlockHead(number, when(start), when(end), count, root, previous, parties, when(at))
            for number, start, end, count, root, previous, parties, at, _ in self._db.execute(
                "SELECT * FROM blocks ORDER BY number"
            )
        )

    def cosignatures(self, number: int) -> tuple[Signature, ...]:
        """Who has co-signed head `number`, in order of party."""
        query = "SELECT party, value FROM cosignatures WHERE number = ? ORDER BY party"
        return tuple(Signature(*row) for row in self._db.execute(query, (number,)))

    def summary(self) -> Summary:
        """Counts of everything, and the last head."""
        self._must_exist()
        kinds = tuple(self._db.execute("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind"))
        (still_open,) = self._db.execute("SELECT count(*) FROM records WHERE block IS NULL").fetchone()
        (cosignatures,) = self._db.execute("SELECT count(*) FROM cosignatures").fetchone()
        heads = self.heads()
        total = sum(count for _, count in kinds)
        last = heads[-1] if heads else None
        return Summary(len(self._keys), total, still_open, len(heads), cosignatures, kinds, last)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _must_exist(self) -> None:
        if not self._keys:
            raise NotALedger(f"ledger: {self.place} holds no ledger yet; expected one made by create")

    def _public(self, party: str) -> bytes:
        public = self._keys.get(party)
        if public is None:
            raise BadInput(f"party: {party!r} is not a party to this ledger")
        return public
