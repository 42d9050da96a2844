"""From what was settled and paid to invoices and credit notes: everything that was paid is billed, once, in its month."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.invoicing import BilledDay, invoices
from market.settlement.payments import Payment, balance, corrections
from market.uftp import SettlementTotals

FIRST = date(2026, 5, 20)
HOME, AGR = "home.example", "agr.example"
ONCE = SettlementTotals(volume_wh=1000, deviation_wh=70, price_e4=500)


def paid(amount_e4: int, reason: str = "utilisation", reference: str = "o-1", *, back: bool = False) -> Payment:
    """The aggregator pays the home, or the home pays back."""
    payer, payee = (HOME, AGR) if back else (AGR, HOME)
    return Payment(payer, payee, amount_e4, reason, reference)


def day(*payments: Payment, revision: int = 1, later: int = 0, totals: SettlementTotals | None = ONCE) -> BilledDay:
    """One of the home's days."""
    return BilledDay(FIRST + timedelta(days=later), HOME, AGR, revision, totals, payments)


def test_a_month_is_one_invoice() -> None:
    """Two days with orders, a penalty and what was made whole besides: one invoice with the sums by reason, and the volume."""
    (one,) = invoices([
        day(paid(500), paid(30, "penalty", back=True)),
        day(paid(400), later=1),
        day(paid(25, "make-whole"), later=1, totals=None),
    ])  # fmt: skip
    assert {line.reason: (line.amount_e4, line.count) for line in one.lines} == {
        "utilisation": (900, 2),
        "penalty": (-30, 1),
        "make-whole": (25, 1),
    }
    assert (one.issuer, one.recipient, one.total_e4) == (HOME, AGR, 895)
    assert (one.period_start, one.period_end) == (FIRST, FIRST + timedelta(days=1))
    assert (one.volume_wh, one.deviation_wh) == (2000, 140)


def test_two_months_are_two_invoices() -> None:
    """The last of May and the first of June; each has a number of its own."""
    found = invoices([day(paid(500), later=11), day(paid(400), later=12)])
    assert [(one.period_start, one.total_e4) for one in found] == [(date(2026, 5, 31), 500), (date(2026, 6, 1), 400)]
    assert len({one.number for one in found}) == 2


def test_a_correction_is_a_credit_note_that_names_its_invoice() -> None:
    """500 were paid, 480 were due: the credit note takes back 20 under `utilisation`, with the watt-hours that were too much."""
    back = corrections([paid(500)], [paid(480)])
    right = SettlementTotals(volume_wh=960, deviation_wh=110, price_e4=480)
    told, note = invoices([day(paid(500)), day(*back, revision=2, totals=right)])
    assert told.corrects is None
    assert (note.corrects, note.revision, note.total_e4) == (told.number, 2, -20)
    assert [line.reason for line in note.lines] == ["utilisation"]
    assert (note.volume_wh, note.deviation_wh) == (-40, 40)


def test_what_was_billed_first_by_a_revision_is_an_invoice() -> None:
    """All meters came late: nothing was billed that a credit note could correct."""
    empty = SettlementTotals()
    (one,) = invoices([day(totals=empty), day(paid(500), revision=2)])
    assert one.corrects is None
    assert one.total_e4 == 500


def test_where_nothing_was_paid_nothing_is_billed() -> None:
    """No payment is no invoice, however far a baseline was off; and a revision that changes nothing is no credit note."""
    assert invoices([day()]) == ()
    assert len(invoices([day(paid(500)), day(revision=2)])) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 3), st.integers(1, 10**6), st.booleans()), min_size=1, max_size=12
    )
)
def test_invoices_and_credit_notes_come_to_what_was_paid(entries: list[tuple[int, int, int, bool]]) -> None:
    """Whatever was paid in whichever revision and month: together they are the balance of all payments, no cent more."""
    days = [
        day(paid(amount, reference=f"o-{k}", back=back), revision=revision, later=later, totals=None)
        for k, (later, revision, amount, back) in enumerate(entries)
    ]
    gained = balance(payment for one in days for payment in one.payments)
    found = invoices(days)
    assert sum(one.total_e4 for one in found) == gained[HOME]
    assert len({one.number for one in found}) == len(found)
