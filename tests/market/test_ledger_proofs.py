"""Proofs: one for every record under every head that has it, bound to its place, and never a trip for its checker."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.ledger import merkle, verify_consistency, verify_inclusion
from market.ledger.checking import Checked, check_consistency, check_inclusion
from market.ledger.errors import LedgerBroken
from market.ledger.proof_reading import from_json
from market.ledger.proofs import InclusionProof, Proof, to_json
from market.ledger.prover import Prover
from market.ledger.records import BlockHead, Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore

SCRIPT = Path(__file__).parents[2] / "docs" / "check_proof.py"
START, DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)
SIGNERS = {name: key_from_seed(11, name) for name in ("agr.example", "dso.example", "iles.example")}
PARTIES = [Party(name, signer.public) for name, signer in SIGNERS.items()]


def record(key: str, *parties: str, salt: bytes = b"") -> Record:
    """An order, authored by the first of these parties and signed by all."""
    made = Record("order", key, START, parties[0], key.encode(), salt=salt)
    for party in parties:
        made = made.signed(party, SIGNERS[party])
    return made


def ledger_of(sizes: list[int], salt: bytes = b"", site: str = "proofs") -> tuple[bytes, list[BlockHead]]:
    """The bytes of a ledger with co-signed blocks of these many records, keys `BLOCK-NUMBER`, and its heads."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": site})
        heads = []
        for block, size in enumerate(sizes, start=1):
            store.append([record(f"{block}-{k:02d}", "dso.example", "agr.example", salt=salt) for k in range(size)])
            begin = START + block * DAY
            heads.append(store.close_block(block, begin, begin + DAY, begin + DAY))
            store.cosign(block, "iles.example", SIGNERS["iles.example"].sign(heads[-1].message))
        return store.image(), heads


def checked(proof: Proof, held: bytes) -> Checked:
    """What a proof shows to who holds this head."""
    return check_inclusion(proof, held) if isinstance(proof, InclusionProof) else check_consistency(proof, held)


@pytest.mark.parametrize("size", range(1, 21))
def test_every_record_of_a_block_has_its_proof(size: int) -> None:
    """Whatever the block's size, each record's proof has its own index, holds under the head and under no other leaf."""
    image, (head,) = ledger_of([size])
    with Prover(image) as prover:
        for k in range(size):
            (proof,) = from_json(prover.inclusion("order", f"1-{k:02d}").to_json())
            assert isinstance(proof, InclusionProof)
            found = check_inclusion(proof, head.digest)
            assert found.record == record(f"1-{k:02d}", "dso.example", "agr.example")
            assert found.checks[0] == f"record order 1-{k:02d} is leaf {k} of {size} under the head of block 1"
            assert found.checks[1].endswith("signed by agr.example, dso.example, parties to the ledger")
            assert found.checks[2] == "the head is co-signed by iles.example"
            assert len(proof.inclusion_path) <= (size - 1).bit_length()  # RFC 9162: as deep as the tree at most
            for other in set(range(size)) - {k}:
                with pytest.raises(LedgerBroken, match=f"is not leaf {other} of {size}"):
                    check_inclusion(replace(proof, leaf_index=other), head.digest)


def test_a_proof_is_made_for_every_head_from_its_block_on_and_for_no_earlier_one() -> None:
    """Of five blocks, one of them empty: under each head that has the record there is a proof, under the others none."""
    image, heads = ledger_of([3, 1, 0, 2, 4])
    with Prover(image) as prover:
        for block in (1, 2, 4, 5):
            for head in heads:
                if head.number >= block:
                    proof = prover.inclusion("order", f"{block}-00", head.digest)
                    assert check_inclusion(proof, head.digest).head == head
                    with pytest.raises(LedgerBroken, match="you hold"):
                        check_inclusion(proof, bytes(32))
                else:
                    with pytest.raises(BadInput, match=f"it is in block {block}; expected a head from that block on"):
                        prover.inclusion("order", f"{block}-00", head.digest)
        with pytest.raises(BadInput, match="is none of the 5 of this ledger"):
            prover.inclusion("order", "1-00", bytes(32))


