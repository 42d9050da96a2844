"""The one SQLite file: durable appends, blocks, co-signatures; readable after a kill at any instant.

While open it runs in WAL with `synchronous=FULL`, so what `append` returned from survives power loss; `close` leaves
one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from cim.model.errors import BadInput
from market.ledger import hashing, merkle, schema, signing
from market.ledger.errors import LedgerConflict
from market.ledger.reader import LedgerReader
from market.ledger.records import BlockHead, Party, Record
from market.ledger.rows import RecordRow


class LedgerStore(LedgerReader):
    """A ledger opened for writing by its one keeper; `create` makes it when it is not there.

    Args:
        source: its file; or bytes to go on from in memory (`image`), where a run is to leave no file.
    """

    def __init__(self, source: schema.Source) -> None:
        super().__init__(source, read_only=False)
        self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        self._db.execute("PRAGMA synchronous=FULL")

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

    def append(self, records: Iterable[Record]) -> None:
        """Add the records in one durable transaction; one that is already there with the same content is passed over.

        Raises:
            LedgerConflict: a (kind, key) is there with other content; then none of them is added.
            BadInput: a signature is missing or wrong, or its party unknown; then none of them is added.
        """
        self._must_exist()
        batch = list(records)
        self._check_signatures(batch)
        with self._transaction():
            (last,) = self._db.execute("SELECT coalesce(max(sequence), 0) FROM records").fetchone()
            rows: list[RecordRow] = []
            signatures: list[tuple[int, str, bytes]] = []
            added: dict[tuple[str, str], bytes] = {}
            for record in batch:
                leaf, name = merkle.leaf_hash(record.leaf), (record.kind, record.key)
                found = added.get(name) or self._leaf(*name)
                if found == leaf:
                    continue
                if found is not None:
                    raise LedgerConflict(f"record {record.kind} {record.key}: it is already there with other content")
                added[name] = leaf
                last += 1
                at = hashing.microseconds(record.at)
                rows.append(RecordRow(last, record.kind, record.key, at, record.author, record.body, leaf, None))
                signatures.extend((last, signature.party, signature.value) for signature in record.signatures)
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._extend_seal("records", [row.leaf for row in rows])
            self._insert("signatures", signatures)

    def close_block(
        self, number: int, start: datetime, end: datetime, at: datetime, until: datetime | None = None
    ) -> BlockHead:
        """Put all open records (or those made before `until`) into block `number` and return its head.

        Closing the last block again with the same period and instant returns the head it has.

        Raises:
            LedgerConflict: `number` is not the next, or is closed with another period.
            BadInput: the period ends before it starts, or starts before that of the block before has ended.
        """
        self._must_exist()
        with self._transaction():
            heads = self.heads()
            if heads and heads[-1].number == number:
                same = heads[-1]
                if (same.period_start, same.period_end, same.closed_at) == (start, end, at):
                    return same
            if number != len(heads) + 1:
                raise LedgerConflict(f"block number: {number} cannot be closed; expected {len(heads) + 1}")
            if end < start or (heads and start < heads[-1].period_end):
                raise BadInput(f"block {number}: its period {start} to {end} does not follow that of the block before")
            limit = None if until is None else hashing.microseconds(until)
            chosen = "block IS NULL AND (:limit IS NULL OR at < :limit)"
            leaves = self._db.execute(
                f"SELECT leaf FROM records WHERE {chosen} ORDER BY kind, key",  # noqa: S608 - fixed text
                {"limit": limit},
            ).fetchall()
            foundation = schema.parties_hash(self._foundation())
            previous = heads[-1].digest if heads else hashing.genesis(foundation)
            root = merkle.root([leaf for (leaf,) in leaves])
            head = BlockHead(number, start, end, len(leaves), root, previous, foundation, at)
            self._db.execute(
                f"UPDATE records SET block = :number WHERE {chosen}",  # noqa: S608 - fixed text
                {"number": number, "limit": limit},
            )
            self._db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*head.columns, head.digest))
            self._extend_seal("blocks", [head.digest])
        return head

    def cosign(self, number: int, party: str, signature: bytes) -> None:
        """Add a party's signature (of `BlockHead.message`) to head `number`; the same again changes nothing.

        Raises:
            BadInput: no such block or party, or the signature does not fit.
            LedgerConflict: the party has signed this head otherwise.
        """
        self._must_exist()
        heads = self.heads()
        if not 1 <= number <= len(heads):
            raise BadInput(f"block number: {number} is not closed; expected 1..{len(heads)}")
        if not signing.verify(self._public(party), heads[number - 1].message, signature):
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
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _check_signatures(self, records: Sequence[Record]) -> None:
        items = [(self._public(s.party), r.message, s.value) for r in records for s in r.signatures]
        names = [(r, s.party) for r in records for s in r.signatures]
        for record in records:
            if all(signature.party != record.author for signature in record.signatures):
                raise BadInput(f"record {record.kind} {record.key}: its author {record.author} has not signed it")
        bad = signing.first_invalid(items)
        if bad is not None:
            record, party = names[bad]
            raise BadInput(f"record {record.kind} {record.key}: the signature of {party} does not fit its content")

    def _leaf(self, kind: str, key: str) -> bytes | None:
        row = self._db.execute("SELECT leaf FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
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
        for digest in digests:
            tip = hashing.chained(tip, digest)
        self._write_seal(table, rows + len(digests), tip)

    def _write_seal(self, table: str, rows: int, tip: bytes) -> None:
        digest = hashing.row_digest("seals", table, rows, tip)
        self._db.execute("INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?)", (table, rows, tip, digest))
