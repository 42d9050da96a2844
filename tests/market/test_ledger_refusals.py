"""What a ledger's keeper does not write: nothing before it is made, nothing that verification would refuse, nothing twice."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.ledger.errors import LedgerConflict, NotALedger
from market.ledger.records import Record, Signature
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from tests.market.ledgers import AGR, DAY, DSO, PARTIES, START, fill, record


def test_nothing_is_written_before_a_ledger_is_made() -> None:
    """Append, block, co-signature and summary of a ledger that `create` has not made are refused; it has not begun."""
    with LedgerStore(b"") as store:
        assert store.began() is None
        for attempt in (lambda: store.append([record(1)]), lambda: store.close_block(1, START, START, START),
                        lambda: store.cosign(1, "dso", bytes(64)), store.summary):  # fmt: skip
            with pytest.raises(NotALedger, match="holds no ledger yet"):
                attempt()


def test_a_block_that_verification_would_refuse_is_not_closed() -> None:
    """Periods follow each other: one that ends before it starts, or overlaps the last, is refused; a gap is fine."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {})
        with pytest.raises(BadInput, match="block 1: its period"):
            store.close_block(1, START, START - DAY, START)
        store.close_block(1, START, START + DAY, START + DAY)
        for start in (START, START + DAY - timedelta(microseconds=1)):
            with pytest.raises(BadInput, match="does not follow that of the block before"):
                store.close_block(2, start, START + 2 * DAY, START + 2 * DAY)
        assert store.close_block(2, START + 3 * DAY, START + 3 * DAY, START + 4 * DAY).number == 2
        assert verify(store.image()).blocks == 2


def test_a_cosignature_fits_its_head_its_party_and_nothing_else() -> None:
    """Of an unknown block, by an unknown party, of another head or by another key: refused and not kept."""
    with LedgerStore(b"") as store:
        fill(store)
        one, two = store.heads()
        for number, party, signature, words in (
            (0, "dso", DSO.sign(one.message), "block number: 0 is not closed; expected 1..2"),
            (3, "dso", DSO.sign(two.message), "block number: 3 is not closed"),
            (2, "eve", DSO.sign(two.message), "party: 'eve' is not a party"),
            (2, "dso", DSO.sign(one.message), "does not fit the head of block 2"),
            (2, "dso", AGR.sign(two.message), "co-signature of dso"),
            (2, "dso", DSO.sign(two.digest), "does not fit"),
        ):
            with pytest.raises(BadInput, match=words):
                store.cosign(number, party, signature)
        assert store.cosignatures(2) == ()


def test_the_same_record_with_one_more_signature_is_a_conflict() -> None:
    """Who agreed is part of what is recorded: it can neither be added to nor taken from later."""
    with LedgerStore(b"") as store:
        store.create(PARTIES, {})
        both = record(1)
        alone = Record("order", "002", START, "dso", b"x").signed("dso", DSO)
        store.append([both, alone, both])
        store.append([both, alone])
        assert store.records() == (both, alone)
        for changed in (
            alone.signed("agr", AGR),
            Record(both.kind, both.key, both.at, "dso", both.body).signed("dso", DSO),
        ):
            with pytest.raises(LedgerConflict, match="already there with other content"):
                store.append([changed])
        assert store.records() == (both, alone)


@settings(max_examples=30)
@given(offset_h=st.integers(-12, 14), microseconds=st.integers(0, 999_999), body=st.binary(max_size=40),
       key=st.text(min_size=1, max_size=12).filter(lambda t: "\0" not in t and t.isprintable()))  # fmt: skip
def test_any_record_comes_back_in_utc(offset_h: int, microseconds: int, body: bytes, key: str) -> None:
    """Names in any script, any body, an instant of any zone to the microsecond: the same record, its instant in UTC."""
    at = (START + timedelta(microseconds=microseconds)).astimezone(timezone(timedelta(hours=offset_h)))
    made = Record("note", key, at, "dso", body).signed("dso", DSO)
    with LedgerStore(b"") as store:
        store.create(PARTIES, {})
        store.append([made])
        (back,) = store.records()
        assert back == made
        assert back.at.utcoffset() == timedelta(0)
        assert verify(store.image()).signatures == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"kind": ""}, "record kind: ''"), ({"key": "a\0b"}, "record key"), ({"kind": "a\nb"}, "in one line"),
     ({"salt": b"short"}, "its salt has 5 bytes"), ({"commitment": b"c"}, "a commitment of 32 bytes"),
     ({"salt": bytes(32), "commitment": bytes(32)}, "not that of its salt and body"),
     ({"commitment": bytes(32), "body": b"x"}, "without its salt a record has no body"), ({"author": "\ud800"}, "record author"),
     ({"at": datetime(2026, 5, 20)}, "has no time zone"),  # noqa: DTZ001 - that is the fault
     ({"signatures": (Signature("dso", bytes(64)), Signature("dso", bytes(64)))}, "name a party twice")],
)  # fmt: skip
def test_a_record_that_cannot_be_named_is_refused_where_it_is_made(changes: dict[str, object], words: str) -> None:
    """Empty names, NUL, text that is no UTF-8, an instant without zone, a party that signs twice."""
    fields: dict[str, object] = {"kind": "order", "key": "1", "at": START, "author": "dso", "body": b""}
    with pytest.raises(BadInput, match=words):
        Record(**{**fields, **changes})  # type: ignore[arg-type]