def test_an_older_head_is_shown_to_be_a_prefix_of_every_newer_one() -> None:
    """Between any two heads with records; the other way round there is no proof, and none holds for another head."""
    image, heads = ledger_of([3, 1, 0, 2, 4])
    with Prover(image) as prover:
        for one, two in combinations(heads, 2):
            (proof,) = from_json(prover.consistency(one.digest, two.digest).to_json())
            assert checked(proof, one.digest).head == two
            with pytest.raises(LedgerBroken, match="you hold"):
                checked(proof, two.digest)
            with pytest.raises(BadInput, match="expected an older one with records"):
                prover.consistency(two.digest, one.digest)


def test_a_rewritten_past_is_found_by_who_holds_an_older_head() -> None:
    """Another record in the first block, everything after it the same: no proof from the old head holds for the new ledger."""
    image, (old, new) = ledger_of([3, 2])
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "proofs"})
        store.append([record(f"1-{k:02d}", "dso.example", "iles.example") for k in range(3)])
        forged_old = store.close_block(1, START + DAY, START + 2 * DAY, START + 2 * DAY)
        store.append([record(f"2-{k:02d}", "dso.example", "agr.example") for k in range(2)])
        forged_new = store.close_block(2, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY)
        forged = store.image()
    assert (old.size, new.size) == (forged_old.size, forged_new.size)
    with Prover(image) as sound, Prover(forged) as other:
        path = other.consistency(forged_old.digest)
        for wrong in (
            path,
            replace(path, older=old.text),
            replace(sound.consistency(old.digest), witnessed=path.witnessed),
        ):
            with pytest.raises(LedgerBroken):
                check_consistency(wrong, old.digest)


def test_no_part_of_another_records_proof_fits() -> None:
    """Two records of one block: whatever part one borrows from the other's proof, it no longer holds."""
    image, (head,) = ledger_of([6])
    with Prover(image) as prover:
        mine, other = prover.inclusion("order", "1-01"), prover.inclusion("order", "1-04")
    for name in ("entry", "leaf_index", "inclusion_path"):
        with pytest.raises(LedgerBroken):
            check_inclusion(replace(mine, **{name: getattr(other, name)}), head.digest)
    assert check_inclusion(mine, head.digest)


def test_neither_an_inner_node_nor_an_empty_proof_passes() -> None:
    """The two children of a node are no entry, the root itself is none, and a proof without a path proves one leaf alone."""
    leaves = [merkle.leaf_hash(bytes([k])) for k in range(4)]
    tree = merkle.MerkleTree(leaves)
    root = tree.root()
    left = merkle.root(leaves[:2])
    assert verify_inclusion(leaves[0], 0, 4, tree.inclusion_path(0), root)
    assert not verify_inclusion(merkle.leaf_hash(leaves[0] + leaves[1]), 0, 2, [merkle.root(leaves[2:])], root)
    assert not verify_inclusion(left, 0, 4, tree.inclusion_path(0)[1:], root)
    assert not verify_inclusion(root, 0, 4, (), root)
    assert not verify_inclusion(leaves[0], 0, 4, (), root)
    assert not verify_consistency(2, 4, left, root, ())
    image, (head,) = ledger_of([4])
    with Prover(image) as prover:
        proof = prover.inclusion("order", "1-00")
    for wrong in (replace(proof, inclusion_path=()), replace(proof, entry=b"".join(leaves[:2]))):
        with pytest.raises(LedgerBroken, match="inclusion_path"):
            check_inclusion(wrong, head.digest)


def test_a_proof_of_another_ledger_is_none_of_this_one() -> None:
    """The same records in a ledger of other meta entries have other heads, and no consistency between them."""
    (image, (head, _)), (other, (_, foreign)) = ledger_of([2, 1]), ledger_of([2, 1], site="elsewhere")
    with Prover(image) as here, Prover(other) as there:
        assert there.inclusion("order", "1-00").inclusion_path == here.inclusion("order", "1-00").inclusion_path
        with pytest.raises(LedgerBroken, match="you hold"):
            check_inclusion(there.inclusion("order", "1-00"), head.digest)
        mixed = replace(here.consistency(head.digest), witnessed=there.inclusion("order", "1-00").witnessed)
    assert foreign.root != head.root
    with pytest.raises(LedgerBroken, match="of different ledgers"):
        check_consistency(mixed, head.digest)


