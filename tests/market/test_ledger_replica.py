"""What a co-signer checks before it signs a head: every single thing that is not so is found, and told in one sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market.ledger import hashing, merkle
from market.ledger.records import BlockHead
from market.ledger.replica import NO_LEAVES, BlockLeaves, fault_of
from market.ledger.store import LedgerStore
from tests.market.ledgers import DAY, START, fill

PARTIES = bytes(range(32))


def leaf(number: int) -> bytes:
    """The hash of a record."""
    return hashing.leaf_hash(str(number).encode())


def grow(counts: list[int]) -> list[tuple[BlockHead, BlockLeaves]]:
    """Blocks of so many records, each head with what a co-signer is shown for it."""
    found: list[tuple[BlockHead, BlockLeaves]] = []
    size, frontier, previous = 0, tuple[bytes, ...](), hashing.genesis(PARTIES)
    for number, count in enumerate(counts, start=1):
        leaves = [leaf(k) for k in range(size, size + count)]
        grown = merkle.grown(size, frontier, leaves)
        start = START + (number - 1) * DAY
        size += count
        head = BlockHead(number, start, start + DAY, count, size, merkle.root_of(grown), previous, PARTIES, start + DAY)
        found.append((head, BlockLeaves(tuple(frontier), b"".join(leaves))))
        frontier, previous = tuple(grown), head.digest
    return found


COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=6)


@given(COUNTS)
def test_an_honest_keepers_heads_are_signed_one_after_the_other(counts: list[int]) -> None:
    """From the first on, empty blocks among them; also by who joins late and knows no head before."""
    known: BlockHead | None = None
    for head, shown in grow(counts):
        assert fault_of(head, shown, known) is None
        assert fault_of(head, shown, None) is None
        known = head


@given(COUNTS, st.data())
def test_no_leaf_can_be_another_one(counts: list[int], data: st.DataObject) -> None:
    """One bit of one leaf hash, or of a subtree before the block: the head is not made of what is shown."""
    blocks = grow(counts)
    place = data.draw(st.integers(0, len(blocks) - 1))
    head, shown = blocks[place]
    known = blocks[place - 1][0] if place else None
    whole = b"".join(shown.frontier) + shown.leaves
    if not whole:
        return
    at = data.draw(st.integers(0, len(whole) - 1))
    bent = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    before = 32 * len(shown.frontier)
    frontier = tuple(bent[k : k + 32] for k in range(0, before, 32))
    assert fault_of(head, BlockLeaves(frontier, bent[before:]), known) == "its leaf hashes do not give its root"


@given(COUNTS, st.integers(0, 9), st.integers(0, 9))
def test_nobody_signs_a_head_that_leaves_one_out(counts: list[int], first: int, second: int) -> None:
    """Two blocks further on: whoever knows the head before is told so, but where nothing at all happened between."""
    blocks = grow([*counts, first, second])
    known, (head, shown) = blocks[-3][0], blocks[-1]
    assert fault_of(head, shown, known) == "it does not follow the head before"


def test_another_history_of_the_same_length_is_found() -> None:
    """The records before the block are others than those that were signed for, though all that is shown fits together."""
    (known, _), (head, shown) = grow([3, 2])
    leaves = [leaf(k) for k in (7, 8, 9)]
    frontier = merkle.grown(0, (), leaves)
    root = merkle.root_of(merkle.grown(3, frontier, [leaf(3), leaf(4)]))
    forged = replace(head, root=root)
    told = BlockLeaves(tuple(frontier), shown.leaves)
    assert fault_of(forged, told, known) == "the records before it are not those under the head before"
    assert fault_of(forged, told, None) is None  # who has seen nothing before cannot know


def test_a_history_of_another_length_is_found() -> None:
    """A head that follows by number and digest but has had more records before it."""
    (known, _), (head, _) = grow([3, 2])
    frontier = merkle.grown(0, (), [leaf(k) for k in range(4)])
    root = merkle.root_of(merkle.grown(4, frontier, [leaf(5)]))
    longer = replace(head, count=1, size=5, root=root)
    told = BlockLeaves(tuple(frontier), leaf(5))
    assert fault_of(longer, told, known) == "the records before it are not those under the head before"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"number": 3}, "it does not follow the head before"),
        ({"number": 1}, "it does not follow the head before"),
        ({"previous": bytes(32)}, "it does not follow the head before"),
        ({"parties_hash": bytes(32)}, "it does not follow the head before"),
        ({"root": bytes(32)}, "its leaf hashes do not give its root"),
        ({"count": 3}, "64 bytes of leaf hashes; expected 32 for each of 3 records"),
        ({"count": 1}, "64 bytes of leaf hashes; expected 32 for each of 1 records"),
        ({"size": 6}, "2 subtrees before the block; expected 1 hashes of 32 bytes"),
        ({"size": 1}, "64 bytes of leaf hashes; expected 32 for each of 2 records"),
    ],
)
def test_each_thing_a_head_says_is_checked(change: dict[str, object], why: str) -> None:
    """Number, previous, parties, root, count and size, one at a time."""
    (known, _), (head, shown) = grow([3, 2])
    assert fault_of(head, shown, known) is None
    assert fault_of(replace(head, **change), shown, known) == why  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frontier", "leaves"),
    [((), b""), ((bytes(32),) * 2, b""), ((bytes(32),) * 2, bytes(63)), ((bytes(31), bytes(33)), bytes(64)),
     ((bytes(32),) * 3, bytes(64)), ((bytes(32),), bytes(64))],
)  # fmt: skip
def test_what_is_shown_has_the_size_the_head_says(frontier: tuple[bytes, ...], leaves: bytes) -> None:
    """Hashes missing, too many, or cut differently, are refused before anything is hashed."""
    (known, _), (head, _) = grow([3, 2])
    assert "expected" in (fault_of(head, BlockLeaves(frontier, leaves), known) or "")


@pytest.mark.parametrize(("previous", "before"), [(bytes(32), 0), (hashing.genesis(PARTIES), 2)])
def test_a_first_head_begins_a_ledger(previous: bytes, before: int) -> None:
    """Its previous is the hash of its parties, and there is no record before it; a later one is taken on trust."""
    frontier = tuple(merkle.grown(0, (), [leaf(k) for k in range(before)]))
    root = merkle.root_of(merkle.grown(before, frontier, [leaf(9)]))
    head = BlockHead(1, START, START + DAY, 1, before + 1, root, previous, PARTIES, START + DAY)
    shown = BlockLeaves(frontier, leaf(9))
    assert fault_of(head, shown, None) == "it is no beginning of a ledger"
    assert fault_of(replace(head, number=2), shown, None) is None


def test_an_empty_first_block_is_a_beginning() -> None:
    """Its root is the hash of nothing, and nothing needs to be shown."""
    ((head, shown),) = grow([0])
    assert shown == NO_LEAVES
    assert head.root == merkle.root_of(())
    assert fault_of(head, NO_LEAVES, None) is None


def test_when_a_head_was_closed_is_not_the_trees_matter_but_binds_the_next() -> None:
    """Another instant gives another digest, so the head after it no longer follows."""
    (first, _), (second, shown) = grow([3, 2])
    moved = replace(first, closed_at=first.closed_at + timedelta(seconds=1))
    assert moved.digest != first.digest
    assert fault_of(second, shown, first) is None
    assert fault_of(second, shown, moved) == "it does not follow the head before"


def test_a_stores_own_heads_are_signed_with_its_own_leaves() -> None:
    """What a keeper's store holds, shown by its leaves: both blocks of a small ledger pass."""
    with LedgerStore(b"") as store:
        fill(store)
        known: BlockHead | None = None
        frontier: tuple[bytes, ...] = ()
        for head in store.heads():
            records = sorted(store.records(block=head.number), key=lambda one: (one.kind, one.key))
            leaves = [hashing.leaf_hash(one.entry) for one in records]
            shown = BlockLeaves(frontier, b"".join(leaves))
            assert decode(encode(shown)) == shown
            assert fault_of(head, shown, known) is None
            frontier = tuple(merkle.grown(head.size - head.count, frontier, leaves))
            known = head
