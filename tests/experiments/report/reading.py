"""Reads a report as its reader does: tables as rows of text, figures as the traces that are drawn."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np


@dataclass
class Table:
    """A table of the page; `total` is its last row, if it has one."""

    caption: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    total: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """One column's cells, without the total."""
        place = self.head.index(name)
        return [row[place] for row in self.rows]


@dataclass
class Report:
    """A page: tables by caption, figures (traces, layout) by id, tiles by name, sections by id."""

    tables: dict[str, Table]
    figures: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]]
    tiles: dict[str, str]
    sections: list[str]

    def trace(self, figure: str, name: str) -> dict[str, Any]:
        """The first trace of a figure that has a name."""
        return next(trace for trace in self.figures[figure][0] if trace.get("name") == name)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.sections: list[str] = []
        self.tiles: dict[str, str] = {}
        self._tile = ""
        self._text: list[str] | None = None
        self._foot = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(Table())
        elif tag == "section":
            self.sections.append(str(dict(attrs)["id"]))
        elif tag in ("tfoot", "tbody"):
            self._foot = tag == "tfoot"
        elif tag == "tr" and self.tables and self.tables[-1].head:
            (self.tables[-1].total if self._foot else self.tables[-1].rows).append([])  # type: ignore[arg-type]
        elif tag in ("caption", "th", "td", "dt", "dd"):
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("caption", "th", "td", "dt", "dd") or self._text is None:
            return
        words, self._text = "".join(self._text), None
        if tag == "dt":
            self._tile = words
        elif tag == "dd":
            self.tiles.setdefault(self._tile, words)
        elif tag == "caption":
            self.tables[-1].caption = words
        elif tag == "th":
            self.tables[-1].head.append(words)
        else:
            rows = self.tables[-1].total if self._foot else self.tables[-1].rows
            rows[-1].append(words)  # type: ignore[union-attr]


def read(page: str) -> Report:
    """A page as rendered, with or without plotly's own script."""
    reader = _Reader()
    reader.feed(re.sub(r"<script>.*?</script>", "", page, flags=re.S))
    for table in reader.tables:
        table.total = table.total[0] if table.total else []  # type: ignore[assignment]
    figures = {}
    for found in re.finditer(r'Plotly\.newPlot\("([\w-]+)",', page):
        data, end = json.JSONDecoder().raw_decode(page, found.end())
        layout, _ = json.JSONDecoder().raw_decode(page, end + 1)
        figures[found[1]] = ([_numbers(trace) for trace in data], layout)
    return Report({table.caption: table for table in reader.tables}, figures, reader.tiles, reader.sections)


def _numbers(trace: dict[str, Any]) -> dict[str, Any]:
    """Plotly packs arrays as base64; here they are lists."""
    return {
        key: np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).tolist()
        if isinstance(value, dict) and "bdata" in value
        else value
        for key, value in trace.items()
    }
