"""Proofs of records whose signers changed their keys: each is checked by the key that its party had at the record's place."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from market.ledger.checking import check_consistency, check_inclusion
from market.ledger.errors import LedgerBroken
from market.ledger.party_keys import REVOCATION, revocation, rotation
from market.ledger.proof_reading import from_json
from market.ledger.proofs import InclusionProof, KeyHistory
from market.ledger.prover import Prover
from market.ledger.records import BlockHead, Party, Record
from market.ledger.signing import Signer, key_from_seed
from market.ledger.store import LedgerStore

SCRIPT = Path(__file__).parents[2] / "docs" / "check_proof.py"
START, DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)
DSO, AGR, KEEPER, NEW, NEWER = (key_from_seed(13, name) for name in ("dso", "agr", "keeper", "agr 2", "agr 3"))
PARTIES = [Party("dso", DSO.public), Party("agr", AGR.public), Party("keeper", KEEPER.public)]


def order(key: str, agr: Signer) -> Record:
    """An order of the DSO that the aggregator has signed with a key."""
    return Record("order", key, START, "dso", key.encode()).signed("dso", DSO).signed("agr", agr)


def close(store: LedgerStore, number: int, agr: Signer) -> BlockHead:
    """The next block, co-signed by the aggregator."""
    head = store.close_block(number, START + number * DAY, START + (number + 1) * DAY, START + (number + 1) * DAY)
    store.cosign(number, "agr", agr.sign(head.message))
    return head


@pytest.fixture(scope="module")
def ledger() -> tuple[bytes, list[BlockHead]]:
    """Three blocks: in the second the aggregator rotates its key, in the third the keeper revokes and replaces that one."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "proven", "keeper": "keeper"})
        store.append([order("1-first", AGR)])
        heads = [close(store, 1, AGR)]
        store.append([order("2-before", AGR), rotation("agr", AGR, NEW, START), order("2-behind", NEW)])
        heads.append(close(store, 2, NEW))
        store.append([order("3-before", NEW)])
        store.append([revocation("keeper", KEEPER, "agr", NEW.public, "stolen", START, NEWER.public)])
        store.append([order("3-behind", NEWER)])
        heads.append(close(store, 3, NEWER))
        return store.image(), heads


def proof_of(ledger: tuple[bytes, list[BlockHead]], key: str, block: int = 3) -> tuple[InclusionProof, bytes]:
    """The proof of an order under the head of a block, once through its JSON, and that head's digest."""
    image, heads = ledger
    held = heads[block - 1].digest
    with Prover(image) as prover:
        (read,) = from_json(prover.inclusion("order", key, held).to_json())
    assert isinstance(read, InclusionProof)
    return read, held


