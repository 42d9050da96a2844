"""Reading a ledger: parties, records, heads, co-signatures; also while its keeper writes or after it was killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from market.ledger import hashing, schema
from market.ledger.entries import record_of
from market.ledger.errors import NotALedger
from market.ledger.party_keys import KEEPER, KINDS, PartyKeys, keys_after
from market.ledger.records import BlockHead, Party, Record, Signature


@dataclass(frozen=True)
class Summary:
    """What a ledger holds: counts, the records by kind, the last head, and how many bodies are kept beside the records."""

    parties: int
    records: int
    open_records: int
    blocks: int
    cosignatures: int
    kinds: tuple[tuple[str, int], ...]
    head: BlockHead | None
    bodies: int


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
            if known:
                self._expect_ledger(set(known))
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

    def party_keys(self) -> PartyKeys:
        """The keys in force behind everything that is recorded.

        Raises:
            BadInput: a change of a key does not follow the one before it.
        """
        return keys_after(self._keys, self.meta().get(KEEPER, "") if self._keys else "", self.key_changes())

    def key_changes(self) -> tuple[tuple[int, Record], ...]:
        """All records that change a party's key, each with its sequence, in their order."""
        query = "SELECT sequence, entry FROM records WHERE kind IN (?, ?) ORDER BY sequence"
        rows = self._db.execute(query, sorted(KINDS)) if self._keys else ()
        return tuple((sequence, record_of(entry)) for sequence, entry in rows)

    def records(
        self, block: int | None = None, kind: str | None = None, since: datetime | None = None
    ) -> tuple[Record, ...]:
        """Records in the order in which they came; of one block (0 = still open), one kind or from an instant on."""
        first, last = self._sequences(block)
        return self._select(
            "(:kind IS NULL OR kind = :kind) AND (:since IS NULL OR at >= :since) AND sequence > :first AND "
            "(:last IS NULL OR sequence <= :last)",
            {
                "kind": kind,
                "since": None if since is None else hashing.microseconds(since),
                "first": first,
                "last": last,
            },
        )

    def records_of(self, kinds: Sequence[str], after: int = 0) -> tuple[Record, ...]:
        """Records of some kinds, in the order in which they came, from the one after a sequence on."""
        where = f"kind IN ({', '.join(f':kind{n}' for n in range(len(kinds)))}) AND sequence > :after"
        return self._select(where, {"after": after} | {f"kind{n}": kind for n, kind in enumerate(kinds)})

    def mark_of(self, kinds: Sequence[str]) -> tuple[int, int]:
        """Of the records of some kinds: the last one's sequence (0: there is none), and how many have a body that can be erased."""
        marks = ", ".join("?" * len(kinds))
        query = (
            f"SELECT max(sequence), count(body) FROM records LEFT JOIN bodies USING (sequence) WHERE kind IN ({marks})"  # noqa: S608
        )
        last, bodies = self._db.execute(query, tuple(kinds)).fetchone()
        return last or 0, bodies

    def record(self, kind: str, key: str) -> Record | None:
        """One record; None where there is none of this name."""
        return next(iter(self._select("kind = :kind AND key = :key", {"kind": kind, "key": key})), None)

    def _select(self, where: str, values: dict[str, str | int | None]) -> tuple[Record, ...]:
        rows = self._db.execute(
            "SELECT entry, salt, body FROM records LEFT JOIN bodies USING (sequence) "  # noqa: S608 - fixed conditions
            f"WHERE {where} ORDER BY sequence",
            values,
        )
        return tuple(_record(*row) for row in rows)

    def _sequences(self, block: int | None) -> tuple[int, int | None]:
        """Between which sequences (the first excluded, the last included) the records of a block stand."""
        if block is None:
            return 0, None
        sizes = [0, *(size for (size,) in self._db.execute("SELECT size FROM blocks ORDER BY number"))]
        if block == 0:
            return sizes[-1], None
        return (sizes[block - 1], sizes[block]) if 0 < block < len(sizes) else (0, 0)

    def began(self) -> datetime | None:
        """When the first record was made; None where there is none."""
        if not self._keys:
            return None
        (at,) = self._db.execute("SELECT min(at) FROM records").fetchone()
        return None if at is None else hashing.instant_of(at)

    def heads(self) -> tuple[BlockHead, ...]:
        """All block heads in order."""
        return tuple(_head(*row) for row in self._db.execute("SELECT * FROM blocks ORDER BY number"))

    def last_head(self) -> BlockHead | None:
        """The head of the block that was closed last."""
        row = self._db.execute("SELECT * FROM blocks ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else _head(*row)

    def head(self, number: int) -> BlockHead | None:
        """The head of one block; None where it is not closed."""
        row = self._db.execute("SELECT * FROM blocks WHERE number = ?", (number,)).fetchone()
        return None if row is None else _head(*row)

    def cosignatures(self, number: int) -> tuple[Signature, ...]:
        """Who has co-signed head `number`, in order of party."""
        query = "SELECT party, value FROM cosignatures WHERE number = ? ORDER BY party"
        return tuple(Signature(*row) for row in self._db.execute(query, (number,)))

    def summary(self) -> Summary:
        """Counts of everything, and the last head."""
        self._must_exist()
        kinds = tuple(self._db.execute("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind"))
        (cosignatures,) = self._db.execute("SELECT count(*) FROM cosignatures").fetchone()
        heads = self.heads()
        total = sum(count for _, count in kinds)
        last = heads[-1] if heads else None
        still_open = total - (last.size if last else 0)
        (bodies,) = self._db.execute("SELECT count(*) FROM bodies").fetchone()
        return Summary(len(self._keys), total, still_open, len(heads), cosignatures, kinds, last, bodies)

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

    def _expect_ledger(self, tables: set[str]) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if application == schema.APPLICATION_ID and version != schema.VERSION:
            raise NotALedger(f"ledger: {self.place} has format {version}; expected {schema.VERSION}")
        if not set(schema.COLUMNS) <= tables:
            raise NotALedger(f"ledger: {self.place} is SQLite with other tables; expected an ILES ledger")


def _record(entry: bytes, salt: bytes | None, body: bytes | None) -> Record:
    try:
        return record_of(entry, salt or b"", body or b"")
    except ValueError:
        # A body that is not what its record commits to counts as erased; that it was changed is what `verify` says.
        return record_of(entry)


def _head(
    number: int, start: int, end: int, count: int, size: int, root: bytes, previous: bytes, parties: bytes, closed: int,
    _digest: bytes,
) -> BlockHead:  # fmt: skip
    when = hashing.instant_of
    return BlockHead(number, when(start), when(end), count, size, root, previous, parties, when(closed))
