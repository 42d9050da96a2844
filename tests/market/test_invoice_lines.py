"""Credit notes line by line, what a page calls them, and how numbers stand on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.settlement.invoice_page import invoice_page
from market.settlement.invoices import Invoice, InvoiceLine, credit_note, invoice_of, watt_hours
from market.settlement.payments import Payment

MONTH = (date(2026, 5, 1), date(2026, 5, 31))
HOME, AGR = "home.example", "agr.example"


def paid(amount: int, reason: str, to_home: bool = True, currency: str = "EUR") -> Payment:
    """A payment between the two."""
    payer, payee = (AGR, HOME) if to_home else (HOME, AGR)
    return Payment(payer, payee, amount, reason, "r", currency)


def bill(*payments: Payment, volume_wh: int = 0, deviation_wh: int = 0, number: str = "1") -> Invoice:
    """The home's invoice of the month."""
    return invoice_of(number, HOME, AGR, MONTH, payments, volume_wh=volume_wh, deviation_wh=deviation_wh)


def test_lines_are_netted_by_reason_and_only_utilisation_has_energy() -> None:
    """Two payments for capacity and one back are one line of three entries; lines stand in order of reason."""
    made = bill(
        paid(50, "utilisation"), paid(20, "capacity"), paid(30, "capacity"), paid(5, "capacity", to_home=False),
        volume_wh=900, deviation_wh=40,
    )  # fmt: skip
    assert made.lines == (InvoiceLine("capacity", 45, 3, None), InvoiceLine("utilisation", 50, 1, 900))
    assert (made.total_e4, made.volume_wh, made.deviation_wh, made.corrects, made.revision) == (95, 900, 40, None, 1)
    assert decode(encode(made)) == made


def test_an_invoice_of_nothing_has_no_lines_and_is_in_euro() -> None:
    """No payments: nothing to pay; payments in another currency: that one."""
    assert (bill().lines, bill().total_e4, bill().currency) == ((), 0, "EUR")
    for made in (invoice_of("1", HOME, AGR, MONTH, []), Invoice("1", HOME, AGR, *MONTH, ())):
        assert (made.volume_wh, made.deviation_wh, made.revision) == (0, 0, 1)
    assert bill(paid(1, "capacity", currency="CHF")).currency == "CHF"


def test_a_credit_note_has_the_lines_that_differ_and_no_other() -> None:
    """Capacity as it was; utilisation 8 less by one entry more; a penalty that is new; make-whole that is gone."""
    told = bill(paid(9, "make-whole"), paid(50, "utilisation"), paid(20, "capacity"), volume_wh=900)
    right = bill(
        paid(20, "capacity"), paid(40, "utilisation"), paid(2, "utilisation"), paid(3, "penalty", to_home=False),
        volume_wh=700, number="x",
    )  # fmt: skip
    note = credit_note("2", told, right)
    assert note is not None
    assert note.lines == (
        InvoiceLine("make-whole", -9, -1, 0), InvoiceLine("penalty", -3, 1, 0), InvoiceLine("utilisation", -8, 1, -200),
    )  # fmt: skip
    assert (note.number, note.corrects, note.revision, note.total_e4) == ("2", "1", 2, -20)
    assert (note.volume_wh, note.deviation_wh) == (-200, 0)


@pytest.mark.parametrize(("volume", "deviation"), [(1, 0), (0, 1), (0, -1)])
def test_a_volume_or_deviation_alone_is_corrected_too(volume: int, deviation: int) -> None:
    """No amount differs, but what was delivered or how far it was off: a note without amounts says so."""
    told = bill(paid(20, "capacity"), volume_wh=5, deviation_wh=5)
    note = credit_note("2", told, bill(paid(20, "capacity"), volume_wh=5 + volume, deviation_wh=5 + deviation))
    assert note is not None
    assert (note.lines, note.total_e4, note.volume_wh, note.deviation_wh) == ((), 0, volume, deviation)
    assert credit_note("2", told, replace(told, number="9")) is None


