"""Invoices and credit notes: what one party bills another for a period, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.settlement.payments import Payment


@wire("market.InvoiceLine")
@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One kind of service: `amount_e4` ten-thousandths, + = the issuer is owed it; `energy_wh` where it has one."""

    reason: str
    amount_e4: int
    count: int = 1
    energy_wh: int | None = None


@wire("market.Invoice")
@dataclass(frozen=True, slots=True)
class Invoice:
    """What `issuer` bills `recipient` for a period.

    Attributes:
        number: unique with the issuer.
        issuer, recipient: domains.
        period_start, period_end: first and last local day.
        lines: by reason.
        currency: ISO 4217.
        volume_wh: accumulated volume that was delivered.
        deviation_wh: accumulated deviation from the agreed baselines with what was ordered, without sign.
        corrects: the invoice that this credit note changes; None: it is an invoice.
        revision: 1, and one more for each correction.
    """

    number: str
    issuer: str
    recipient: str
    period_start: date
    period_end: date
    lines: tuple[InvoiceLine, ...]
    currency: str = "EUR"
    volume_wh: int = 0
    deviation_wh: int = 0
    corrects: str | None = None
    revision: int = 1

    @property
    def total_e4(self) -> int:
        """What the recipient pays, ten-thousandths; below 0 it is paid."""
        return sum(line.amount_e4 for line in self.lines)


def watt_hours(watt_isps: int, isp_minutes: int) -> int:
    """Watts times ISPs as whole watt-hours, half to even."""
    return round(Fraction(watt_isps * isp_minutes, 60))


def invoice_of(
    number: str,
    issuer: str,
    recipient: str,
    period: tuple[date, date],
    payments: Iterable[Payment],
    *,
    volume_wh: int = 0,
    deviation_wh: int = 0,
) -> Invoice:
    """One invoice from the payments between two parties, netted: what the recipient pays counts, what it gets is taken off.

    Raises:
        BadInput: a payment of other parties, or payments in several currencies.
    """
    sums: dict[str, tuple[int, int]] = {}
    currencies: set[str] = set()
    for payment in payments:
        sides = (payment.payer, payment.payee)
        if sides not in ((recipient, issuer), (issuer, recipient)):
            raise BadInput(
                f"invoice {number}: a payment from {payment.payer} to {payment.payee}; expected of its parties"
            )
        amount = payment.amount if payment.payee == issuer else -payment.amount
        total, count = sums.get(payment.reason, (0, 0))
        sums[payment.reason] = (total + amount, count + 1)
        currencies.add(payment.currency)
    if len(currencies) > 1:
        raise BadInput(f"invoice {number}: currencies {', '.join(sorted(currencies))}; expected one")
    lines = tuple(
        InvoiceLine(reason, *sums[reason], volume_wh if reason == "utilisation" else None) for reason in sorted(sums)
    )
    currency = next(iter(currencies), "EUR")
    return Invoice(number, issuer, recipient, *period, lines, currency, volume_wh, deviation_wh)


def credit_note(number: str, told: Invoice, corrected: Invoice) -> Invoice | None:
    """What brings an invoice to its corrected state: line by line the difference; None where nothing differs.

    Raises:
        BadInput: they are of other parties or periods.
    """
    for name in ("issuer", "recipient", "period_start", "period_end", "currency"):
        if getattr(told, name) != getattr(corrected, name):
            raise BadInput(f"{name}: {getattr(corrected, name)}; expected that of the invoice, {getattr(told, name)}")
    before, after = ({line.reason: line for line in one.lines} for one in (told, corrected))
    lines = []
    for reason in sorted({*before, *after}):
        a, b = (side.get(reason, InvoiceLine(reason, 0, 0, 0)) for side in (before, after))
        if (a.amount_e4, a.energy_wh) != (b.amount_e4, b.energy_wh):
            energy = None if b.energy_wh is None and a.energy_wh is None else (b.energy_wh or 0) - (a.energy_wh or 0)
            lines.append(InvoiceLine(reason, b.amount_e4 - a.amount_e4, b.count - a.count, energy))
    volume, deviation = corrected.volume_wh - told.volume_wh, corrected.deviation_wh - told.deviation_wh
    if not lines and not volume and not deviation:
        return None
    return replace(
        corrected,
        number=number,
        lines=tuple(lines),
        volume_wh=volume,
        deviation_wh=deviation,
        corrects=told.number,
        revision=told.revision + 1,
    )
