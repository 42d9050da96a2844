"""The rows of the ledger's tables, column by column as `market.ledger.schema` defines them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from market.ledger import hashing, schema


class MetaRow(NamedTuple):
    """An entry the ledger was made with."""

    name: str
    value: str
    digest: bytes


class PartyRow(NamedTuple):
    """A party and its public key."""

    name: str
    public: bytes
    digest: bytes


class RecordRow(NamedTuple):
    """A record: its entry, the hash of it, and what it is found by; `at` in microseconds since 1970."""

    sequence: int
    kind: str
    key: str
    at: int
    leaf: bytes
    entry: bytes


class BodyRow(NamedTuple):
    """Salt and body of the salted record `sequence`."""

    sequence: int
    salt: bytes
    body: bytes


class BlockRow(NamedTuple):
    """A block's head; instants in microseconds since 1970."""

    number: int
    period_start: int
    period_end: int
    records: int
    size: int
    root: bytes
    previous: bytes
    parties_hash: bytes
    closed_at: int
    digest: bytes


class CosignatureRow(NamedTuple):
    """A party's signature of the head of block `number`."""

    sequence: int
    number: int
    party: str
    value: bytes
    digest: bytes


class SealRow(NamedTuple):
    """How many rows table `name` has, and the running digest over them."""

    name: str
    rows: int
    tip: bytes
    digest: bytes


Row = MetaRow | PartyRow | RecordRow | BodyRow | BlockRow | CosignatureRow | SealRow


@dataclass(frozen=True)
class Rows:
    """All rows of all tables, each table in the order in which it is sealed."""

    meta: list[MetaRow]
    parties: list[PartyRow]
    records: list[RecordRow]
    bodies: list[BodyRow]
    blocks: list[BlockRow]
    cosignatures: list[CosignatureRow]
    seals: list[SealRow]

    @staticmethod
    def read(database: sqlite3.Connection) -> Rows:
        """Everything in an open ledger whose schema and column types have been checked."""
        return Rows(
            meta=[MetaRow._make(row) for row in select(database, "meta")],
            parties=[PartyRow._make(row) for row in select(database, "parties")],
            records=[RecordRow._make(row) for row in select(database, "records")],
            bodies=[BodyRow._make(row) for row in select(database, "bodies")],
            blocks=[BlockRow._make(row) for row in select(database, "blocks")],
            cosignatures=[CosignatureRow._make(row) for row in select(database, "cosignatures")],
            seals=[SealRow._make(row) for row in select(database, "seals")],
        )

    @property
    def foundation(self) -> list[bytes]:
        """The digests of meta, then of the parties: what the heads' `parties_hash` is the tree of."""
        return [row.digest for row in self.meta] + [row.digest for row in self.parties]

    def of(self, table: str) -> Sequence[Row]:
        """The rows of one table."""
        tables: dict[str, Sequence[Row]] = vars(self)
        return tables[table]


def select(database: sqlite3.Connection, table: str) -> list[tuple[hashing.Column, ...]]:
    """A table's rows in the order in which it is sealed."""
    order = ", ".join(schema.ORDER[table])
    return database.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()  # noqa: S608 - fixed names