@pytest.mark.parametrize("parties", [("dso.example",), ("iles.example", "agr.example"), tuple(sorted(SIGNERS))])
def test_a_proof_names_its_signers_and_nobody_else(parties: tuple[str, ...]) -> None:
    """As many parties as have signed, each bound to the ledger's parties by a path of its own."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "proofs", "format": "2"})
        store.append([record("one", *parties)])
        head = store.close_block(1, START, START + DAY, START + DAY)
        with Prover(store.image()) as prover:
            proof = prover.inclusion("order", "one")
    under = proof.witnessed
    assert tuple(party.name for party in under.parties) == tuple(sorted(parties))
    assert under.parties_size == 5  # two meta entries, three parties
    assert check_inclusion(proof, head.digest).checks[2] == "nobody has co-signed the head yet"
    swapped = replace(under, parties=(under.parties[0]._replace(name="eve.example"), *under.parties[1:]))
    with pytest.raises(LedgerBroken, match=r"'eve\.example' with this key is not a party"):
        check_inclusion(replace(proof, witnessed=swapped), head.digest)


def test_a_salted_record_is_proved_with_or_without_its_body_and_after_it_is_erased() -> None:
    """Shown, hidden or erased: the proof holds under the same head; another body, or salt, does not fit."""
    image, (head,) = ledger_of([5], salt=b"s" * 32)
    with LedgerStore(image) as store:
        with Prover(store.image()) as prover:
            shown, hidden = prover.inclusion("order", "1-02"), prover.inclusion("order", "1-02", shown=False)
        assert store.erase([("order", "1-02")]) == 1
        with Prover(store.image()) as prover:
            erased, neighbour = prover.inclusion("order", "1-02"), prover.inclusion("order", "1-03")
    assert erased == hidden != shown
    assert b"1-02" not in shown.entry.rpartition(b"salted\n")[2]
    for proof, body, words in (
        (shown, b"1-02", "give the commitment"),
        (erased, b"", "not shown"),
        (neighbour, b"1-03", "give"),
    ):
        found = check_inclusion(proof, head.digest)
        assert found.record is not None
        assert found.record.body == body
        assert words in found.checks[1]
    for wrong in (replace(shown, body=b"1-03"), replace(shown, salt=b"t" * 32)):
        with pytest.raises(LedgerBroken, match="not that of its salt and body"):
            check_inclusion(wrong, head.digest)


@pytest.mark.parametrize("size", range(1, 21))
def test_consistency_holds_between_any_two_sizes(size: int) -> None:
    """RFC 9162 2.1.4: the proof from any earlier size holds for that size alone, and no hash of it can be changed."""
    leaves = [merkle.leaf_hash(bytes([k])) for k in range(size)]
    whole = merkle.root(leaves)
    for earlier in range(1, size + 1):
        old, proof = merkle.root(leaves[:earlier]), merkle.consistency_proof(leaves, earlier)
        assert verify_consistency(earlier, size, old, whole, proof)
        for other in set(range(1, size + 1)) - {earlier}:
            assert not verify_consistency(other, size, old, whole, proof)
        for place, step in enumerate(proof):
            changed = (*proof[:place], bytes([step[0] ^ 1, *step[1:]]), *proof[place + 1 :])
            assert not verify_consistency(earlier, size, old, whole, changed)
            assert not verify_consistency(earlier, size, old, whole, proof[:place] + proof[place + 1 :])


def test_a_tree_with_a_changed_leaf_is_not_consistent() -> None:
    """Of 12 leaves any one rewritten among the first 7 is found by whoever kept the root of these 7."""
    leaves = [merkle.leaf_hash(bytes([k])) for k in range(12)]
    kept = merkle.root(leaves[:7])
    for place in range(7):
        forged = [*leaves]
        forged[place] = merkle.leaf_hash(b"forged")
        proof = merkle.consistency_proof(forged, 7)
        assert not verify_consistency(7, 12, kept, merkle.root(forged), proof)
    for one, two in combinations(range(7), 2):
        swapped = [*leaves]
        swapped[one], swapped[two] = leaves[two], leaves[one]
        assert merkle.root(swapped[:7]) != kept


IMAGE, HEADS = ledger_of([5, 2], salt=b"s" * 32)
with Prover(IMAGE) as _prover:
    SOUND = {
        "inclusion": (_prover.inclusion("order", "1-03"), HEADS[-1].digest),
        "consistency": (_prover.consistency(HEADS[0].digest), HEADS[0].digest),
    }


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
    | st.sampled_from(["00" * 32, "order", "", [], "0" * 63, HEADS[0].text]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300)
@given(name=st.sampled_from(sorted(SOUND)), value=ANYTHING, data=st.data())
def test_whatever_stands_in_a_proofs_json_the_checker_answers(name: str, value: object, data: st.DataObject) -> None:
    """Anything in any place: refused in one sentence (`BadInput`, `LedgerBroken`), unless it says the same."""
    sound, held = SOUND[name]
    raw: Any = json.loads(sound.to_json())
    at = data.draw(st.sampled_from(sorted(places(raw), key=str)))
    inner: Any = raw
    for part in at[:-1]:
        inner = inner[part]
    inner[at[-1]] = value
    try:
        (proof,) = from_json(json.dumps(raw))
        found = checked(proof, held)
    except (BadInput, LedgerBroken):
        return
    assert found.record == checked(sound, held).record  # fewer co-signatures, or a body that is not shown, are no lie
    assert found.head == checked(sound, held).head


@settings(max_examples=200)
@given(name=st.sampled_from(sorted(SOUND)), data=st.data())
def test_a_flipped_digit_anywhere_in_a_proof_is_refused(name: str, data: st.DataObject) -> None:
    """Any one character of the text changed to another: refused, or (a name of a field nobody needs) the same record."""
    sound, held = SOUND[name]
    text = sound.to_json()
    place = data.draw(st.integers(0, len(text) - 1))
    changed = (
        text[:place] + data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[place])) + text[place + 1 :]
    )
    try:
        (proof,) = from_json(changed)
        found = checked(proof, held)
    except (BadInput, LedgerBroken):
        return
    known = checked(sound, held)
    assert (found.head, found.record and found.record.entry) == (known.head, known.record and known.record.entry)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [("leaf_index", "three", "of type str; expected a whole number"), ("leaf_index", True, "out of range"),
     ("leaf_index", -1, "out of range"), ("tree_size", 1 << 63, "out of range"), ("entry", 5, "of type int"),
     ("entry", "0G", "not lower-case hexadecimal"), ("entry", "AB", "not lower-case"), ("parties_size", None, "NoneType"),
     ("inclusion_path", ["00"], "no SHA-256 hash"), ("inclusion_path", ["00" * 32] * 65, "at most 64"),
     ("inclusion_path", {}, "expected a list"), ("tree_size", float("inf"), "of type float"),
     ("parties", [3], "int where an object is expected"), ("head", 1, "expected text")],
)  # fmt: skip
def test_a_value_of_another_type_is_bad_input_that_names_its_field(at: str, value: object, words: str) -> None:
    """A word for an index, a list that is too long, digits that are none: one sentence each."""
    raw = {**json.loads(SOUND["inclusion"][0].to_json()), at: value}
    with pytest.raises(BadInput, match=f"proof.*{words}"):
        from_json(json.dumps(raw))


def test_json_nested_without_end_is_bad_input() -> None:
    """Ten thousand brackets do not overflow anything."""
    with pytest.raises(BadInput, match="proof"):
        from_json("[" * 10_000)


def script(path: Path, held: bytes) -> subprocess.CompletedProcess[str]:
    """The independent checker, by itself: no package of ours, none of anybody's (-I -S)."""
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(path), held.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_thirty_lines_that_know_only_sha_256_accept_what_we_prove(tmp_path: Path) -> None:
    """docs/check_proof.py takes proofs of inclusion, of consistency and collections, and says which head it is now."""
    imported = {line.split()[1] for line in SCRIPT.read_text().splitlines() if line.startswith(("import", "from"))}
    assert imported == {"base64", "hashlib", "json", "sys"}
    assert sum(bool(line.strip()) for line in SCRIPT.read_text().splitlines()[8:]) <= 30
    file = tmp_path / "proof.json"
    with Prover(IMAGE) as prover:
        collection = tuple(prover.inclusion("order", f"1-{k:02d}", shown=k % 2 == 0) for k in range(5))
    for proofs, held in (
        ((SOUND["inclusion"]), None),
        ((SOUND["consistency"]), None),
        ((collection), HEADS[-1].digest),
    ):
        chosen, digest = (proofs[:1], proofs[1]) if held is None else (proofs, held)
        file.write_text(to_json(chosen))  # type: ignore[arg-type]
        found = script(file, digest)  # type: ignore[arg-type]
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout.count(f"{HEADS[-1].digest.hex()} sound") == len(chosen)
        assert script(file, bytes(32)).returncode == 1


