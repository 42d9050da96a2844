"""Checking proofs without a ledger: what a member, or a court, does who holds a head's digest and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from market.ledger import hashing, merkle
from market.ledger.entries import record_of
from market.ledger.errors import LedgerBroken
from market.ledger.proofs import ConsistencyProof, InclusionProof, Witnessed
from market.ledger.proven_keys import ProvenKeys, proven_keys
from market.ledger.records import BlockHead, Record

_HEAD = re.compile(
    r"iles-ledger/([0-9a-f]{64})\n(\d{1,18})\n([A-Za-z0-9+/]{43}=)\nblock (\d{1,18}) of (\d{1,18}) records\n"
    r"period_us (-?\d{1,18}) (-?\d{1,18})\nclosed_us (-?\d{1,18})\nprevious ([0-9a-f]{64})\n"
)


@dataclass(frozen=True)
class Checked:
    """What a proof shows: the record (None for consistency), the head it stands under, one line per check."""

    record: Record | None
    head: BlockHead
    checks: tuple[str, ...]


def check_inclusion(proof: InclusionProof, held: bytes) -> Checked:
    """Check that a record stands in the ledger under the head whose digest is `held`.

    Raises:
        LedgerBroken: something does not fit; the sentence says what.
    """
    head = head_of(proof.witnessed.head, "head")
    if head.digest != held:
        raise LedgerBroken(f"proof head: it is {head.digest.hex()}; you hold {held.hex()}")
    if proof.tree_size != head.size:
        raise LedgerBroken(f"proof tree_size: it is {proof.tree_size}; the head has {head.size} records")
    leaf = hashing.leaf_hash(proof.entry)
    if not merkle.verify_inclusion(leaf, proof.leaf_index, head.size, proof.inclusion_path, head.root):
        raise LedgerBroken(
            f"proof inclusion_path: the entry is not leaf {proof.leaf_index} of {head.size} under the head"
        )
    try:
        record = record_of(proof.entry, proof.salt, proof.body)
    except ValueError as error:
        raise LedgerBroken(f"proof entry: it is not that of a record, or its body is another ({error})") from error
    keys = proven_keys(proof.witnessed, head, head_of)
    for signature in record.signatures:
        if not keys.fits(signature.party, record.message, signature.value, proof.leaf_index):
            raise LedgerBroken(f"proof entry: the signature of {signature.party} does not fit the record and its key")
    signers = [signature.party for signature in record.signatures]
    if record.author not in signers:
        raise LedgerBroken(f"proof entry: the author {record.author} has not signed")
    if not record.is_salted:
        opened = "its body stands in its entry"
    else:
        opened = "its body is not shown" if record.is_erased else "its body and salt give the commitment in its entry"
    checks = (
        f"record {record.kind} {record.key} is leaf {proof.leaf_index} of {head.size} under the head of block {head.number}",
        f"{opened}; signed by {', '.join(signers)}, parties to the ledger",
        _cosigned(proof.witnessed, head, keys),
    )
    return Checked(record, head, checks)


def check_consistency(proof: ConsistencyProof, held: bytes) -> Checked:
    """Check that all records under the head whose digest is `held` stand unchanged under a newer head.

    Raises:
        LedgerBroken: something does not fit; the sentence says what.
    """
    older, newer = head_of(proof.older, "head_1"), head_of(proof.witnessed.head, "head")
    if older.digest != held:
        raise LedgerBroken(f"proof head_1: it is {older.digest.hex()}; you hold {held.hex()}")
    if older.parties_hash != newer.parties_hash:
        raise LedgerBroken("proof head: the two heads are of different ledgers")
    sizes = proof.tree_size_1, proof.tree_size_2
    if sizes != (older.size, newer.size):
        raise LedgerBroken(f"proof tree sizes: they are {sizes}; the heads have {older.size} and {newer.size} records")
    if not merkle.verify_consistency(*sizes, older.root, newer.root, proof.consistency_path):
        raise LedgerBroken(
            f"proof consistency_path: the {older.size} records of the older head were changed in the newer one"
        )
    keys = proven_keys(proof.witnessed, newer, head_of)
    checks = (
        f"the {older.size} records under the head of block {older.number} are the first of the {newer.size} under that of "
        f"block {newer.number}",
        _cosigned(proof.witnessed, newer, keys),
    )
    return Checked(None, newer, checks)


def head_of(text: str, name: str) -> BlockHead:
    """The head that a text says.

    Raises:
        LedgerBroken: it is no head's text, to the letter.
    """
    found = _HEAD.fullmatch(text)
    try:
        if found is None:
            raise ValueError("not its form")
        parties, size, root, number, count, start, end, closed, previous = found.groups()
        when = hashing.instant_of
        head = BlockHead(
            int(number), when(int(start)), when(int(end)), int(count), int(size), hashing.root_of(root),
            bytes.fromhex(previous), bytes.fromhex(parties), when(int(closed)),
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise LedgerBroken(f"proof {name}: it is not the text of a head") from error
    if head.text != text:
        raise LedgerBroken(f"proof {name}: it is not the text of a head")
    return head


def _cosigned(witnessed: Witnessed, head: BlockHead, keys: ProvenKeys) -> str:
    for party, value in witnessed.cosignatures:
        if not keys.fits(party, head.message, value, head.size):
            raise LedgerBroken(f"proof cosignatures: that of {party!r} does not fit the head and its key")
    names: Sequence[str] = sorted({party for party, _ in witnessed.cosignatures})
    return f"the head is co-signed by {', '.join(names)}" if names else "nobody has co-signed the head yet"
