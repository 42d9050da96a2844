"""Proofs: one for every record, that holds under every later head, is bound to its place, and never trips its checker."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.ledger import merkle
from market.ledger.errors import LedgerBroken
from market.ledger.proofs import Proof, check_proof, prove
from market.ledger.records import BlockHead, Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore

START, DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)
SIGNERS = {name: key_from_seed(11, name) for name in ("agr.example", "dso.example", "iles.example")}
PARTIES = [Party(name, signer.public) for name, signer in SIGNERS.items()]


def record(key: str, *parties: str) -> Record:
    """An order, authored by the first of these parties and signed by all."""
    made = Record("order", key, START, parties[0], key.encode())
    for party in parties:
        made = made.signed(party, SIGNERS[party])
    return made


def ledger_of(sizes: list[int]) -> tuple[bytes, list[BlockHead]]:
    """The bytes of a ledger with blocks of these many records, keys `BLOCK-NUMBER`, and its heads."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "proofs"})
        heads = []
        for block, size in enumerate(sizes, start=1):
            store.append([record(f"{block}-{k:02d}", "dso.example", "agr.example") for k in range(size)])
            begin = START + block * DAY
            heads.append(store.close_block(block, begin, begin + DAY, begin + DAY))
        return store.image(), heads


@pytest.mark.parametrize("size", range(1, 21))
def test_every_record_of_a_block_has_its_proof(size: int) -> None:
    """Whatever the block's size, each record's proof has its own index, holds under the head and under no other leaf."""
    image, (head,) = ledger_of([size])
    indices = []
    for k in range(size):
        proof = Proof.from_json(prove(image, "order", f"1-{k:02d}").to_json())
        lines = check_proof(proof, head.digest)
        assert lines[0] == f"record order 1-{k:02d} is leaf {k} of {size} in block 1"
        assert lines[2] == "signed by agr.example, dso.example, parties to the ledger"
        assert len(proof.path) <= (size - 1).bit_length()  # RFC 6962 2.1.1: as deep as the tree at most
        indices.append(proof.index)
        for other in range(size):
            if other != k:
                with pytest.raises(LedgerBroken, match=f"is not leaf {other} of {size}"):
                    check_proof(replace(proof, index=other), head.digest)
    assert indices == list(range(size))


def test_a_proof_holds_under_every_later_head_and_under_no_earlier_one() -> None:
    """Made when the ledger has five blocks, it carries the heads from its own block on, the empty blocks' among them."""
    image, heads = ledger_of([3, 1, 0, 2, 4])
    for block in (1, 2, 4, 5):
        proof = prove(image, "order", f"{block}-00")
        assert [columns[0] for columns in proof.heads] == list(range(block, 6))
        for head in heads:
            if head.number >= block:
                assert check_proof(proof, head.digest)[1].startswith(f"{6 - block} heads follow each other")
            else:
                with pytest.raises(LedgerBroken, match="is the expected"):
                    check_proof(proof, head.digest)


def test_heads_that_do_not_follow_each_other_are_no_proof() -> None:
    """A head left out between the record's and the expected one breaks the chain, and is named."""
    image, heads = ledger_of([1, 1, 1, 1])
    proof = prove(image, "order", "1-00")
    gap = replace(proof, heads=(proof.heads[0], *proof.heads[2:]))
    with pytest.raises(LedgerBroken, match="head 3 does not follow the one before"):
        check_proof(gap, heads[-1].digest)


def test_no_part_of_another_records_proof_fits() -> None:
    """Two records of one block: whatever part one borrows from the other's proof, it no longer holds."""
    image, (head,) = ledger_of([6])
    mine, other = prove(image, "order", "1-01"), prove(image, "order", "1-04")
    for name in ("key", "body", "signatures", "index", "path"):
        with pytest.raises(LedgerBroken):
            check_proof(replace(mine, **{name: getattr(other, name)}), head.digest)
    assert check_proof(mine, head.digest)


def test_a_proof_of_another_ledger_is_none_of_this_one() -> None:
    """The same records in a ledger of other meta entries have other heads: the genesis binds them."""
    image, (head,) = ledger_of([2])
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "elsewhere"})
        store.append([record(f"1-{k:02d}", "dso.example", "agr.example") for k in range(2)])
        store.close_block(1, START + DAY, START + 2 * DAY, START + 2 * DAY)
        foreign = prove(store.image(), "order", "1-00")
    assert foreign.path == prove(image, "order", "1-00").path
    with pytest.raises(LedgerBroken, match="is the expected"):
        check_proof(foreign, head.digest)


