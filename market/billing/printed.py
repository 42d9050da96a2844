"""Bills and invoices as pages to print: HTML that needs nothing else, with every text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 11pt sans-serif; margin: 2cm; color: #222 }}
table {{ border-collapse: collapse; width: 100%; margin: 1em 0 }}
th, td {{ text-align: right; padding: .3em .6em; border-bottom: 1px solid #ccc }}
th:first-child, td:first-child {{ text-align: left }}
tfoot td {{ font-weight: bold; border-bottom: none }}
.warning {{ border: 1px solid #a40; padding: .5em 1em }}
</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def printed_page(title: str, body: str) -> str:
    """A whole page; `title` is text, `body` is HTML."""
    return _PAGE.format(title=escape(title), body=body)


def printed_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], foot: tuple[str, ...] = ()) -> str:
    """A table of texts as HTML; `foot`, its last row, is bold."""
    body = "".join(_row(row, "td") for row in rows)
    end = f"<tfoot>{_row(foot, 'td')}</tfoot>" if foot else ""
    return f"<table><thead>{_row(head, 'th')}</thead><tbody>{body}</tbody>{end}</table>"


def money(amount_e4: int) -> str:
    """An amount with four decimals, as on the wire."""
    sign, size = ("-" if amount_e4 < 0 else ""), abs(amount_e4)
    return f"{sign}{size // 10_000}.{size % 10_000:04d}"


def kwh(energy_wh: int) -> str:
    """An energy with three decimals, as registers have it."""
    sign, size = ("-" if energy_wh < 0 else ""), abs(energy_wh)
    return f"{sign}{size // 1000}.{size % 1000:03d}"


def _row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
