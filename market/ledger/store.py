"""The one SQLite file: durable appends, blocks, co-signatures, erasure; readable after a kill at any instant.

While open it runs in WAL with `synchronous=FULL`, so what `append` returned from survives power loss; `close` leaves
one file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from cim.model.errors import BadInput
from market.ledger import hashing, schema, signing
from market.ledger.errors import LedgerConflict, NotRecorded
from market.ledger.log import tree_of
from market.ledger.merkle import MerkleTree
from market.ledger.party_keys import KINDS, PartyKeys
from market.ledger.reader import LedgerReader
from market.ledger.records import BlockHead, Party, Record
from market.ledger.replica import BlockLeaves

_TOGETHER = 50  # records in one statement: row by row, SQLite and what calls it take half as long again
_WIDTH = len(schema.COLUMNS["records"])
_ROW = f"({', '.join('?' * _WIDTH)})"
# The transaction is rolled back whole if one fails: SQLite need not be able to take back a single statement (OR FAIL).
_INSERT = f"INSERT OR FAIL INTO records VALUES {_ROW}"  # noqa: S608 - question marks
_INSERT_TOGETHER = f"INSERT OR FAIL INTO records VALUES {', '.join([_ROW] * _TOGETHER)}"  # noqa: S608 - as above


class LedgerStore(LedgerReader):
    """A ledger opened for writing by its one keeper; `create` makes it when it is not there.

    Args:
        source: its file; or bytes to go on from in memory (`image`), where a run is to leave no file.
    """

    def __init__(self, source: schema.Source) -> None:
        super().__init__(source, read_only=False)
        self._db.execute("PRAGMA page_size=16384").fetchone()  # of a new file: entries are large, and come in batches
        self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA wal_autocheckpoint=2000").fetchone()  # pages: 32 MB beside the file at most
        self._db.execute("PRAGMA secure_delete=ON").fetchone()  # what is erased is overwritten, too
        self._tree: MerkleTree | None = None
        self._party_keys = self.party_keys()

    def create(self, parties: Iterable[Party], meta: Mapping[str, str]) -> None:
        """Make the tables, the parties and the meta entries; the same again changes nothing.

        Raises:
            LedgerConflict: the ledger exists with other parties or meta.
        """
        wanted = {party.name: party.public for party in parties}
        if not wanted or any(len(public) != 32 for public in wanted.values()):
            raise BadInput(f"parties: {sorted(wanted)} must be at least one, each with a 32-byte public key")
        if self._keys:
            if wanted != self._keys or dict(meta) != self.meta():
                raise LedgerConflict(f"ledger {self.place}: it exists with other parties or meta entries")
            return
        with self._transaction():
            for table in schema.COLUMNS:
                self._db.execute(schema.ddl(table))
            self._db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {schema.VERSION}")
            for table in schema.SEALED:
                self._write_seal(table, 0, schema.first_tip())
            self._insert("meta", [(n, meta[n]) for n in sorted(meta, key=str.encode)])
            self._insert("parties", [(n, wanted[n]) for n in sorted(wanted, key=str.encode)])
        self._keys = wanted
        self._party_keys = self.party_keys()

    def append(self, records: Iterable[Record]) -> None:
        """Add the records in one durable transaction; one that is already there with the same content is passed over.

        Raises:
            LedgerConflict: a (kind, key) is there with other content; then none of them is added.
            BadInput: a signature is missing or wrong, or its party unknown; then none of them is added.
        """
        self._must_exist()
        batch = list(records)
        if self._party_keys.changed:  # what is there may be signed by a key that is none any more
            batch = self._not_there(batch)
        keys = self._check_signatures(batch)
        try:
            with self._transaction():
                self._add(batch)
        except sqlite3.IntegrityError:  # one of them is there
            batch = self._not_there(batch)
            keys = self._check_signatures(batch)
            with self._transaction():
                self._add(batch)
        self._party_keys = keys

    def _add(self, batch: Sequence[Record]) -> None:
        (last,) = self._db.execute("SELECT coalesce(max(sequence), 0) FROM records").fetchone()
        entries = [record.entry for record in batch]
        leaves = [hashing.leaf_hash(entry) for entry in entries]
        columns = list[int | str | bytes]()  # row behind row, each in the order of RecordRow
        for n, record, leaf, entry in zip(range(last + 1, last + 1 + len(batch)), batch, leaves, entries, strict=True):
            columns += (n, record.kind, record.key, record.at_us, leaf, entry)
        whole = len(leaves) // _TOGETHER * _TOGETHER
        for k in range(0, _WIDTH * whole, _WIDTH * _TOGETHER):
            self._db.execute(_INSERT_TOGETHER, columns[k : k + _WIDTH * _TOGETHER])
        for k in range(_WIDTH * whole, len(columns), _WIDTH):
            self._db.execute(_INSERT, columns[k : k + _WIDTH])
        bodies = [(n, r.salt, r.body) for n, r in enumerate(batch, last + 1) if r.salt]
        if bodies:
            self._db.executemany("INSERT INTO bodies VALUES (?, ?, ?)", bodies)
        self._extend_seal("records", leaves)

    def _not_there(self, batch: Sequence[Record]) -> list[Record]:
        """The records of a batch that are not there yet, each once."""
        new: dict[tuple[str, str], Record] = {}
        for record in batch:
            name = record.kind, record.key
            found = new[name].entry if name in new else self._entry(*name)
            if found is None:
                new[name] = record
            elif found != record.entry:
                raise LedgerConflict(f"record {record.kind} {record.key}: it is already there with other content")
        return list(new.values())

    def erase(self, names: Iterable[tuple[str, str]]) -> int:
        """Erase body and salt of the records of these (kind, key), for good; their entries and all proofs stay. How many.

        Raises:
            BadInput: one of the records is not there, or its body stands in its entry; then nothing is erased.
        """
        self._must_exist()
        wanted = list(names)
        with self._transaction():
            for kind, key in wanted:
                found = self.record(kind, key)
                if found is None or not found.is_salted:
                    what = "the ledger holds none" if found is None else "its body is part of its entry and of the head"
                    raise BadInput(f"record {kind} {key}: it cannot be erased, {what}")
            before = self._db.total_changes
            self._db.executemany(
                "DELETE FROM bodies WHERE sequence = (SELECT sequence FROM records WHERE kind = ? AND key = ?)", wanted
            )
            erased = self._db.total_changes - before
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # no copy of it stays in the log beside the file
        return erased

    def close_block(self, number: int, start: datetime, end: datetime, at: datetime) -> BlockHead:
        """Put all open records into block `number` and return its head.

        Closing a block again with the same period returns the head it has.

        Raises:
            LedgerConflict: `number` is not the next, or is closed with another period.
            BadInput: the period ends before it starts, or starts before that of the block before has ended.
        """
        self._must_exist()
        last = self.last_head()
        closed = self.head(number)
        if closed is not None and (closed.period_start, closed.period_end) == (start, end):
            return closed
        expected = 1 if last is None else last.number + 1
        if number != expected:
            raise LedgerConflict(f"block number: {number} cannot be closed; expected {expected}")
        if end < start or (last is not None and start < last.period_end):
            raise BadInput(f"block {number}: its period {start} to {end} does not follow that of the block before")
        try:
            with self._transaction():
                return self._close(number, start, end, at, last)
        except BaseException:
            self._tree = None  # it may be ahead of the file
            raise

    def _close(self, number: int, start: datetime, end: datetime, at: datetime, last: BlockHead | None) -> BlockHead:
        done = 0 if last is None else last.size
        if self._tree is None:
            self._tree = tree_of(self._db)
        query = "SELECT leaf FROM records WHERE sequence > ? ORDER BY kind, key"
        leaves = [leaf for (leaf,) in self._db.execute(query, (done,))]
        self._tree.extend(leaves)
        foundation = schema.parties_hash(self._foundation())
        previous = hashing.genesis(foundation) if last is None else last.digest
        size = done + len(leaves)
        head = BlockHead(number, start, end, len(leaves), size, self._tree.root(), previous, foundation, at)
        self._db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*head.columns, head.digest))
        self._extend_seal("blocks", [head.digest])
        return head

    def leaves_of(self, head: BlockHead) -> BlockLeaves:
        """The part of the tree that a closed block added, for who is to co-sign its head."""
        if self._tree is None:
            self._tree = tree_of(self._db)
        before = head.size - head.count
        return BlockLeaves(self._tree.frontier(before), self._tree.leaves(before, head.size))

    def cosign(self, number: int, party: str, signature: bytes) -> None:
        """Add a party's signature (of `BlockHead.message`) to head `number`; the same again changes nothing.

        Raises:
            BadInput: no such block or party, or the signature does not fit.
            LedgerConflict: the party has signed this head otherwise.
        """
        self._must_exist()
        head = self.head(number)
        if head is None:
            last = self.last_head()
            raise BadInput(f"block number: {number} is not closed; expected 1..{last.number if last else 0}")
        if party not in self._keys:
            raise BadInput(f"party: {party!r} is not a party to this ledger")
        if not any(signing.verify(key, head.message, signature) for key in self._party_keys.since(party, head.size)):
            raise BadInput(f"co-signature of {party}: it does not fit the head of block {number}")
        with self._transaction():
            query = "SELECT value FROM cosignatures WHERE number = ? AND party = ?"
            found = self._db.execute(query, (number, party)).fetchone()
            if found is None:
                (last,) = self._db.execute("SELECT coalesce(max(sequence), 0) FROM cosignatures").fetchone()
                self._insert("cosignatures", [(last + 1, number, party, signature)])
            elif found[0] != signature:
                raise LedgerConflict(f"co-signature of {party}: block {number} already carries another one")

    def image(self) -> bytes:
        """All of a ledger in memory, as its file would hold it."""
        return self._db.serialize()

    def close(self) -> None:
        """Leave exactly one file, in plain journal mode, so that it can be copied and read anywhere."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._db.execute("PRAGMA journal_mode=DELETE").fetchone()
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, durably, or nothing.

        Raises:
            NotRecorded: the disk is full.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # SQLite has rolled back by itself where the disk was full
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise NotRecorded(f"ledger {self.place}: it took nothing ({error}); try again") from None
            raise

    def _check_signatures(self, records: Sequence[Record]) -> PartyKeys:
        """The keys in force behind these records, when their signatures are good."""
        items: list[tuple[bytes, bytes, bytes]] = []
        keys, size = self._party_keys, 0
        if any(record.kind in KINDS for record in records):
            keys = keys.copy()
            (size,) = self._db.execute("SELECT coalesce(max(sequence), 0) FROM records").fetchone()
        now, plain = keys.current, {} if keys.changed else self._keys
        for number, record in enumerate(records, 1):
            message, author, signed = record.message, record.author, False
            for signature in record.signatures:
                party = signature.party
                if party == author:
                    signed = True
                items.append((plain.get(party) or now(party), message, signature.value))
            if not signed:
                raise BadInput(f"record {record.kind} {record.key}: its author {author} has not signed it")
            if record.commitment and record.is_erased:
                raise BadInput(f"record {record.kind} {record.key}: it comes without its body")
            if record.kind in KINDS:
                keys.take(record, size + number)
                plain = {}
        bad = signing.first_invalid(items)
        if bad is not None:
            record, party = [(r, s.party) for r in records for s in r.signatures][bad]
            _, message, value = items[bad]
            old = any(signing.verify(key, message, value) for key in keys.former(party))
            what = "is by a key that it does not sign with any more" if old else "does not fit its content"
            raise BadInput(f"record {record.kind} {record.key}: the signature of {party} {what}")
        return keys

    def _entry(self, kind: str, key: str) -> bytes | None:
        row = self._db.execute("SELECT entry FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else bytes(row[0])

    def _foundation(self) -> list[bytes]:
        query = "SELECT digest FROM {} ORDER BY name"
        return [digest for table in ("meta", "parties") for (digest,) in self._db.execute(query.format(table))]

    def _insert(self, table: str, rows: Sequence[tuple[hashing.Column, ...]]) -> None:
        digests = [hashing.row_digest(table, *row) for row in rows]
        marks = ", ".join("?" * len(schema.COLUMNS[table]))
        sealed = [(*row, digest) for row, digest in zip(rows, digests, strict=True)]
        self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", sealed)  # noqa: S608 - names from the schema
        self._extend_seal(table, digests)

    def _extend_seal(self, table: str, digests: Sequence[bytes]) -> None:
        rows, tip = self._db.execute("SELECT rows, tip FROM seals WHERE name = ?", (table,)).fetchone()
        tip = hashing.chained(tip, digests)
        self._write_seal(table, rows + len(digests), tip)

    def _write_seal(self, table: str, rows: int, tip: bytes) -> None:
        digest = hashing.row_digest("seals", table, rows, tip)
        self._db.execute("INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?)", (table, rows, tip, digest))
