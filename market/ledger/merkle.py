"""Merkle trees as RFC 9162 section 2.1 has them: grown leaf by leaf, with proofs of inclusion and of consistency.

Leaves are hashed with a leading 0x00 and nodes with 0x01, so no node passes for a leaf; the checks are bound to index
and size. Of every whole subtree the hash is kept: 64 bytes a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from market.ledger.hashing import leaf_hash

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()
_DEEPEST = 64  # a path of more steps belongs to no tree that can be
__all__ = [
    "EMPTY_ROOT",
    "MerkleTree",
    "consistency_proof",
    "grown",
    "inclusion_proof",
    "leaf_hash",
    "root",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]


def _node(pair: bytes) -> bytes:
    return _sha256(b"\x01" + pair).digest()


class MerkleTree:
    """A tree that grows; of every size that it has had, root and proofs can be told.

    Args:
        leaves: 32-byte leaf hashes to begin with.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels = [bytearray()]  # of each height the hashes of the whole subtrees, one behind the other
        self._edges: tuple[int, list[bytes]] = (0, [])
        self.extend(leaves)

    def __len__(self) -> int:
        return len(self._levels[0]) // 32

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, and every subtree that they make whole."""
        self._levels[0] += b"".join(leaves)
        for level in range(64):
            below = self._levels[level]
            if level + 1 == len(self._levels):
                self._levels.append(bytearray())
            above = self._levels[level + 1]
            pairs = bytes(below[2 * len(above) : len(below) // 64 * 64])
            if not pairs:
                return
            above += b"".join([_sha256(b"\x01" + pairs[k : k + 64]).digest() for k in range(0, len(pairs), 64)])

    def root(self, size: int | None = None) -> bytes:
        """The tree hash of the first `size` leaves, or of all; of none, the hash of nothing.

        Raises:
            IndexError: the tree has not been of this size.
        """
        size = self._known(size)
        return self._edges_of(size)[size.bit_length()] if size else EMPTY_ROOT

    def inclusion_path(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that lead from leaf `index` to the root of the first `size` leaves (RFC 9162 2.1.3.1).

        Raises:
            IndexError: no such leaf, or the tree has not been of this size.
        """
        size = self._known(size)
        if not 0 <= index < size:
            raise IndexError(f"index: {index} is outside 0..{size - 1}")
        path, edges, position, last, level = [], self._edges_of(size), index, size - 1, 0
        while last:
            sibling = position ^ 1
            if (sibling + 1) << level <= size:
                path.append(bytes(self._levels[level][32 * sibling : 32 * sibling + 32]))
            elif sibling <= last:
                path.append(edges[level])
            position, last, level = position >> 1, last >> 1, level + 1
        return tuple(path)

    def leaves(self, start: int, end: int) -> bytes:
        """The hashes of leaves `start` to `end` (excluded), one behind the other."""
        return bytes(self._levels[0][32 * start : 32 * end])

    def frontier(self, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes of the whole subtrees that the first `size` leaves consist of, the largest first.

        Raises:
            IndexError: the tree has not been of this size.
        """
        size = self._known(size)
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        places = [(level, 32 * ((size >> level) - 1)) for level in levels]
        return tuple(bytes(self._levels[level][place : place + 32]) for level, place in places)

    def consistency_path(self, earlier: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that show the tree of the first `earlier` leaves within that of `size` (RFC 9162 2.1.4.1).

        Raises:
            IndexError: the tree has not been of these sizes.
        """
        size = self._known(size)
        if not 0 < earlier <= size:
            raise IndexError(f"earlier: {earlier} is outside 1..{size}")
        path: list[bytes] = []
        start, end, whole = 0, size, True
        while earlier != end:
            split = start + (1 << ((end - start - 1).bit_length() - 1))  # the largest power of two below their number
            if earlier <= split:
                path.append(self._range(split, end, size))
                end = split
            else:
                path.append(self._range(start, split, size))
                start, whole = split, False
        return tuple([] if whole else [self._range(start, end, size)]) + tuple(reversed(path))

    def _known(self, size: int | None) -> int:
        known = len(self)
        if size is None:
            return known
        if not 0 <= size <= known:
            raise IndexError(f"size: {size} is outside 0..{known}")
        return size

    def _range(self, start: int, end: int, size: int) -> bytes:
        """The hash over leaves `start` to `end`, a whole subtree or the tree's right edge."""
        level = (end - start - 1).bit_length()
        if end - start == 1 << level:
            place = 32 * (start >> level)
            return bytes(self._levels[level][place : place + 32])
        return self._edges_of(size)[level]

    def _edges_of(self, size: int) -> list[bytes]:
        """By height, the hash over the leaves behind the last whole subtree of that height; empty where there are none."""
        if self._edges[0] != size:
            edges, edge = [b""], b""
            for level in range(size.bit_length()):
                if size >> level & 1:
                    place = 32 * ((size >> level) - 1)
                    left = bytes(self._levels[level][place : place + 32])
                    edge = _node(left + edge) if edge else left
                edges.append(edge)
            self._edges = (size, edges)
        return self._edges[1]


def grown(size: int, frontier: Sequence[bytes], leaves: Iterable[bytes]) -> tuple[bytes, ...]:
    """The frontier of a tree of `size` leaves after these more."""
    subtrees = list(frontier)
    for leaf in leaves:
        value, rest = leaf, size
        while rest & 1:
            value, rest = _node(subtrees.pop() + value), rest >> 1
        subtrees.append(value)
        size += 1
    return tuple(subtrees)


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The tree hash of a tree with this frontier."""
    if not frontier:
        return EMPTY_ROOT
    value = frontier[-1]
    for left in reversed(frontier[:-1]):
        value = _node(left + value)
    return value


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of `leaves` (each a 32-byte `leaf_hash`); of none, the hash of nothing."""
    return MerkleTree(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The inclusion path of leaf `index`, from the leaf upwards."""
    return MerkleTree(leaves).inclusion_path(index)


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """The proof that the tree of the first `earlier` leaves is a prefix of this one."""
    return MerkleTree(leaves).consistency_path(earlier)


def _are_hashes(values: Sequence[bytes]) -> bool:
    return len(values) <= _DEEPEST + 2 and all(len(value) == 32 for value in values)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether `leaf` stands at `index` in the tree of `size` leaves whose root is `expected` (RFC 9162 2.1.3.2).

    `leaf` is the hash of the entry itself (`leaf_hash`): whoever takes it from the proof checks nothing.
    """
    if not 0 <= index < size or not _are_hashes((leaf, expected, *path)):
        return False
    position, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = _node(sibling + value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = _node(value + sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and value == expected


def verify_consistency(earlier: int, size: int, earlier_root: bytes, later_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `earlier` leaves is a prefix of that of `size` leaves (RFC 9162 2.1.4.2)."""
    if not 0 < earlier <= size or not _are_hashes((earlier_root, later_root, *path)):
        return False
    if earlier == size:
        return not path and earlier_root == later_root
    steps = list(path) if earlier & (earlier - 1) else [earlier_root, *path]
    if not steps:
        return False
    position, last = earlier - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for value in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = _node(value + old), _node(value + new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = _node(new + value)
        position, last = position >> 1, last >> 1
    return last == 0 and old == earlier_root and new == later_root
