"""The keys of a proof's parties, place by place: a key that was rotated or revoked counts up to that block, the next from it on.

In a block leaves stand in the order of their names and not of their coming, so there both keys are taken. That no change
was left out a proof cannot show; but the ledger takes no record by a key that is none any more, and `verify` looks at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cim.model.errors import BadInput
from market.ledger import hashing, merkle, signing
from market.ledger.entries import record_of
from market.ledger.errors import LedgerBroken
from market.ledger.party_keys import KEEPER, KINDS, KeyRevocation, KeyRotation, PartyKeys, body_of
from market.ledger.proofs import KeyHistory, Witnessed
from market.ledger.records import BlockHead, Record

_NO_END = 1 << 63


@dataclass(slots=True)
class ProvenKeys:
    """Between which leaves (the second excluded) each key of a party may have signed."""

    spans: dict[str, list[tuple[int, int, bytes]]] = field(default_factory=dict)

    def fits(self, party: str, message: bytes, signature: bytes, leaf: int) -> bool:
        """Whether a signature is by a key that its party had at a leaf."""
        spans = self.spans.get(party, ())
        return any(a <= leaf < b and signing.verify(key, message, signature) for a, b, key in spans)

    def change(self, party: str, key: bytes | None, block: tuple[int, int]) -> None:
        """From a block on (its first leaf, and that behind it) a party has another key, or none."""
        spans = self.spans[party]
        first, _, before = spans[-1]
        spans[-1] = (first, block[1], before)
        if key is not None:
            spans.append((block[0], _NO_END, key))


def proven_keys(witnessed: Witnessed, head: BlockHead, head_of: Callable[[str, str], BlockHead]) -> ProvenKeys:
    """The keys of the parties in a proof, each bound to the ledger's name in the head, and each change to its place.

    Args:
        head_of: reads the text of a head; the second argument names it in an error.

    Raises:
        LedgerBroken: something does not fit; the sentence says what.
    """
    first: dict[str, bytes] = {}
    for party in witnessed.parties:
        digest = hashing.row_digest("parties", party.name, party.public)
        where = party.leaf_index, witnessed.parties_size
        if not merkle.verify_inclusion(digest, *where, party.inclusion_path, head.parties_hash):
            raise LedgerBroken(f"proof parties: {party.name!r} with this key is not a party to the ledger")
        first[party.name] = party.public
    keys = ProvenKeys({name: [(0, _NO_END, public)] for name, public in first.items()})
    history = witnessed.history
    if history is None:
        return keys
    meta = hashing.row_digest("meta", KEEPER, history.keeper)
    where = history.keeper_index, witnessed.parties_size
    if history.keeper and not merkle.verify_inclusion(meta, *where, history.keeper_path, head.parties_hash):
        raise LedgerBroken(f"proof key_history: {history.keeper!r} is not the ledger's keeper")
    blocks = _blocks(history, head, head_of)
    known = PartyKeys(first, history.keeper)
    for number, change in enumerate(history.changes, 1):
        if not merkle.verify_inclusion(
            hashing.leaf_hash(change.entry), change.leaf_index, head.size, change.inclusion_path, head.root
        ):
            raise LedgerBroken(f"proof key_history: change {number} is not a leaf under the head")
        block = next((span for span in blocks if span[0] <= change.leaf_index < span[1]), None)
        if block is None:
            raise LedgerBroken(f"proof key_history: change {number} is in none of the blocks whose heads are given")
        _take(known, change.entry, number, block, keys)
    return keys


def _take(known: PartyKeys, entry: bytes, number: int, block: tuple[int, int], keys: ProvenKeys) -> None:
    where = f"proof key_history: change {number}"
    try:
        record = record_of(entry)
        body = _change_of(record)
        public = known.current(record.author)
        if not any(
            s.party == record.author and signing.verify(public, record.message, s.value) for s in record.signatures
        ):
            raise BadInput(f"{record.author} has not signed it with its key")
        known.take(record, number)
    except (ValueError, BadInput) as error:
        raise LedgerBroken(f"{where} is not one ({error})") from error
    new = body.new if isinstance(body, KeyRotation) else body.replacement
    keys.change(body.party, new or None, block)


def _change_of(record: Record) -> KeyRotation | KeyRevocation:
    if record.kind not in KINDS or record.is_salted:
        raise BadInput(f"its kind is {record.kind}")
    return body_of(record)


def _blocks(history: KeyHistory, head: BlockHead, head_of: Callable[[str, str], BlockHead]) -> list[tuple[int, int]]:
    """The leaves of each block whose head is given, and of the last one; each head is bound to the next by its digest."""
    found, after = [(head.size - head.count, head.size)], head
    for text in reversed(history.heads):
        before = head_of(text, "key_history head")
        if before.digest != after.previous or before.size != after.size - after.count:
            raise LedgerBroken(f"proof key_history: the head of block {before.number} is not the one before the next")
        found.append((before.size - before.count, before.size))
        after = before
    return found
