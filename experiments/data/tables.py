"""Arrow tables and documents on a screen, as CSV or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from cim.model.reading_type import parse_reading_type
from cim.model.readings import name_of
from cim.platform.documents.store import Document

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | int | float | datetime | None


def show_rows(rows: pa.Table, zone: ZoneInfo, limit: int) -> None:
    """The first rows, instants in local time, the reading type in words."""
    if not rows.num_rows:
        print("no readings are so; `iles data datasets` lists what there is")
        return
    table = Table(*rows.column_names)
    for row in rows.slice(0, limit).to_pylist():
        table.add_row(*(_word(name, value, zone) for name, value in row.items()))
    console = screen()
    console.print(table)
    if rows.num_rows > limit:
        console.print(f"{limit} of {rows.num_rows} rows; --limit shows more, `iles data export` writes all")


def print_json(rows: pa.Table) -> None:
    """All rows, instants in UTC."""
    print(json.dumps([{name: _json(value) for name, value in row.items()} for row in rows.to_pylist()], indent=1))


def show_datasets(datasets: Sequence[Document], zone: ZoneInfo) -> None:
    """A line for each series."""
    names = (
        "meter",
        "type",
        "quantity",
        "unit",
        "readings",
        "good_share",
        "first",
        "last",
        "owner",
        "kind",
        "place",
        "revision",
    )
    table = Table(*names)
    for document in datasets:
        body = document.body or {}
        cells = {name: body.get(name) for name in names}
        what = parse_reading_type(str(body.get("reading_type")))
        cells |= {"type": name_of(what.code), "quantity": what.words, "unit": what.unit_word}
        for name in ("first", "last"):
            cells[name] = datetime.fromisoformat(str(cells[name])).astimezone(zone).strftime("%Y-%m-%d %H:%M")
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells.values()))
    screen().print(table)


def screen() -> Console:
    """Where tables go; what they say is shown as it is, for columns have names such as `Bezug [kWh]`."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # a table in a file or pipe is not cut to eighty columns
        console.width = 240
    return console


def plain(text: str) -> str:
    """A text of somebody else's as a terminal may have it: what steers one is written out."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _word(name: str, value: Value, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z")
    if name == "reading_type":
        what = parse_reading_type(str(value))
        return f"{what.words} {what.unit_word}"
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _json(value: Value) -> Value:
    return value.isoformat() if isinstance(value, datetime) else value
