"""A party's key can be rotated by itself and revoked by the keeper; what an old key signs afterwards is neither taken nor sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cim.codec.codec import encode
from cim.model.errors import BadInput
from market.ledger.errors import LedgerBroken
from market.ledger.party_keys import ROTATION, KeyRotation, PartyKeys, key_of, revocation, rotation
from market.ledger.records import Party, Record
from market.ledger.signing import Signer, forget_checked, key_from_seed
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from tests.market.ledgers import AGR, DAY, DSO, PARTIES, START

KEEPER, NEW, OTHER = (key_from_seed(12, name) for name in ("keeper", "agr 2", "agr 3"))
META = {"site": "strem", "keeper": "keeper"}


def order(number: int, agr: Signer, author: str = "dso", signer: Signer = DSO) -> Record:
    """An order of the DSO that the aggregator has signed with a key."""
    made = Record("order", f"{number:03d}", START, author, bytes([number]))
    return made.signed(author, signer).signed("agr", agr)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger lies."""
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[LedgerStore]:
    """A ledger of three parties, of which one is its keeper."""
    made = LedgerStore(path)
    made.create([*PARTIES, Party("keeper", KEEPER.public)], META)
    made.append([order(1, AGR)])
    yield made
    with suppress(sqlite3.ProgrammingError):  # a test may have closed it
        made.close()


def test_after_a_rotation_only_the_new_key_counts(store: LedgerStore, path: Path) -> None:
    """What came before stays good; the old key's next signature is refused; the whole ledger is sound."""
    store.append([rotation("agr", AGR, NEW, START)])
    store.append([order(2, NEW)])
    with pytest.raises(BadInput, match="the signature of agr is by a key that it does not sign with any more"):
        store.append([order(3, AGR)])
    assert store.party_keys().current("agr") == NEW.public
    found = verify(path)
    assert (found.records, found.parties) == (3, 3)


def test_a_batch_is_checked_record_by_record(store: LedgerStore, path: Path) -> None:
    """Before the rotation in it by the old key, after it by the new one; a batch that fails moves nothing."""
    change = rotation("agr", AGR, NEW, START)
    for batch in ([change, order(2, AGR)], [order(2, NEW), change]):
        with pytest.raises(BadInput, match="the signature of agr"):
            store.append(batch)
    assert store.party_keys().current("agr") == AGR.public
    store.append([order(2, AGR), change, order(3, NEW)])
    assert verify(path).records == 4


def test_what_is_recorded_may_be_filed_again_after_the_rotation(store: LedgerStore) -> None:
    """The keeper lost its memory, and everything is filed once more: old signatures of what is there are no fault."""
    change = rotation("agr", AGR, NEW, START)
    store.append([change])
    store.append([order(1, AGR), change, order(2, NEW)])
    assert [r.key for r in store.records(kind="order")] == ["001", "002"]


def test_a_revoked_key_signs_nothing_more(store: LedgerStore, path: Path) -> None:
    """Until the keeper has put another in its place, nothing of that party is recorded; then only by that one."""
    store.append([revocation("keeper", KEEPER, "agr", AGR.public, "the laptop was stolen", START)])
    for key in (AGR, NEW):
        with pytest.raises(BadInput, match="the key of agr is revoked"):
            store.append([order(2, key)])
    assert verify(path).records == 2


def test_the_keeper_puts_another_key_in_the_place_of_a_revoked_one(store: LedgerStore, path: Path) -> None:
    """At once, in one record; the thief's rotation comes too late."""
    store.append([revocation("keeper", KEEPER, "agr", AGR.public, "stolen", START, NEW.public)])
    store.append([order(2, NEW)])
    with pytest.raises(BadInput, match="key-rotation"):
        store.append([rotation("agr", AGR, OTHER, START)])
    assert verify(path).records == 3


def changed(record: Record, signer: Signer, **changes: object) -> Record:
    """A rotation that says something else, signed anew by its author."""
    body = KeyRotation("agr", AGR.public, NEW.public, b"")
    body = replace(body, **changes)  # type: ignore[arg-type]
    key = key_of(body.party, body.old)
    return Record(ROTATION, key, record.at, record.author, encode(body)).signed(record.author, signer)


