"""What a page shows as files for spreadsheets: each table with all its rows, each chart with its numbers as they are.

While a page is made, `markup.table` and `markup.chart` offer what they show here: as a link where it is looked at, as rows where
it is fetched (`/dso/pages/alarms.csv?table=...`).
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

Value = str | int | float | date | datetime | None
TABLE: Final = "table"  # of the query: which one, by its caption
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute it


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under their heads."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Value]]

    def csv(self) -> str:
        """As RFC 4180 has it: instants with their offset, numbers with all their digits, nothing for what is not known."""
        written = io.StringIO()
        writer = csv.writer(written)
        writer.writerow(map(_text, self.head))
        writer.writerows([_text(value) for value in row] for row in self.rows)
        return written.getvalue()


@dataclass
class Making:
    """A page that is being made.

    Attributes:
        path: of the page; query: what stands behind it.
        wanted: the caption of the sheet that is fetched; None: the page is looked at.
        found: that sheet, once it was offered.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    wanted: str | None = None
    found: Sheet | None = None


_MAKING: ContextVar[Making | None] = ContextVar("making", default=None)


@contextmanager
def making(page: Making) -> Iterator[None]:
    """While this page is made."""
    before = _MAKING.set(page)
    try:
        yield
    finally:
        _MAKING.reset(before)


def fetched(caption: str) -> bool:
    """Whether this is the sheet that is fetched."""
    page = _MAKING.get()
    return page is not None and page.wanted == caption


def offer(caption: str, head: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """What is fetched; the first of its caption counts."""
    page = _MAKING.get()
    if page is not None and page.found is None:
        page.found = Sheet(caption, head, list(rows))


def address(caption: str) -> str | None:
    """Where a sheet of the page that is made can be fetched; None where no page is."""
    page = _MAKING.get()
    return None if page is None else f"{page.path}.csv?{urlencode({**page.query, TABLE: caption})}"


def _text(value: Value) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(round(value, 9))
    if isinstance(value, int):
        return str(value)
    words = value
    if getattr(value, "is_html", False):  # what is shown, without its marks; forms are no value
        words = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<form.*?</form>", "", value, flags=re.DOTALL)))
        words = " ".join(words.split())
    return f"'{words}" if words.startswith(_FORMULA) else words
