"""The ledger as a log: which leaf stands at which place of the one tree over all blocks."""

from __future__ import annotations

from array import array
from itertools import pairwise
from sqlite3 import Connection

from market.ledger.merkle import MerkleTree

_BLOCK = "SELECT {} FROM records WHERE sequence > ? AND sequence <= ? ORDER BY kind, key"


def tree_of(database: Connection) -> MerkleTree:
    """The tree over the records of all closed blocks, each block's in order of (kind, key)."""
    tree = MerkleTree()
    for first, last in _spans(database):
        tree.extend([leaf for (leaf,) in database.execute(_BLOCK.format("leaf"), (first, last))])
    return tree


def log_of(database: Connection) -> tuple[MerkleTree, array[int]]:
    """The tree, and by a record's sequence (less one) its place in it."""
    tree, places = MerkleTree(), array("q")
    for first, last in _spans(database):
        rows = database.execute(_BLOCK.format("sequence, leaf"), (first, last)).fetchall()
        tree.extend([leaf for _, leaf in rows])
        places.extend([0] * len(rows))
        for place, (sequence, _) in enumerate(rows, start=first):
            places[sequence - 1] = place
    return tree, places


def _spans(database: Connection) -> list[tuple[int, int]]:
    """Of each block, between which sequences its records stand: the first excluded, the last included."""
    sizes = [0, *(size for (size,) in database.execute("SELECT size FROM blocks ORDER BY number"))]
    return list(pairwise(sizes))