@pytest.mark.parametrize("key", ["1-first", "2-before", "2-behind", "3-before", "3-behind"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_every_record_has_a_sound_proof_under_every_head(
    ledger: tuple[bytes, list[BlockHead]], key: str, block: int
) -> None:
    """From its block on; before, behind and between the changes of its signer's key; with the co-signature of each head."""
    if int(key[0]) > block:
        with pytest.raises(BadInput, match="expected a head from that block on"):
            proof_of(ledger, key, block)
        return
    proof, held = proof_of(ledger, key, block)
    found = check_inclusion(proof, held)
    assert found.record is not None
    assert found.record.key == key
    assert found.checks[-1] == "the head is co-signed by agr"
    assert (proof.witnessed.history is None) == (block == 1)


def test_consistency_across_a_change_is_shown_with_the_newer_heads_co_signature(
    ledger: tuple[bytes, list[BlockHead]],
) -> None:
    """By the key that its party had when that head was closed."""
    image, heads = ledger
    with Prover(image) as prover:
        proof = prover.consistency(heads[0].digest)
    assert check_consistency(proof, heads[0].digest).checks[-1] == "the head is co-signed by agr"


@pytest.mark.parametrize("kind", ["order", REVOCATION])
def test_the_thirty_lines_take_such_a_proof_as_any_other(
    ledger: tuple[bytes, list[BlockHead]], tmp_path: Path, kind: str
) -> None:
    """They check hashes: a record that a rotated key has signed, and the change itself."""
    image, heads = ledger
    path = tmp_path / "proof.json"
    with Prover(image) as prover:
        key = next(iter(prover.keys(kind)))
        path.write_text(prover.inclusion(kind, key).to_json())
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(path), heads[-1].digest.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("sound\n")


def forged(agr: Signer, block: int) -> tuple[InclusionProof, bytes]:
    """The proof from a ledger whose store did not look at signatures: an order of one block by a key of the aggregator."""
    with pytest.MonkeyPatch.context() as patch, LedgerStore(b"") as store:
        store.create(PARTIES, {"site": "forged", "keeper": "keeper"})
        check = LedgerStore._check_signatures
        heads = []
        for number in (1, 2, 3):
            if number == 2:
                store.append([rotation("agr", AGR, NEW, START)])
            if number == block:
                patch.setattr(LedgerStore, "_check_signatures", lambda self, records: self._party_keys)
                store.append([order("forged", agr)])
                patch.setattr(LedgerStore, "_check_signatures", check)
            end = START + (number + 1) * DAY
            heads.append(store.close_block(number, START + number * DAY, end, end))
        with Prover(store.image()) as prover:
            return prover.inclusion("order", "forged"), heads[-1].digest


@pytest.mark.parametrize(("agr", "block", "sound"), [(AGR, 1, True), (AGR, 3, False), (NEW, 1, False), (NEW, 3, True)])
def test_a_key_counts_only_at_the_places_where_it_held(agr: Signer, block: int, sound: bool) -> None:
    """The old one before the block of its rotation, the new one behind it: whatever the ledger's keeper let through."""
    proof, held = forged(agr, block)
    if sound:
        assert check_inclusion(proof, held).record is not None
        return
    with pytest.raises(LedgerBroken, match="the signature of agr does not fit the record and its key"):
        check_inclusion(proof, held)


def spoilt(proof: InclusionProof, **changes: object) -> InclusionProof:
    """A proof with something else in its history of keys."""
    history = proof.witnessed.history
    assert history is not None
    other: KeyHistory = replace(history, **changes)  # type: ignore[arg-type]
    return replace(proof, witnessed=replace(proof.witnessed, history=other))


def test_a_history_that_was_changed_is_refused(ledger: tuple[bytes, list[BlockHead]]) -> None:
    """Another keeper, another order, a head too few or of another block, another place, a record that is none of a key."""
    proof, held = proof_of(ledger, "3-behind")
    history = proof.witnessed.history
    assert history is not None
    first, second = history.changes
    stranger = first._replace(entry=proof.entry, leaf_index=proof.leaf_index, inclusion_path=proof.inclusion_path)
    for changes, words in (
        ({"keeper": "dso"}, "is not the ledger's keeper"),
        ({"changes": (second, first)}, "change 1 is not one"),
        ({"changes": (first, first)}, "change 2 is not one"),
        ({"changes": (stranger,)}, "change 1 is not one .its kind is order"),
        ({"changes": (first._replace(leaf_index=0), second)}, "change 1 is not a leaf under the head"),
        ({"heads": ()}, "in none of the blocks"),
        ({"heads": (history.heads[0], history.heads[0])}, "is not the one before the next"),
        ({"changes": (first,)}, "does not fit"),
    ):
        with pytest.raises(LedgerBroken, match=words):
            check_inclusion(spoilt(proof, **changes), held)


def test_without_its_history_a_record_by_a_later_key_is_not_believed(ledger: tuple[bytes, list[BlockHead]]) -> None:
    """The keys that the ledger began with are all that is known then."""
    proof, held = proof_of(ledger, "3-behind")
    with pytest.raises(LedgerBroken, match="the signature of agr does not fit"):
        check_inclusion(replace(proof, witnessed=replace(proof.witnessed, history=None)), held)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"keeper_index": ', '"keeper_index": 0.5, "was": ', "keeper_index"),
        ('"heads": ["', '"heads": [1, "', "heads: one is no text"),
    ],
)
def test_a_history_of_other_types_is_bad_input(
    ledger: tuple[bytes, list[BlockHead]], old: str, new: str, words: str
) -> None:
    """One sentence that names the field."""
    text = proof_of(ledger, "3-behind")[0].to_json()
    assert old in text
    with pytest.raises(BadInput, match=words):
        from_json(text.replace(old, new))
