"""The tree's root once more by merkletools: a ledger is verified by two programs of different authors; nothing else uses it.

As shipped merkletools hashes nodes and leaves alike, so that an inner node passes for a leaf. Here nodes are hashed with a
leading 0x01 and leaves come in hashed with 0x00 (RFC 9162, section 2.1.1), which makes its root the standard's.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns that pysha3 is missing, which it does not need for SHA-256
    from merkletools import MerkleTools


def root_by_merkletools(leaves: Sequence[bytes]) -> bytes:
    """The tree hash of 32-byte leaf hashes, at least one; built anew each time, half a second at a million."""
    tree = MerkleTools(hash_type="sha256")
    tree.hash_function = _node_hash
    tree.leaves.extend(bytearray(leaf) for leaf in leaves)
    tree.make_tree()
    return bytes.fromhex(tree.get_merkle_root())


def _node_hash(data: bytes) -> hashlib._Hash:
    return hashlib.sha256(b"\x01" + bytes(data))