def test_a_change_that_its_author_may_not_make_is_refused(store: LedgerStore) -> None:
    """Another party's rotation; one without the new key's consent; to a key that is in use; a revocation by no keeper;
    of a key that is none; without a reason; a body that is something else.
    """
    good = rotation("agr", AGR, NEW, START)
    wrong = [
        (replace(rotation("agr", DSO, NEW, START), author="dso", signatures=()).signed("dso", DSO), "not of the key"),
        (changed(good, AGR, possession=bytes(64)), "the new key has not signed it"),
        (rotation("agr", AGR, DSO, START), "no party has had before"),
        (rotation("agr", AGR, AGR, START), "no party has had before"),
        (revocation("dso", DSO, "agr", AGR.public, "I do not like it", START), "may not revoke"),
        (revocation("keeper", KEEPER, "agr", NEW.public, "stolen", START), "not of the key"),
        (Record(ROTATION, "agr/0", START, "agr", encode("hello")).signed("agr", AGR), "expected a KeyRotation"),
        (replace(good, key="agr/other", signatures=()).signed("agr", AGR), "its key is not that"),
    ]
    for record, why in wrong:
        with pytest.raises(BadInput, match=why):
            store.append([record])
    with pytest.raises(BadInput, match="reason: it is empty"):
        revocation("keeper", KEEPER, "agr", AGR.public, " ", START)
    assert not store.party_keys().changed


def test_a_ledger_without_a_keeper_revokes_nothing(tmp_path: Path) -> None:
    """Nobody may, whoever says so."""
    with LedgerStore(tmp_path / "other.db") as other:
        other.create(PARTIES, {"site": "strem"})
        with pytest.raises(BadInput, match="may not revoke"):
            other.append([revocation("dso", DSO, "agr", AGR.public, "stolen", START)])


def test_a_head_is_cosigned_by_the_key_of_its_day_or_a_later_one(store: LedgerStore, path: Path) -> None:
    """The block was closed before the rotation: either key; after it the old one counts no more."""
    first = store.close_block(1, START, START + DAY, START + DAY)
    store.append([rotation("agr", AGR, NEW, START + DAY)])
    store.cosign(1, "agr", AGR.sign(first.message))
    last = store.close_block(2, START + DAY, START + 2 * DAY, START + 2 * DAY)
    with pytest.raises(BadInput, match="co-signature of agr"):
        store.cosign(2, "agr", AGR.sign(last.message))
    store.cosign(2, "agr", NEW.sign(last.message))
    assert verify(path).cosignatures == 2


def test_the_keys_in_force_are_those_of_the_file(store: LedgerStore, path: Path) -> None:
    """A keeper that opens it again knows what was rotated, twice even."""
    store.append([rotation("agr", AGR, NEW, START), rotation("agr", NEW, OTHER, START + timedelta(hours=1))])
    store.close()
    with LedgerStore(path) as again:
        assert again.party_keys().current("agr") == OTHER.public
        assert again.party_keys().former("agr") == (AGR.public, NEW.public)
        for key in (AGR, NEW):
            with pytest.raises(BadInput, match="does not sign with any more"):
                again.append([order(2, key)])


@pytest.mark.parametrize(
    ("revoked", "why"), [(False, "did not sign with any more"), (True, "the key of agr is revoked")]
)
def test_verify_finds_a_record_that_an_old_key_has_signed(
    store: LedgerStore, path: Path, monkeypatch: pytest.MonkeyPatch, revoked: bool, why: str
) -> None:
    """A dishonest keeper that checks nothing records it, with everything else as it should be: the row is named."""
    store.append(
        [
            revocation("keeper", KEEPER, "agr", AGR.public, "stolen", START)
            if revoked
            else rotation("agr", AGR, NEW, START)
        ]
    )
    monkeypatch.setattr(store, "_check_signatures", lambda _: PartyKeys({}, ""))
    store.append([order(9, AGR)])
    forget_checked()
    with pytest.raises(LedgerBroken, match=f"records row 3.*{why}"):
        verify(path)


def test_verify_finds_a_change_of_a_key_that_nobody_may_make(
    store: LedgerStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dishonest keeper lets the DSO revoke the aggregator's key."""
    monkeypatch.setattr(store, "_check_signatures", lambda _: PartyKeys({}, ""))
    store.append([revocation("dso", DSO, "agr", AGR.public, "I do not like it", START)])
    with pytest.raises(LedgerBroken, match=r"records row 2.*may not revoke"):
        verify(path)


def test_a_rotation_cannot_be_taken_out(store: LedgerStore, path: Path) -> None:
    """The seal of the records counts them."""
    store.append([rotation("agr", AGR, NEW, START)])
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM records WHERE kind = ?", (ROTATION,))
    database.close()
    with pytest.raises(LedgerBroken, match="records: it has 1 rows"):
        verify(path)