FORGERIES: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "another index": ("inclusion", lambda raw: raw.update(leaf_index=raw["leaf_index"] + 1)),
    "an index beyond the tree": ("inclusion", lambda raw: raw.update(leaf_index=raw["tree_size"])),
    "another size": ("inclusion", lambda raw: raw.update(tree_size=raw["tree_size"] - 1)),
    "an empty path": ("inclusion", lambda raw: raw.update(inclusion_path=[])),
    "a shorter path": ("inclusion", lambda raw: raw["inclusion_path"].pop()),
    "a longer path": ("inclusion", lambda raw: raw["inclusion_path"].append("00" * 32)),
    "another entry": ("inclusion", lambda raw: raw.update(entry=raw["entry"][:-2] + "61")),
    "an inner node for an entry": (
        "inclusion", lambda raw: raw.update(entry="01" + "00" * 64, inclusion_path=raw["inclusion_path"][1:])),
    "another body": ("inclusion", lambda raw: raw.update(body="00")),
    "another salt": ("inclusion", lambda raw: raw.update(salt="00" * 32)),
    "another head": ("inclusion", lambda raw: raw.update(head=HEADS[0].text)),
    "a rewritten old head": ("consistency", lambda raw: raw.update(head_1=raw["head_1"].replace("block 1", "block 2"))),
    "another old size": ("consistency", lambda raw: raw.update(tree_size_1=raw["tree_size_1"] + 1)),
    "no consistency path": ("consistency", lambda raw: raw.update(consistency_path=[])),
    "a changed step": ("consistency", lambda raw: raw["consistency_path"].__setitem__(0, "11" * 32)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_what_is_forged_is_refused_by_us_and_by_the_thirty_lines(tmp_path: Path, name: str) -> None:
    """A wrong index, size, path, entry, body, salt or head: both checkers refuse it."""
    kind, forge = FORGERIES[name]
    sound, held = SOUND[kind]
    raw = copy.deepcopy(json.loads(sound.to_json()))
    forge(raw)
    with pytest.raises((LedgerBroken, BadInput), match="proof"):
        checked(from_json(json.dumps(raw))[0], held)
    file = tmp_path / "forged.json"
    file.write_text(json.dumps(raw))
    assert script(file, held).returncode == 1


def test_a_body_beside_an_empty_salt_is_bad_input() -> None:
    """It would be shown beside a proof that does not say it: the body stands or falls with its salt."""
    image, _ = ledger_of([3], salt=b"s" * 32)
    with Prover(image) as prover:
        text = prover.inclusion("order", "1-01").to_json()
    emptied = text.replace((b"s" * 32).hex(), "")
    assert emptied != text
    with pytest.raises(BadInput, match="proof salt: it is empty"):
        from_json(emptied)
