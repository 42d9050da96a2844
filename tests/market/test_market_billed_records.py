"""Bills of a ledger that goes on growing: each record is read once, and in the end they are what all records together say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import market.settlement.billed_records as module
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.settlement.billed_records import KINDS, BilledRecords, billed_days
from market.settlement.invoicing import BilledDay, invoices
from pilot.page_sources import LedgerFile
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a played and settled day of four homes."""
    path = tmp_path_factory.mktemp("billed") / "ledger.db"
    undisturbed(DAY.end + timedelta(hours=8), path).ledger.close()
    return path


def recorded(path: Path) -> tuple[Record, ...]:
    """Everything."""
    with LedgerReader(path) as reader:
        return reader.records()


@pytest.mark.parametrize("step", [1, 2, 7, 1_000])
def test_read_bit_by_bit_they_are_what_all_records_together_say(ledger: Path, step: int) -> None:
    """In whatever pieces records come, a payment before its settlement too: the same invoices at the end."""
    records = recorded(ledger)
    expected = invoices(billed_days(records))
    assert len(expected) >= 3
    for order in (records, records[::-1]):
        billed = BilledRecords()
        for first in range(0, len(order), step):
            billed.add(order[first : first + step])
            billed.invoices()
        assert {one.number: one.total_e4 for one in billed.invoices()} == {one.number: one.total_e4 for one in expected}


def test_only_months_that_changed_are_made_anew(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One settlement more makes one pair's month anew, and nothing more makes none."""
    made: list[tuple[str, str]] = []
    before = module.month_invoices

    def counted(days: list[BilledDay]) -> tuple[object, ...]:
        made.append((days[0].seller, days[0].buyer))
        return before(days)

    monkeypatch.setattr(module, "month_invoices", counted)
    records = [one for one in recorded(ledger) if one.kind in KINDS and one.body]
    last = max(place for place, one in enumerate(records) if one.kind == "flex-settlement")
    billed = BilledRecords()
    billed.add([*records[:last], *records[last + 1 :]])
    billed.invoices()
    made.clear()
    billed.add([records[last]])
    billed.invoices()
    assert (
        len(set(made)) == len(made) in (1, 2)
    )  # its payments stood by themselves until then, perhaps with the payee as seller
    made.clear()
    billed.invoices()
    assert made == []


def test_a_ledgers_reader_gives_some_kinds_from_a_sequence_on(ledger: Path) -> None:
    """All of both kinds, in their order; after the last one none; and how many bodies could be erased."""
    records = [one for one in recorded(ledger) if one.kind in KINDS]
    with LedgerReader(ledger) as reader:
        last, bodies = reader.mark_of(KINDS)
        assert [one.key for one in reader.records_of(KINDS)] == [one.key for one in records]
        assert reader.records_of(KINDS, last) == ()
        assert 0 < bodies == sum(1 for one in records if one.salt)
        assert reader.mark_of(("nothing",)) == (0, 0)


def test_pages_read_the_ledger_once_and_bill_no_body_that_was_erased(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second visit decodes nothing; once what homes were paid is erased their invoices are gone, and others stay."""
    import sqlite3

    path = tmp_path / "ledger.db"
    path.write_bytes(ledger.read_bytes())
    file = LedgerFile(path)
    first = file.invoices(None)
    assert first
    monkeypatch.setattr(module, "decode", lambda body: pytest.fail("decoded again"))
    assert file.invoices(None) == first
    monkeypatch.undo()
    with sqlite3.connect(path) as database:
        database.execute(
            "DELETE FROM bodies WHERE sequence IN (SELECT sequence FROM records WHERE kind = 'remuneration')"
        )
    left = file.invoices(None)
    assert left == LedgerFile(path).invoices(None)
    assert {one.issuer for one in first} - {one.issuer for one in left} >= {"home-a.example"}
    assert set(left) < set(first)
