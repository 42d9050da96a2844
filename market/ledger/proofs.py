"""Proofs of one record that anyone checks offline, holding nothing but a head: JSON, hashes and public keys inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from sqlite3 import Connection
from typing import NamedTuple

from cim.model.errors import BadInput
from market.ledger import hashing, merkle, schema, signing
from market.ledger.errors import LedgerBroken
from market.ledger.rows import BlockRow, MetaRow, PartyRow, RecordRow, select

_FORMAT = "iles-proof-1"
_MEMBERS = "SELECT kind, key, leaf FROM records WHERE block = ? ORDER BY kind, key"


@dataclass(frozen=True)
class ProvenParty:
    """A signer: name and key, and the path that binds them to `parties_hash` (all bytes as hex)."""

    name: str
    public: str
    index: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """That a signed record stands in a block under a head (all bytes as hex, instants in microseconds since 1970).

    Attributes:
        kind, key, at, author, body: the record.
        signatures: (party, value) in order of party.
        index: of the record in its block; the block's size stands in its head.
        path: audit path of RFC 6962 from the leaf to the head's root.
        heads: columns of the heads from the record's block to the last one, each chained to the one before.
        parties: the signers, bound to the heads' `parties_hash`, whose tree has `parties_size` leaves.
    """

    kind: str
    key: str
    at: int
    author: str
    body: str
    signatures: tuple[tuple[str, str], ...]
    index: int
    path: tuple[str, ...]
    heads: tuple[tuple[int, int, int, int, str, str, str, int], ...]
    parties: tuple[ProvenParty, ...]
    parties_size: int

    def to_json(self) -> str:
        """The proof as a JSON text."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Proof:
        """The proof in `text`.

        Raises:
            BadInput: it is not a proof's JSON.
        """
        try:
            data = json.loads(text)
            if data.pop("format") != _FORMAT:
                raise BadInput(f"proof: its format is not known; expected {_FORMAT}")
            data |= {name: str(data[name]) for name in ("kind", "key", "author", "body")}
            data |= {name: int(data[name]) for name in ("at", "index", "parties_size")}
            data["signatures"] = tuple((str(party), str(value)) for party, value in data["signatures"])
            data["path"] = tuple(map(str, data["path"]))
            data["heads"] = tuple((*map(int, h[:4]), *map(str, h[4:7]), int(h[7])) for h in data["heads"])
            data["parties"] = tuple(map(_party, data["parties"]))
            return Proof(**data)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise BadInput(f"proof: it is not the JSON of a ledger proof ({error})") from error


def prove(source: schema.Source, kind: str, key: str) -> Proof:
    """The proof that record (kind, key) stands in a ledger (its file, or the bytes of one), up to its last head.

    Raises:
        NotALedger: the file is no ledger.
        BadInput: there is no such record, or it is not in a block yet.
    """
    database = schema.open_ledger(source, read_only=True)
    try:
        found = _find(database, kind, key)
    except schema.DatabaseError as error:
        raise LedgerBroken(f"file: SQLite cannot read it ({error})") from error
    finally:
        database.close()
    index = next(place for place, member in enumerate(found.members) if member[:2] == (kind, key))
    signers = {party for party, _ in found.signatures}
    digests = [row.digest for row in found.meta] + [row.digest for row in found.parties]
    return Proof(
        kind=kind,
        key=key,
        at=found.record.at,
        author=found.record.author,
        body=found.record.body.hex(),
        signatures=tuple((party, value.hex()) for party, value in found.signatures),
        index=index,
        path=_hex(merkle.inclusion_proof([leaf for _, _, leaf in found.members], index)),
        heads=tuple(_columns(head) for head in found.heads if head.number >= found.block),
        parties=tuple(
            ProvenParty(party.name, party.public.hex(), place, _hex(merkle.inclusion_proof(digests, place)))
            for place, party in enumerate(found.parties, start=len(found.meta))
            if party.name in signers
        ),
        parties_size=len(digests),
    )


def check_proof(proof: Proof, head: bytes) -> tuple[str, ...]:
    """Check a proof against a `head` digest one holds; needs no ledger. Returns one line per check.

    Raises:
        LedgerBroken: the first thing that does not fit.
        BadInput: a field is not hex.
    """
    try:
        return _checked(proof, head)
    except ValueError as error:
        raise BadInput(f"proof: a field is not hexadecimal ({error})") from error


