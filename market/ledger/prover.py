"""Making proofs from a ledger: its tree is built once, each proof then takes a look-up and a path."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Self

from cim.model.errors import BadInput
from market.ledger import hashing, schema, signing
from market.ledger.entries import record_of, signers_of
from market.ledger.errors import LedgerBroken, NotALedger
from market.ledger.log import log_of
from market.ledger.merkle import MerkleTree
from market.ledger.party_keys import KEEPER, KINDS, PartyKeys, body_of
from market.ledger.proofs import ConsistencyProof, InclusionProof, KeyHistory, ProvenChange, ProvenParty, Witnessed
from market.ledger.rows import BlockRow, MetaRow, PartyRow, RecordRow, select

_ROW = "SELECT records.*, salt, body FROM records LEFT JOIN bodies USING (sequence) WHERE kind = ? AND key = ?"


class Prover:
    """A ledger (its file, or the bytes of one) as it stands now, from which proofs are made.

    Raises:
        NotALedger: the file is no ledger.
        LedgerBroken: SQLite cannot read it.
    """

    def __init__(self, source: schema.Source) -> None:
        self._db = schema.open_ledger(source, read_only=True)
        try:
            self._db.execute("BEGIN")  # one view of the file, even while its keeper writes
            self._heads = [BlockRow._make(row) for row in select(self._db, "blocks")]
            parties = [PartyRow._make(row) for row in select(self._db, "parties")]
            meta = [MetaRow._make(row) for row in select(self._db, "meta")]
            digests = [row.digest for row in meta] + [party.digest for party in parties]
            self._tree, self._places = log_of(self._db)
            self._cosignatures = self._all_cosignatures()
            self._changes = self._all_changes()
        except schema.DatabaseError as error:
            self._db.close()
            if "no such table" in str(error) or "no such column" in str(error):
                raise NotALedger("ledger: the file is SQLite but not a ledger of this format") from error
            raise LedgerBroken(f"file: SQLite cannot read it ({error})") from error
        self._keeper_place, self._keeper = next(
            ((place, row.value) for place, row in enumerate(meta) if row.name == KEEPER), (0, "")
        )
        self._sizes = [head.size for head in self._heads]
        self._foundation = MerkleTree(digests)
        self._parties = {
            party.name: ProvenParty(party.name, party.public, place, self._foundation.inclusion_path(place))
            for place, party in enumerate(parties, start=len(digests) - len(parties))
        }

    def inclusion(self, kind: str, key: str, head: bytes | None = None, shown: bool = True) -> InclusionProof:
        """The proof that a record stands in the ledger, under a head (given by its digest) or the last one.

        Args:
            shown: of a salted record, whether its body and salt are in the proof.

        Raises:
            BadInput: there is no such record or head, or the record is in no block up to it.
        """
        found = self._db.execute(_ROW, (kind, key)).fetchone()
        if found is None:
            raise BadInput(f"record: the ledger holds no {kind} {key}")
        row, salt, body = RecordRow._make(found[:-2]), found[-2], found[-1]
        if row.sequence > len(self._places):
            raise BadInput(f"record {kind} {key}: it is not in a block yet, so no head vouches for it")
        place, under = self._places[row.sequence - 1], self._head(head)
        if place >= under.size:
            number = bisect_left(self._sizes, place + 1) + 1
            raise BadInput(f"record {kind} {key}: it is in block {number}; expected a head from that block on")
        opened = (bytes(salt), bytes(body)) if shown and salt is not None else (b"", b"")
        return InclusionProof(
            row.entry,
            place,
            under.size,
            self._tree.inclusion_path(place, under.size),
            self._witnessed(under, signers_of(row.entry)),
            *opened,
        )

    def consistency(self, older: bytes, newer: bytes | None = None) -> ConsistencyProof:
        """The proof that the records under an older head stand unchanged under a newer one, or the last one.

        Raises:
            BadInput: a head is not this ledger's, has no records, or they stand in the other order.
        """
        one, two = self._head(older), self._head(newer)
        if not 0 < one.size <= two.size or one.number > two.number:
            raise BadInput(
                f"heads: block {one.number} has {one.size} records up to it, block {two.number} has {two.size}; expected an "
                "older one with records, and a newer one"
            )
        path = self._tree.consistency_path(one.size, two.size)
        return ConsistencyProof(one.size, two.size, path, _text(one), self._witnessed(two, ()))

    def keys(self, kind: str) -> list[str]:
        """The keys of all records of a kind that are in a block, in their order."""
        query = "SELECT key FROM records WHERE kind = ? AND sequence <= ? ORDER BY key"
        return [key for (key,) in self._db.execute(query, (kind, len(self._places)))]

    def _head(self, digest: bytes | None) -> BlockRow:
        if not self._heads:
            raise BadInput("head: no block is closed yet, so no head vouches for anything")
        if digest is None:
            return self._heads[-1]
        for head in self._heads:
            if head.digest == digest:
                return head
        raise BadInput(f"head: {digest.hex()} is none of the {len(self._heads)} of this ledger")

    def _witnessed(self, head: BlockRow, signers: Iterable[str]) -> Witnessed:
        cosignatures = self._cosignatures.get(head.number, ())
        names = {*signers, *(party for party, _ in cosignatures)}
        history = self._history(names, head) if self._changes else None
        if history is not None:
            names.add(history.keeper)
            # Who co-signed later, by a key that this head knows nothing of, cannot be shown under it.
            cosignatures = tuple(one for one in cosignatures if self._has_signed(*one, head))
        parties = tuple(self._parties[name] for name in sorted(names) if name in self._parties)
        return Witnessed(_text(head), cosignatures, parties, len(self._foundation), history)

    def _history(self, names: set[str], head: BlockRow) -> KeyHistory | None:
        """The changes of these parties' keys, and of the keeper's, under a head."""
        wanted = {*names, self._keeper}
        found = [
            ProvenChange(entry, place, self._tree.inclusion_path(place, head.size))
            for entry, place, party in self._changes
            if place < head.size and party in wanted
        ]
        if not found:
            return None
        first = bisect_right(self._sizes, min(change.leaf_index for change in found))
        texts = tuple(_text(one) for one in self._heads[first : head.number - 1])
        path = self._foundation.inclusion_path(self._keeper_place)
        return KeyHistory(self._keeper, self._keeper_place, path, tuple(found), texts)

    def _has_signed(self, party: str, value: bytes, head: BlockRow) -> bool:
        """Whether a co-signature is by the key that its party had when the head was closed."""
        keys = PartyKeys({name: known.public for name, known in self._parties.items()}, self._keeper)
        for number, (entry, place, _) in enumerate(self._changes, 1):
            if place < head.size:
                keys.take(record_of(entry), number)
        public = keys.in_force().get(party, b"")
        return signing.verify(public, _text(head).encode(), value)

    def _all_cosignatures(self) -> dict[int, tuple[tuple[str, bytes], ...]]:
        found: dict[int, tuple[tuple[str, bytes], ...]] = {}
        rows = self._db.execute("SELECT number, party, value FROM cosignatures ORDER BY number, party")
        for number, party, value in rows:
            found[number] = (*found.get(number, ()), (party, value))
        return found

    def _all_changes(self) -> list[tuple[bytes, int, str]]:
        """Every change of a key that is in a block: entry, leaf and whose, in the order in which they were recorded."""
        query = "SELECT sequence, entry FROM records WHERE kind IN (?, ?) AND sequence <= ? ORDER BY sequence"
        rows = self._db.execute(query, (*sorted(KINDS), len(self._places)))
        return [(bytes(e), self._places[n - 1], body_of(record_of(bytes(e))).party) for n, e in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(head: BlockRow) -> str:
    return hashing.head_text(*head[:-1])
