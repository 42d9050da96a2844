"""HTML tables with a caption; rows that are left out are counted, never dropped silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.report.style import text

CAP = 100
_LONG = 40  # characters; longer texts may break into lines


@dataclass(frozen=True)
class Amount:
    """Money in ten-thousandths of the currency unit; a table shows all four decimals."""

    value: int


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    cap: int = CAP,
    total: Sequence[object] | None = None,
) -> str:
    """Rows of plain values as a table; numbers stand right, everything is escaped, `total` is the last row."""
    if not rows:
        return f"<p class=note>{text(caption)}: none.</p>"
    heads = "".join(f"<th scope=col{_side(value)}>{text(name)}</th>" for name, value in zip(head, rows[0], strict=True))
    body = "".join(_row(row) for row in rows[:cap])
    left = len(rows) - cap
    foot = f"<tfoot>{_row(total)}</tfoot>" if total is not None else ""
    note = f"<p class=note>{left} more rows are left out here; the ledger and the tables hold all.</p>"
    return (
        f"<div class=scroll><table><caption>{text(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody>{foot}</table></div>{note if left > 0 else ''}"
    )


def _side(value: object) -> str:
    return " class=num" if isinstance(value, int | float | Amount) and not isinstance(value, bool) else ""


def _row(row: Sequence[object]) -> str:
    return "<tr>" + "".join(_cell(value) for value in row) + "</tr>"


def _cell(value: object) -> str:
    if isinstance(value, Amount):
        return f"<td class=num>{money(value.value)}</td>"
    if isinstance(value, bool) or not isinstance(value, int | float):
        words = str("–" if value is None else value)
        return f"<td{' class=long' if len(words) > _LONG else ''}>{text(words)}</td>"
    return f"<td class=num>{number(value)}</td>"


def number(value: float) -> str:
    """A number with thin spaces between thousands; a float with the decimals that matter."""
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    shown = f"{value:,.{digits}f}".replace(",", "\u202f")
    return shown if float(shown.replace("\u202f", "") or 0) else shown.replace("-", "")


def money(amount: int) -> str:
    """Ten-thousandths of the currency unit as an exact amount."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10_000)
    return f"{sign}{whole:,}".replace(",", "\u202f") + f".{part:04d}"
