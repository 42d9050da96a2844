"""Merkle trees as RFC 6962 section 2.1 has them, on merkletools; the only place that knows merkletools.

As shipped merkletools hashes nodes and leaves alike, so an inner node passes as a leaf, and its proofs carry neither
index nor size. Here nodes are hashed with a leading 0x01, leaves come in hashed with 0x00, and proofs are bound to
both index and size.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence

from market.ledger.hashing import leaf_hash

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns that pysha3 is missing, which it does not need for SHA-256
    from merkletools import MerkleTools

EMPTY_ROOT = hashlib.sha256(b"").digest()
__all__ = [
    "EMPTY_ROOT",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]


def _node_hash(data: bytes) -> hashlib._Hash:
    return hashlib.sha256(b"\x01" + bytes(data))


def _tree(leaves: Sequence[bytes]) -> MerkleTools:
    tree = MerkleTools(hash_type="sha256")
    tree.hash_function = _node_hash
    tree.leaves.extend(bytearray(leaf) for leaf in leaves)
    tree.make_tree()
    return tree


def _is_hash(value: bytes) -> bool:
    return len(value) == 32


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of `leaves` (each a 32-byte `leaf_hash`); of none, the hash of nothing (RFC 6962 2.1)."""
    return bytes.fromhex(_tree(leaves).get_merkle_root()) if leaves else EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index`, from the leaf upwards (RFC 6962 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"index: {index} is outside 0..{len(leaves) - 1}")
    return tuple(bytes.fromhex(next(iter(step.values()))) for step in _tree(leaves).get_proof(index))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether `leaf` stands at `index` in the tree of `size` leaves whose root is `expected` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or not all(map(_is_hash, (leaf, expected, *path))):
        return False
    position, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = _node_hash(sibling + value).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = _node_hash(value + sibling).digest()
        position, last = position >> 1, last >> 1
    return last == 0 and value == expected


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """The proof that the tree of the first `earlier` leaves is a prefix of this one (RFC 6962 2.1.2)."""
    if not 0 < earlier <= len(leaves):
        raise IndexError(f"earlier: {earlier} is outside 1..{len(leaves)}")
    return _subproof(leaves, earlier, True)


def _subproof(leaves: Sequence[bytes], earlier: int, whole: bool) -> tuple[bytes, ...]:
    size = len(leaves)
    if earlier == size:
        return () if whole else (root(leaves),)
    split = 1 << ((size - 1).bit_length() - 1)  # the largest power of two below size
    if earlier <= split:
        return (*_subproof(leaves[:split], earlier, whole), root(leaves[split:]))
    return (*_subproof(leaves[split:], earlier - split, False), root(leaves[:split]))


def verify_consistency(earlier: int, size: int, earlier_root: bytes, later_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `earlier` leaves is a prefix of that of `size` leaves (RFC 9162 2.1.4.2)."""
    if not 0 < earlier <= size or not all(map(_is_hash, (earlier_root, later_root, *proof))):
        return False
    if earlier == size:
        return not proof and earlier_root == later_root
    path = list(proof) if earlier & (earlier - 1) else [earlier_root, *proof]
    if not path:
        return False
    position, last = earlier - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = _node_hash(value + old).digest(), _node_hash(value + new).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = _node_hash(new + value).digest()
        position, last = position >> 1, last >> 1
    return last == 0 and old == earlier_root and new == later_root
