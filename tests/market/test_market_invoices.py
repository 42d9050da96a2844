"""Invoices say what the payments say, credit notes bring them to what is right, and the page shows both."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.settlement.invoice_page import invoice_page
from market.settlement.invoices import Invoice, credit_note, invoice_of, watt_hours
from market.settlement.payments import Payment, balance

MONTH = (date(2026, 5, 1), date(2026, 5, 31))
REASONS = st.sampled_from(["utilisation", "penalty", "capacity", "make-whole"])
ENTRIES = st.lists(st.tuples(st.booleans(), st.integers(1, 10**7), REASONS), max_size=8)


def payments(entries: list[tuple[bool, int, str]]) -> list[Payment]:
    """Payments between home and aggregator, either way."""
    sides = {True: ("agr.example", "home.example"), False: ("home.example", "agr.example")}
    return [Payment(*sides[to_home], amount, reason, f"r{k}") for k, (to_home, amount, reason) in enumerate(entries)]


def invoice(entries: list[tuple[bool, int, str]], number: str = "1", volume_wh: int = 0) -> Invoice:
    """The home's invoice of the month to its aggregator."""
    return invoice_of(number, "home.example", "agr.example", MONTH, payments(entries), volume_wh=volume_wh)


@given(ENTRIES)
def test_an_invoice_is_the_balance_of_its_payments(entries: list[tuple[bool, int, str]]) -> None:
    """What the recipient pays by the invoice is what the payments have moved, and every payment is counted once."""
    made = invoice(entries)
    assert made.total_e4 == balance(payments(entries)).get("home.example", 0)
    assert sum(line.count for line in made.lines) == len(entries)


@given(ENTRIES, ENTRIES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_credit_note_brings_an_invoice_to_the_corrected_one(
    told: list[tuple[bool, int, str]], right: list[tuple[bool, int, str]], wh: int, right_wh: int
) -> None:
    """Invoice and credit note together are the corrected invoice, in money and volume; where nothing changed there is none."""
    before, after = invoice(told, volume_wh=wh), invoice(right, volume_wh=right_wh)
    note = credit_note("2", before, after)
    if note is None:
        assert (before.total_e4, before.volume_wh) == (after.total_e4, after.volume_wh)
        return
    assert before.total_e4 + note.total_e4 == after.total_e4
    assert before.volume_wh + note.volume_wh == after.volume_wh
    assert (note.corrects, note.revision) == ("1", 2)


def test_strangers_payments_and_mixed_currencies_are_refused() -> None:
    """An invoice holds only what its two parties owe each other, in one currency."""
    stranger = Payment("dso.example", "home.example", 5, "curtailment", "r")
    with pytest.raises(BadInput, match=r"from dso\.example to home\.example"):
        invoice_of("1", "home.example", "agr.example", MONTH, [stranger])
    mixed = [Payment("agr.example", "home.example", 5, "capacity", "r", currency) for currency in ("EUR", "CHF")]
    with pytest.raises(BadInput, match="CHF, EUR"):
        invoice_of("1", "home.example", "agr.example", MONTH, mixed)


def test_a_credit_note_is_for_its_own_invoice() -> None:
    """A corrected invoice of another month is refused: it would credit what was never billed."""
    other = invoice_of("3", "home.example", "agr.example", (MONTH[0], date(2026, 5, 30)), [])
    with pytest.raises(BadInput, match="period_end"):
        credit_note("2", invoice([]), other)


def test_the_page_shows_what_is_owed_and_is_safe() -> None:
    """The page has number, parties, each line with kWh, and the total to four decimals; names cannot break out of it."""
    made = invoice_of(
        "<b>7", "home.example", "agr.example", MONTH, payments([(True, 12_345, "utilisation"), (False, 45, "penalty")]),
        volume_wh=1500, deviation_wh=250,
    )  # fmt: skip
    page = invoice_page(made)
    assert "Invoice &lt;b&gt;7" in page
    assert "<td>utilisation</td><td>1</td><td>1.500</td><td>1.2345</td>" in page
    assert "<td>penalty</td><td>1</td><td></td><td>-0.0045</td>" in page
    assert "<td>1.2300</td></tr></tfoot>" in page
    assert "0.250 kWh" in page
    note = credit_note(
        "8", made, invoice_of("9", "home.example", "agr.example", MONTH, payments([(False, 45, "penalty")]))
    )
    assert note is not None
    assert "Credit note 8" in invoice_page(note)
    assert "to be paid by the issuer" in invoice_page(note)


def test_watt_hours_round_half_to_even() -> None:
    """2 W in a quarter-hour are half a watt-hour, which rounds to 0; 6 W are 1.5, which rounds to 2."""
    assert [watt_hours(w, 15) for w in (2, 4, 6, 10)] == [0, 1, 2, 2]