@pytest.mark.parametrize("parties", [("dso.example",), ("iles.example", "agr.example"), tuple(sorted(SIGNERS))])
def test_a_proof_names_its_signers_and_nobody_else(parties: tuple[str, ...]) -> None:
    """As many parties as have signed, each bound to the ledger's parties by a path of its own."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "proofs", "format": "1"})
        store.append([record("one", *parties)])
        head = store.close_block(1, START, START + DAY, START + DAY)
        proof = prove(store.image(), "order", "one")
    assert tuple(party.name for party in proof.parties) == tuple(sorted(parties))
    assert proof.parties_size == 5  # two meta entries, three parties
    assert check_proof(proof, head.digest)
    swapped = replace(proof.parties[0], name="eve.example")
    with pytest.raises(LedgerBroken, match=r"eve\.example with this key is not a party"):
        check_proof(replace(proof, parties=(swapped, *proof.parties[1:])), head.digest)


@pytest.mark.parametrize("size", range(1, 21))
def test_consistency_holds_between_any_two_sizes(size: int) -> None:
    """RFC 6962 2.1.2: the proof from any earlier size holds for that size alone, and no hash of it can be changed."""
    leaves = [merkle.leaf_hash(bytes([k])) for k in range(size)]
    whole = merkle.root(leaves)
    for earlier in range(1, size + 1):
        old, proof = merkle.root(leaves[:earlier]), merkle.consistency_proof(leaves, earlier)
        assert merkle.verify_consistency(earlier, size, old, whole, proof)
        for other in set(range(1, size + 1)) - {earlier}:
            assert not merkle.verify_consistency(other, size, old, whole, proof)
        for place, step in enumerate(proof):
            changed = (*proof[:place], bytes([step[0] ^ 1, *step[1:]]), *proof[place + 1 :])
            assert not merkle.verify_consistency(earlier, size, old, whole, changed)
            assert not merkle.verify_consistency(earlier, size, old, whole, proof[:place] + proof[place + 1 :])


def test_a_tree_with_a_changed_leaf_is_not_consistent() -> None:
    """Of 12 leaves any one rewritten among the first 7 is found by whoever kept the root of these 7."""
    leaves = [merkle.leaf_hash(bytes([k])) for k in range(12)]
    kept = merkle.root(leaves[:7])
    for place in range(7):
        forged = [*leaves]
        forged[place] = merkle.leaf_hash(b"forged")
        proof = merkle.consistency_proof(forged, 7)
        assert not merkle.verify_consistency(7, 12, kept, merkle.root(forged), proof)
    for one, two in combinations(range(7), 2):
        swapped = [*leaves]
        swapped[one], swapped[two] = leaves[two], leaves[one]
        assert merkle.root(swapped[:7]) != kept


IMAGE, HEADS = ledger_of([5, 2])
SOUND = prove(IMAGE, "order", "1-03")
JSON: dict[str, Any] = json.loads(SOUND.to_json())


def places(raw: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in the JSON something stands, containers included."""
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places(item, (*at, key))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["00" * 32, "order"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300)
@given(at=st.sampled_from(sorted(places(JSON), key=str)), value=ANYTHING)
def test_whatever_stands_in_a_proofs_json_the_checker_answers(at: tuple[str | int, ...], value: object) -> None:
    """Anything in any place: refused in one sentence (`BadInput`, `LedgerBroken`), unless it says the same proof."""
    raw = copy.deepcopy(JSON)
    inner: Any = raw
    for part in at[:-1]:
        inner = inner[part]
    inner[at[-1]] = value
    try:
        proof = Proof.from_json(json.dumps(raw))
        check_proof(proof, HEADS[-1].digest)
    except (BadInput, LedgerBroken):
        return
    assert proof == SOUND


@pytest.mark.parametrize(
    ("at", "value"),
    [("at", [1]), ("index", "three"), ("body", 5), ("kind", {}), ("parties_size", None), ("at", float("inf")),
     ("parties", [{"name": "agr.example", "public": 5, "index": [], "path": 3}])],
)  # fmt: skip
def test_a_value_of_another_type_is_bad_input_or_broken(at: str, value: object) -> None:
    """Found by the property above: a list for an instant, a word for an index and so on are no tracebacks."""
    with pytest.raises((BadInput, LedgerBroken), match="proof"):
        check_proof(Proof.from_json(json.dumps({**JSON, at: value})), HEADS[-1].digest)


def test_json_nested_without_end_is_bad_input() -> None:
    """Ten thousand brackets do not overflow anything."""
    with pytest.raises(BadInput, match="not the JSON of a ledger proof"):
        Proof.from_json("[" * 10_000)
