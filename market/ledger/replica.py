"""What a co-signer checks before it signs: that a head is made of the leaf hashes it is shown, and grows the tree it knows."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.ledger import hashing, merkle
from market.ledger.records import BlockHead


@wire("ledger.BlockLeaves")
@dataclass(frozen=True)
class BlockLeaves:
    """The part of the tree that a block added.

    Attributes:
        frontier: hashes of the whole subtrees before the block, the largest first.
        leaves: the block's leaf hashes, 32 bytes each, in the tree's order.
    """

    frontier: tuple[bytes, ...] = ()
    leaves: bytes = b""


NO_LEAVES = BlockLeaves()


def fault_of(head: BlockHead, shown: BlockLeaves, known: BlockHead | None) -> str | None:
    """Why a head is not to be signed by who knows `known` as the last one (None: none yet); None where nothing is wrong.

    The frontier is the tree before the block in a few hashes: it must give the known head's root, and with the leaves the
    new one's. That is a proof of consistency, and a check of every leaf.
    """
    before = head.size - head.count
    if len(shown.leaves) != 32 * head.count or before < 0:
        return f"{len(shown.leaves)} bytes of leaf hashes; expected 32 for each of {head.count} records"
    if len(shown.frontier) != before.bit_count() or any(len(value) != 32 for value in shown.frontier):
        return f"{len(shown.frontier)} subtrees before the block; expected {before.bit_count()} hashes of 32 bytes"
    leaves = [shown.leaves[k : k + 32] for k in range(0, len(shown.leaves), 32)]
    if merkle.root_of(merkle.grown(before, shown.frontier, leaves)) != head.root:
        return "its leaf hashes do not give its root"
    if known is None:
        begins = before == 0 and head.previous == hashing.genesis(head.parties_hash)
        return None if head.number != 1 or begins else "it is no beginning of a ledger"
    if head.number != known.number + 1 or head.previous != known.digest or head.parties_hash != known.parties_hash:
        return "it does not follow the head before"
    if before != known.size or merkle.root_of(shown.frontier) != known.root:
        return "the records before it are not those under the head before"
    return None
