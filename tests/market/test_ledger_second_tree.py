"""Two programs of different authors find one root for every tree."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import market.ledger.verify as verifying
from market.ledger.errors import LedgerBroken
from market.ledger.merkle import leaf_hash, root
from market.ledger.second_tree import root_by_merkletools
from market.ledger.store import LedgerStore
from tests.market.ledgers import fill

# RFC 6962's eight test leaves, as published with the reference implementation of certificate transparency, and their root.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_published_vector() -> None:
    """The standard's eight leaves give the published root by either program."""
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert root(leaves).hex() == root_by_merkletools(leaves).hex() == ROOT


@given(st.integers(1, 300))
def test_every_size_has_one_root(size: int) -> None:
    """Whatever the number of leaves, both trees have the same root."""
    leaves = [sha256(str(k).encode()).digest() for k in range(size)]
    assert root(leaves) == root_by_merkletools(leaves)


def test_a_ledger_is_verified_by_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is named among those made; where the two programs differ the ledger is not verified."""
    path = tmp_path / "ledger.db"
    store = LedgerStore(path)
    fill(store)
    store.close()
    assert any("merkletools" in check for check in verifying.verify(path).checks)
    monkeypatch.setattr(verifying, "root_by_merkletools", lambda _: bytes(32))
    with pytest.raises(LedgerBroken, match="merkletools finds another root"):
        verifying.verify(path)
