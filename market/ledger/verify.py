"""Going through a whole ledger: every byte of every column is bound by a digest, seal, tree, commitment or signature.

Imports no codec and no numpy, so that `iles ledger verify` answers at once.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from cim.model.errors import BadInput
from market.ledger import hashing, merkle, schema, signing
from market.ledger.entries import record_of
from market.ledger.errors import LedgerBroken, NotALedger
from market.ledger.party_keys import KEEPER, KINDS, PartyKeys
from market.ledger.records import Record
from market.ledger.rows import BodyRow, RecordRow, Row, Rows
from market.ledger.second_tree import root_by_merkletools


@dataclass(frozen=True)
class Verification:
    """What was found sound: counts, the digest of the last head (None without blocks), of how many records the body is
    erased, and one line per check.
    """

    parties: int
    records: int
    open_records: int
    blocks: int
    signatures: int
    cosignatures: int
    head: bytes | None
    erased: int
    checks: tuple[str, ...]


def verify(source: schema.Source, expect_head: bytes | None = None) -> Verification:
    """Check the whole ledger in a file (or the bytes of one), and that `expect_head` is the digest of one of its heads.

    Without `expect_head` a ledger whose last blocks were cut off and re-sealed is not told from a younger one:
    whoever wants to know keeps the head it co-signed.

    Raises:
        NotALedger: the file is missing, not SQLite, or holds something else.
        LedgerBroken: the first thing found wrong, naming table and row.
    """
    database = schema.open_ledger(source, read_only=True)
    try:
        database.execute("BEGIN")  # one view of the file, even while its keeper writes
        return _Check(database).run(expect_head)
    except sqlite3.DatabaseError as error:
        raise LedgerBroken(f"file: SQLite cannot read it ({error})") from error
    finally:
        database.close()


class _Check:
    """One pass over one open ledger; each method is one check and leaves what the next needs."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.checks: list[str] = []
        self.rows = Rows([], [], [], [], [], [], [])
        self.records: list[Record] = []
        self.keys: dict[str, bytes] = {}

    def run(self, expect_head: bytes | None) -> Verification:
        self.check_schema()
        self.check_types()
        self.rows = Rows.read(self.database)
        self.check_digests()
        self.check_seals()
        self.check_leaves()
        erased = self.check_bodies()
        self.check_chain()
        self.check_blocks()
        signatures = self.check_signatures()
        heads = [row.digest for row in self.rows.blocks]
        if expect_head is not None:
            if expect_head not in heads:
                raise LedgerBroken(f"blocks: none of the {len(heads)} heads is the expected {expect_head.hex()}")
            number = heads.index(expect_head) + 1
            self.checks.append(f"the expected head is that of block {number} of {len(heads)}")
        return Verification(
            parties=len(self.keys),
            records=len(self.rows.records),
            open_records=len(self.rows.records) - (self.rows.blocks[-1].size if heads else 0),
            blocks=len(heads),
            signatures=signatures,
            cosignatures=len(self.rows.cosignatures),
            head=heads[-1] if heads else None,
            erased=erased,
            checks=tuple(self.checks),
        )

    def check_schema(self) -> None:
        """Exactly our tables, word for word, and SQLite's own indexes for them."""
        found = self.database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        tables = {name: sql for kind, name, _, sql in found if kind == "table"}
        if not set(tables) & set(schema.COLUMNS):
            raise NotALedger("ledger: the file is SQLite but none of its tables is a ledger's")
        for table in schema.COLUMNS:
            if tables.get(table) != schema.ddl(table):
                raise LedgerBroken(f"{table}: the table is missing or is not defined as this ledger's tables are")
        for kind, name, table, sql in found:
            if not (kind == "table" and name in schema.COLUMNS) and (sql is not None or table not in schema.COLUMNS):
                raise LedgerBroken(f"{table}: the {kind} {name} does not belong in a ledger")
        for pragma, expected in (("application_id", schema.APPLICATION_ID), ("user_version", schema.VERSION)):
            (value,) = self.database.execute(f"PRAGMA {pragma}").fetchone()
            if value != expected:
                raise LedgerBroken(f"file: {pragma} is {value}; expected {expected}")
        self.checks.append(f"{len(tables)} tables are defined word for word as a ledger's")

    def check_types(self) -> None:
        """Each value has its column's type, and SQLite's indexes agree with the tables."""
        for table, columns in schema.COLUMNS.items():
            for column, kind in columns.items():
                query = f"SELECT {', '.join(schema.ORDER[table])}, typeof({column}) FROM {table} NOT INDEXED"  # noqa: S608
                wrong = self.database.execute(f"{query} WHERE typeof({column}) <> '{kind}' LIMIT 1").fetchone()
                if wrong:
                    row = " ".join(map(str, wrong[:-1]))
                    raise LedgerBroken(f"{table} row {row}, column {column}: its type is {wrong[-1]}; expected {kind}")
        for (finding,) in self.database.execute("PRAGMA integrity_check(1)"):
            if finding != "ok":
                raise LedgerBroken(f"file: SQLite's integrity check says: {finding}")
        self.checks.append("every value has its column's type; SQLite's integrity check is clean")

    def check_digests(self) -> None:
        """Each row's own digest, where it stands on the row's columns alone."""
        for table in ("seals", "meta", "parties", "cosignatures"):
            for row in self.rows.of(table):
                *columns, digest = row
                if hashing.row_digest(table, *columns) != digest:
                    raise LedgerBroken(f"{table} row {_name(table, row)}: its columns do not give its digest")
        for head in self.rows.blocks:
            if hashing.head_digest(hashing.head_text(*head[:-1])) != head.digest:
                raise LedgerBroken(f"blocks row {head.number}: its columns do not give its digest")

    def check_seals(self) -> None:
        """No row added, removed or moved: number and running digest of each table's rows."""
        names = tuple(row.name for row in self.rows.seals)
        if names != schema.SEALED:
            raise LedgerBroken(f"seals: its rows are {', '.join(names)}; expected {', '.join(schema.SEALED)}")
        for table, count, expected, _ in self.rows.seals:
            rows = self.rows.of(table)
            if len(rows) != count:
                raise LedgerBroken(f"{table}: it has {len(rows)} rows; its seal (seals row {table}) counts {count}")
            digests = [
                row.leaf if isinstance(row, RecordRow) else row.digest for row in rows if not isinstance(row, BodyRow)
            ]
            tip = hashing.chained(schema.first_tip(), digests)
            # A changed leaf is found below, with its row; here only the order can be wrong.
            if tip != expected and table != "records":
                raise LedgerBroken(
                    f"{table}: its rows are not those of its seal (seals row {table}), or in another order"
                )
            if table == "records":
                self.records_tip_fits = tip == expected
        self.checks.append(f"no row added, removed or moved in {len(names)} sealed tables")

    def check_leaves(self) -> None:
        """Each record gives its leaf, with its signatures, and their order is the sealed one."""
        for number, row in enumerate(self.rows.records, 1):
            where = f"records row {row.sequence} ({row.kind} {row.key})"
            if row.sequence != number:
                raise LedgerBroken(f"{where}: column sequence should be {number}")
            if hashing.leaf_hash(row.entry) != row.leaf:
                raise LedgerBroken(f"{where}: its entry does not give its leaf")
            try:
                record = record_of(row.entry)
            except ValueError as error:
                raise LedgerBroken(f"{where}, column entry: {error}") from error
            if (record.kind, record.key, hashing.microseconds(record.at)) != (row.kind, row.key, row.at):
                raise LedgerBroken(f"{where}: its columns are not those in its entry")
            if all(signature.party != record.author for signature in record.signatures):
                raise LedgerBroken(f"{where}: its author {record.author} has not signed it")
            self.records.append(record)
        if not self.records_tip_fits:
            raise LedgerBroken("records: the rows are not those of their seal (seals row records), or in another order")
        self.checks.append(f"{len(self.rows.records)} records give their leaves")

    def check_bodies(self) -> int:
        """Each body that is kept gives the commitment in its record; of how many records it is erased."""
        records = self.records
        for sequence, salt, body in self.rows.bodies:
            if not 0 < sequence <= len(records) or not records[sequence - 1].is_salted:
                raise LedgerBroken(f"bodies row {sequence}: there is no salted record of this sequence")
            record = records[sequence - 1]
            if len(salt) != hashing.SALT_BYTES or hashing.commitment(salt, body) != record.commitment:
                raise LedgerBroken(
                    f"bodies row {sequence} ({record.kind} {record.key}): it is not what its record commits to"
                )
        salted = sum(record.is_salted for record in records)
        erased = salted - len(self.rows.bodies)
        self.checks.append(f"{len(self.rows.bodies)} of {salted} salted bodies are kept and fit; {erased} are erased")
        return erased

    def check_chain(self) -> None:
        """Heads follow each other from the genesis, which binds meta and parties."""
        foundation = schema.parties_hash(self.rows.foundation)
        previous, ended = hashing.genesis(foundation), None
        size = 0
        for expected, row in enumerate(self.rows.blocks, 1):
            number, start, end, before, parties = (
                row.number,
                row.period_start,
                row.period_end,
                row.previous,
                row.parties_hash,
            )
            where = f"blocks row {number}"
            if number != expected:
                raise LedgerBroken(f"{where}: column number should be {expected}")
            if parties != foundation:
                raise LedgerBroken(f"{where}, column parties_hash: it does not fit the tables meta and parties")
            if before != previous:
                raise LedgerBroken(f"{where}, column previous: it is not the digest of the head before")
            if not start <= end or (ended is not None and start < ended):
                raise LedgerBroken(f"{where}: its period does not follow that of the block before")
            size += row.records
            if row.records < 0 or row.size != size or size > len(self.rows.records):
                raise LedgerBroken(f"{where}: its size does not follow from the block before and its count of records")
            previous, ended = row.digest, end
        self.checks.append(f"{len(self.rows.blocks)} heads form one chain from the genesis over meta and parties")

    def check_blocks(self) -> None:
        """The records of all blocks up to each one, each block's in order of (kind, key), give the root of its head."""
        tree, records, leaves = merkle.MerkleTree(), self.rows.records, list[bytes]()
        for head in self.rows.blocks:
            own = sorted((_bytes(r.kind), _bytes(r.key), r.leaf) for r in records[len(tree) : head.size])
            leaves += [leaf for _, _, leaf in own]
            tree.extend(leaves[len(tree) :])
            if tree.root() != head.root:
                raise LedgerBroken(
                    f"blocks row {head.number}, column root: the records up to this block (table records) do not give it"
                )
        if leaves and root_by_merkletools(leaves) != self.rows.blocks[-1].root:
            number = self.rows.blocks[-1].number
            raise LedgerBroken(f"blocks row {number}, column root: merkletools finds another root for the same records")
        self.checks.append(
            f"the records of all blocks give each head's root, the last one by merkletools as well; "
            f"{len(records) - len(tree)} are not in a block yet"
        )

    def check_signatures(self) -> int:
        """Every signature of a record and of a head verifies with its party's key."""
        self.keys = {name: public for name, public, _ in self.rows.parties}
        keeper = next((row.value for row in self.rows.meta if row.name == KEEPER), "")
        known = PartyKeys(self.keys, keeper)
        texts = {row.number: hashing.head_text(*row[:-1]).encode() for row in self.rows.blocks}
        items: list[tuple[bytes, bytes, bytes]] = []
        places: list[str] = []
        for sequence, record in enumerate(self.records, 1):
            for signature in record.signatures:
                places.append(f"records row {sequence}, column entry ({signature.party})")
                items.append((_key_now(known, signature.party, places[-1]), record.message, signature.value))
            if record.kind in KINDS:
                try:
                    known.take(record, sequence)
                except BadInput as error:
                    raise LedgerBroken(f"records row {sequence}, column entry: {error}") from error
        signed = len(items)
        for sequence, number, party, value, _ in self.rows.cosignatures:
            places.append(f"cosignatures row {sequence} (block {number}, {party})")
            if number not in texts:
                raise LedgerBroken(f"{places[-1]}, column number: there is no block {number}")
            text, size = texts[number], self.rows.blocks[number - 1].size
            own = self.key_of(party, places[-1])
            if known.changed:  # a head may be co-signed after the party's key was rotated
                own = next((key for key in known.since(party, size) if signing.verify(key, text, value)), own)
            items.append((own, text, value))
        bad = signing.first_invalid(items)
        if bad is not None:
            _, message, value = items[bad]
            old = any(signing.verify(key, message, value) for name in self.keys for key in known.former(name))
            why = "does not fit what is signed and the party's key"
            if old:
                why = "is by a key that its party did not sign with any more"
            raise LedgerBroken(f"{places[bad]}: the signature {why}")
        self.checks.append(f"{len(items)} Ed25519 signatures of {len(self.keys)} parties are good")
        return signed

    def key_of(self, party: str, where: str) -> bytes:
        """The party's public key."""
        if party not in self.keys:
            raise LedgerBroken(f"{where}: {party} is not in the table parties")
        return self.keys[party]


def _key_now(known: PartyKeys, party: str, where: str) -> bytes:
    try:
        return known.current(party)
    except BadInput as error:
        raise LedgerBroken(f"{where}: {error}") from error


def _name(table: str, row: Row) -> str:
    return " ".join(str(getattr(row, column)) for column in schema.ORDER[table])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
