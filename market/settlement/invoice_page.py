"""An invoice as a page to print: HTML that needs nothing else."""

from __future__ import annotations

from html import escape

from market.settlement.invoices import Invoice

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 11pt sans-serif; margin: 2cm; color: #222 }}
table {{ border-collapse: collapse; width: 100%; margin: 1em 0 }}
th, td {{ text-align: right; padding: .3em .6em; border-bottom: 1px solid #ccc }}
th:first-child, td:first-child {{ text-align: left }}
tfoot td {{ font-weight: bold; border-bottom: none }}
</style></head>
<body><h1>{title}</h1>
<p>From <b>{issuer}</b> to <b>{recipient}</b><br>for {period_start} to {period_end}{corrects}</p>
<table><thead><tr><th>service</th><th>entries</th><th>kWh</th><th>{currency}</th></tr></thead>
<tbody>{rows}</tbody>
<tfoot><tr><td colspan="3">{total_label}</td><td>{total}</td></tr></tfoot></table>
<p>Delivered: {volume} kWh. Deviation from the agreed baselines with what was ordered, over all intervals: {deviation} kWh.</p>
</body></html>
"""


def invoice_page(invoice: Invoice) -> str:
    """The page; amounts with four decimals, as on the wire."""
    noun = "Invoice" if invoice.corrects is None else "Credit note"
    rows = "".join(
        f"<tr><td>{escape(line.reason)}</td><td>{line.count}</td>"
        f"<td>{'' if line.energy_wh is None else _kwh(line.energy_wh)}</td><td>{_money(line.amount_e4)}</td></tr>"
        for line in invoice.lines
    )
    corrects = f"<br>corrects {escape(invoice.corrects)}, revision {invoice.revision}" if invoice.corrects else ""
    return _PAGE.format(
        title=escape(f"{noun} {invoice.number}"),
        issuer=escape(invoice.issuer),
        recipient=escape(invoice.recipient),
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        corrects=corrects,
        currency=escape(invoice.currency),
        rows=rows,
        total_label="to be paid" if invoice.total_e4 >= 0 else "to be paid by the issuer",
        total=_money(abs(invoice.total_e4)),
        volume=_kwh(invoice.volume_wh),
        deviation=_kwh(invoice.deviation_wh),
    )


def _money(amount_e4: int) -> str:
    sign, size = ("-" if amount_e4 < 0 else ""), abs(amount_e4)
    return f"{sign}{size // 10_000}.{size % 10_000:04d}"


def _kwh(energy_wh: int) -> str:
    sign, size = ("-" if energy_wh < 0 else ""), abs(energy_wh)
    return f"{sign}{size // 1000}.{size % 1000:03d}"
