"""An invoice as a page to print."""

from __future__ import annotations

from html import escape

from market.billing.printed import kwh, money, printed_page, printed_table
from market.settlement.invoices import Invoice


def invoice_page(invoice: Invoice) -> str:
    """The page; amounts with four decimals, as on the wire."""
    noun = "Invoice" if invoice.corrects is None else "Credit note"
    corrects = f"<br>corrects {escape(invoice.corrects)}, revision {invoice.revision}" if invoice.corrects else ""
    parties = (
        f"<p>From <b>{escape(invoice.issuer)}</b> to <b>{escape(invoice.recipient)}</b><br>"
        f"for {invoice.period_start} to {invoice.period_end}{corrects}</p>"
    )
    lines = printed_table(
        ("service", "entries", "kWh", invoice.currency),
        (
            (line.reason, str(line.count), "" if line.energy_wh is None else kwh(line.energy_wh), money(line.amount_e4))
            for line in invoice.lines
        ),
        ("to be paid" if invoice.total_e4 >= 0 else "to be paid by the issuer", "", "", money(abs(invoice.total_e4))),
    )
    energy = (
        f"<p>Delivered: {kwh(invoice.volume_wh)} kWh. Deviation from the agreed baselines with what was ordered, over all "
        f"intervals: {kwh(invoice.deviation_wh)} kWh.</p>"
    )
    return printed_page(f"{noun} {invoice.number}", parties + lines + energy)
