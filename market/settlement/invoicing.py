"""What was settled and paid becomes invoices: one a month between a seller and its buyer, and a credit note a correction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from market.settlement.baseline_checks import accumulated, period_start
from market.settlement.invoices import Invoice, credit_note, invoice_of
from market.settlement.payments import CORRECTION, Payment
from market.uftp import SettlementTotals


@dataclass(frozen=True, slots=True)
class BilledDay:
    """What two parties settled of a day, or what one paid the other for it besides.

    Attributes:
        seller, buyer: domains; the seller issues the invoice.
        revision: of the settlement: 1, and one more for each correction.
        totals: of the settlement; None: these payments belong to none.
        payments: what was paid with this revision; of a correction only the differences.
    """

    period: date
    seller: str
    buyer: str
    revision: int
    totals: SettlementTotals | None
    payments: tuple[Payment, ...] = ()


def invoices(days: Iterable[BilledDay]) -> tuple[Invoice, ...]:
    """All invoices and credit notes, by seller, buyer and month; a month in which nothing was paid has none.

    An invoice is from the first settlements of its days; each later revision of any of them is a credit note.
    """
    return tuple(one for _, group in sorted(by_month(days).items()) for one in month_invoices(group))


def by_month(days: Iterable[BilledDay]) -> dict[tuple[str, str, date], list[BilledDay]]:
    """By seller, buyer and the first day of the month, in the order of the days."""
    groups: dict[tuple[str, str, date], list[BilledDay]] = {}
    for day in days:
        groups.setdefault((day.seller, day.buyer, period_start(day.period)), []).append(day)
    return groups


def month_invoices(days: list[BilledDay]) -> tuple[Invoice, ...]:
    """The invoice of a seller, a buyer and a month, and its credit notes; nothing where nothing was paid."""
    found: list[Invoice] = []
    told: Invoice | None = None
    for revision in sorted({day.revision for day in days}):
        state = _state(days, revision)
        if told is not None:
            note = credit_note(f"{told.number}-C{revision - 1}", told, state)
            found += () if note is None else (replace(note, revision=revision),)
        elif state.lines:
            found.append(state)
        told = state if found else None
    return tuple(found)


def _state(days: list[BilledDay], revision: int) -> Invoice:
    """The whole month as it stood after a revision."""
    known = [day for day in days if day.revision <= revision]
    totals: dict[date, tuple[int, SettlementTotals]] = {}
    for day in known:
        if day.totals is not None and day.revision >= totals.get(day.period, (0, day.totals))[0]:
            totals[day.period] = day.revision, day.totals
    total = accumulated(one for _, one in totals.values())
    first = days[0]
    periods = sorted(day.period for day in days)
    month = period_start(periods[0])
    return invoice_of(
        f"{first.seller}/{month:%Y-%m}/{first.buyer}",
        first.seller,
        first.buyer,
        (periods[0], periods[-1]),
        [_as_corrected(payment) for day in known for payment in day.payments],
        volume_wh=total.volume_wh,
        deviation_wh=total.deviation_wh,
    )


def _as_corrected(payment: Payment) -> Payment:
    """What goes back of an earlier payment is billed under that one's reason."""
    if payment.reason != CORRECTION:
        return payment
    reason, _, reference = payment.reference.partition(" ")
    return replace(payment, reason=reason, reference=reference)