def test_energy_that_only_one_side_tells_is_a_difference() -> None:
    """None against 900 Wh is 900 more, and the other way round 900 less; None against None is none."""
    one, two = (replace(bill(), lines=(InvoiceLine("utilisation", 50, 1, wh),)) for wh in (None, 900))
    for told, right, energy in ((one, two, 900), (two, one, -900)):
        note = credit_note("2", told, right)
        assert note is not None
        assert note.lines == (InvoiceLine("utilisation", 0, 0, energy),)
    dearer = replace(one, lines=(InvoiceLine("utilisation", 60, 1, None),))
    note = credit_note("2", one, dearer)
    assert note is not None
    assert note.lines == (InvoiceLine("utilisation", 10, 0, None),)


@pytest.mark.parametrize(
    ("name", "value"),
    [("issuer", "eve.example"), ("recipient", "eve.example"), ("period_start", date(2026, 5, 2)),
     ("period_end", date(2026, 5, 30)), ("currency", "CHF")],
)  # fmt: skip
def test_a_note_is_of_the_invoices_parties_period_and_currency(name: str, value: object) -> None:
    """Each of the five that differs is refused by its name, with both values."""
    other = replace(bill(), **{name: value})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=f"{name}: {value}; expected that of the invoice, {getattr(bill(), name)}"):
        credit_note("2", bill(), other)


@pytest.mark.parametrize("revisions", [2, 3, 5])
def test_revision_after_revision_adds_up(revisions: int) -> None:
    """Invoice and all its notes are the newest state; each note corrects the state before it, one revision on."""
    states = [bill(paid(100 + 7 * k * k, "utilisation"), volume_wh=10 * k, number=str(k)) for k in range(revisions + 1)]
    told, total, volume = states[0], states[0].total_e4, states[0].volume_wh
    for number, state in enumerate(states[1:], start=2):
        note = credit_note(f"n{number}", told, state)
        assert note is not None
        assert (note.revision, note.corrects) == (number, told.number)
        total, volume = total + note.total_e4, volume + note.volume_wh
        told = replace(state, revision=note.revision)
    assert (total, volume) == (states[-1].total_e4, states[-1].volume_wh)


@given(st.integers(-(10**7), 10**7), st.sampled_from([5, 15, 30, 60]))
def test_watt_isps_are_watt_hours_to_half_a_one(watt_isps: int, minutes: int) -> None:
    """Whole, within a half of the exact value, and odd: the other sign is the other amount."""
    found = watt_hours(watt_isps, minutes)
    assert abs(found - watt_isps * minutes / 60) <= 0.5
    assert watt_hours(-watt_isps, minutes) == -found


@pytest.mark.parametrize(
    ("amount", "wh", "shown"),
    [
        (0, 0, "<td>0.000</td><td>0.0000</td>"), (1, 1, "<td>0.001</td><td>0.0001</td>"),
        (-1, -1, "<td>-0.001</td><td>-0.0001</td>"), (9999, 999, "<td>0.999</td><td>0.9999</td>"),
        (10_000, 1000, "<td>1.000</td><td>1.0000</td>"), (-12_345, -1500, "<td>-1.500</td><td>-1.2345</td>"),
    ],
)  # fmt: skip
def test_numbers_on_the_page_are_exact(amount: int, wh: int, shown: str) -> None:
    """Four decimals of money, three of energy, the sign in front, also below one."""
    made = replace(bill(), lines=(InvoiceLine("utilisation", amount, 2, wh),), volume_wh=wh, deviation_wh=abs(wh))
    page = invoice_page(made)
    assert f"<tr><td>utilisation</td><td>2</td>{shown}</tr>" in page
    label = "to be paid" if amount >= 0 else "to be paid by the issuer"
    amount_shown = shown.split("<td>")[2].removesuffix("</td>").lstrip("-")
    assert f"<tfoot><tr><td>{label}</td><td></td><td></td><td>{amount_shown}</td></tr></tfoot>" in page


def test_a_page_says_what_it_corrects() -> None:
    """A credit note names the invoice and its revision, an invoice neither; nothing on it can break out of the page."""
    note = replace(bill(number="<2>"), corrects="<1>", revision=3, issuer='a"&b')
    page = invoice_page(note)
    assert "<title>Credit note &lt;2&gt;</title>" in page
    assert "<br>corrects &lt;1&gt;, revision 3" in page
    assert "<b>a&quot;&amp;b</b>" in page
    assert "for 2026-05-01 to 2026-05-31" in page
    plain = invoice_page(bill())
    assert "corrects" not in plain
    assert "Invoice 1" in plain
