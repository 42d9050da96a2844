"""The Merkle trees are those of RFC 6962, and their proofs are bound to index and size."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.ledger import merkle

# RFC 6962's published test data (certificate-transparency, merkle_tree_test): eight leaves and their roots.
DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [merkle.leaf_hash(data) for data in DATA]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def recursive(leaves: list[bytes]) -> bytes:
    """The tree hash, written as the RFC defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + recursive(leaves[:split]) + recursive(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    """The published roots of the first eight leaves."""
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


def test_published_inclusion_and_consistency_proofs() -> None:
    """Published paths: leaf 0 of 8, leaf 5 of 8, leaf 2 of 3; consistency 1 to 8, 6 to 8, 2 to 5."""
    assert [p.hex()[:8] for p in merkle.inclusion_proof(LEAVES, 0)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [p.hex()[:8] for p in merkle.inclusion_proof(LEAVES, 5)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert [p.hex()[:8] for p in merkle.inclusion_proof(LEAVES[:3], 2)] == ["fac54203"]
    assert [p.hex()[:8] for p in merkle.consistency_proof(LEAVES, 1)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [p.hex()[:8] for p in merkle.consistency_proof(LEAVES, 6)] == ["0ebc5d34", "ca854ea1", "d37ee418"]
    assert [p.hex()[:8] for p in merkle.consistency_proof(LEAVES[:5], 2)] == ["5f083f0a", "bc1a0643"]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 130), data=st.data())
def test_every_proof_verifies_and_only_where_it_belongs(size: int, data: st.DataObject) -> None:
    """Roots equal the recursive definition; a proof fails at another index, size, leaf, and as an inner node."""
    leaves = [merkle.leaf_hash(str(n).encode()) for n in range(size)]
    root = merkle.root(leaves)
    assert root == recursive(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(leaves, index)
    assert merkle.verify_inclusion(leaves[index], index, size, path, root)
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert not merkle.verify_inclusion(leaves[index], other, size, path, root)
        assert not merkle.verify_inclusion(leaves[other], index, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, 2 * size + 1, path, root)
    if path:
        assert not merkle.verify_inclusion(leaves[index], index, size, path[1:], root)
    assert not merkle.verify_inclusion(root, 0, size, (), root) or size == 1
    earlier = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(leaves, earlier)
    old = merkle.root(leaves[:earlier])
    assert merkle.verify_consistency(earlier, size, old, root, proof)
    if earlier != size:
        assert not merkle.verify_consistency(earlier, size, root, root, proof)
        assert not merkle.verify_consistency(earlier, size, old, old, proof)
        assert not merkle.verify_consistency(earlier, size, old, root, (*proof, old))


def test_indices_outside_the_tree_are_refused() -> None:
    """No proof is made for what is not there."""
    with pytest.raises(IndexError):
        merkle.inclusion_proof(LEAVES, 8)
    with pytest.raises(IndexError):
        merkle.consistency_proof(LEAVES, 0)
    assert not merkle.verify_inclusion(LEAVES[0], -1, 8, (), LEAVES[0])
    assert not merkle.verify_consistency(0, 8, LEAVES[0], LEAVES[0], ())


@settings(max_examples=60, deadline=None)
@given(size=st.integers(0, 80), more=st.integers(0, 20))
def test_a_frontier_grows_to_the_root_of_the_whole_tree(size: int, more: int) -> None:
    """The whole subtrees of any size give its root, and with the leaves that follow the root of all; as many as its bits."""
    leaves = [merkle.leaf_hash(str(n).encode()) for n in range(size + more)]
    tree = merkle.MerkleTree(leaves)
    frontier = tree.frontier(size)
    assert len(frontier) == size.bit_count()
    assert merkle.root_of(frontier) == recursive(leaves[:size]) == tree.root(size)
    assert merkle.grown(size, frontier, leaves[size:]) == tree.frontier()
    assert tree.leaves(size, size + more) == b"".join(leaves[size:])
    for outside in (-1, size + more + 1):
        with pytest.raises(IndexError):
            tree.frontier(outside)