def _checked(proof: Proof, expected: bytes) -> tuple[str, ...]:
    heads = [
        (*head[:4], bytes.fromhex(head[4]), bytes.fromhex(head[5]), bytes.fromhex(head[6]), head[7])
        for head in proof.heads
    ]
    digests = [hashing.head_digest(*columns) for columns in heads]
    if expected not in digests:
        raise LedgerBroken(f"proof heads: none of the {len(heads)} is the expected {expected.hex()}")
    for before, after in zip(digests, heads[1:], strict=False):
        if after[5] != before:
            raise LedgerBroken(f"proof heads: head {after[0]} does not follow the one before")
    _, _, _, size, root, _, parties_hash, _ = heads[0]
    message = hashing.record_message(proof.kind, proof.key, proof.at, proof.author, bytes.fromhex(proof.body))
    signatures = [(party, bytes.fromhex(value)) for party, value in proof.signatures]
    leaf = merkle.leaf_hash(hashing.record_leaf(message, signatures))
    if not merkle.verify_inclusion(leaf, proof.index, size, [bytes.fromhex(step) for step in proof.path], root):
        raise LedgerBroken(f"proof path: the record is not leaf {proof.index} of {size} under the head's root")
    keys: dict[str, bytes] = {}
    for party in proof.parties:
        digest = hashing.row_digest("parties", party.name, bytes.fromhex(party.public))
        path = [bytes.fromhex(step) for step in party.path]
        if not merkle.verify_inclusion(digest, party.index, proof.parties_size, path, parties_hash):
            raise LedgerBroken(f"proof parties: {party.name} with this key is not a party to the ledger")
        keys[party.name] = bytes.fromhex(party.public)
    for name, value in signatures:
        if name not in keys or not signing.verify(keys[name], message, value):
            raise LedgerBroken(f"proof signatures: that of {name} does not fit the record and the party's key")
    if proof.author not in {name for name, _ in signatures}:
        raise LedgerBroken(f"proof signatures: the author {proof.author} has not signed")
    return (
        f"record {proof.kind} {proof.key} is leaf {proof.index} of {size} in block {heads[0][0]}",
        f"{len(heads)} heads follow each other, the expected one among them",
        f"signed by {', '.join(sorted(keys))}, parties to the ledger",
    )


class _Found(NamedTuple):
    """What the ledger holds about one record: what its proof is made of."""

    record: RecordRow
    block: int
    signatures: list[tuple[str, bytes]]
    members: list[tuple[str, str, bytes]]  # kind, key and leaf of the block's records, in the tree's order
    heads: list[BlockRow]
    meta: list[MetaRow]
    parties: list[PartyRow]


def _find(database: Connection, kind: str, key: str) -> _Found:
    row = database.execute("SELECT * FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
    if row is None:
        raise BadInput(f"record: the ledger holds no {kind} {key}")
    record = RecordRow._make(row)
    if record.block is None:
        raise BadInput(f"record {kind} {key}: it is not in a block yet, so no head vouches for it")
    by_party = "SELECT party, value FROM signatures WHERE sequence = ? ORDER BY party"
    return _Found(
        record=record,
        block=record.block,
        signatures=database.execute(by_party, (record.sequence,)).fetchall(),
        members=database.execute(_MEMBERS, (record.block,)).fetchall(),
        heads=[BlockRow._make(row) for row in select(database, "blocks")],
        meta=[MetaRow._make(row) for row in select(database, "meta")],
        parties=[PartyRow._make(row) for row in select(database, "parties")],
    )


def _party(data: Mapping[str, str]) -> ProvenParty:
    """A party as JSON has it; whatever stands there, its path becomes single texts."""
    return ProvenParty(
        str(data["name"]), str(data["public"]), int(data["index"]), tuple(str(step) for step in data["path"])
    )


def _columns(head: BlockRow) -> tuple[int, int, int, int, str, str, str, int]:
    return (*head[:4], head.root.hex(), head.previous.hex(), head.parties_hash.hex(), head.closed_at)


def _hex(path: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(step.hex() for step in path)
