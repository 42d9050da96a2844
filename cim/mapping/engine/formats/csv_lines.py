"""CSV: one line, one record; a line that does not fit is a reject and the next goes on.

Values are not parsed here. A quoted line break is refused with its line, since else one lost quotation mark would swallow a file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from cim.mapping.engine.frame import LARGEST_RECORD, Frame, Reject
from cim.mapping.engine.schema import CsvFormat
from cim.model.errors import BadInput

BLOCK = 4 << 20  # bytes read at once


def csv_frames(source: BinaryIO, written: CsvFormat, columns: Sequence[str]) -> Iterator[Frame]:
    """Frames of a few megabytes each.

    Raises:
        BadInput: a column is not in the header, or stands there twice; or the file ends before its header.
    """
    above, line = max(written.header_row - 1, 0), 1
    names: list[str] | None = None
    header = ""
    for block in _blocks(source, written.encoding):
        text = block
        while above and text:
            text, above, line = text.partition("\n")[2], above - 1, line + 1
        if names is None and text:
            header, _, below = text.partition("\n")
            names = _names(header.removesuffix("\r"), written, columns)
            if written.header_row:
                text, line = below, line + 1
            else:
                header = ""
        if names is not None and text:
            yield _frame(text, line, names, written, header)
            line += _count(text)
    if names is None:
        raise BadInput(f"header_row {written.header_row}: the file ends before it")


def _blocks(source: BinaryIO, encoding: str) -> Iterator[str]:
    """Text in blocks that end with a line. What cannot be decoded becomes U+FFFD, which no value holds."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest, first = "", True
    while data := source.read(BLOCK):
        text = decoder.decode(data)
        if first:
            text, first = text.removeprefix("\ufeff"), False
        end = text.rfind("\n") + 1
        if end:
            yield rest + text[:end]
            rest = text[end:]
        else:
            rest += text
    rest += decoder.decode(b"", True)
    if rest:
        yield rest


def _count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n"))


def _cells(line: str, written: CsvFormat) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=written.delimiter, quotechar=written.quote), [])
    except csv.Error:  # a cell beyond the reader's limit
        return line.split(written.delimiter)


def _names(line: str, written: CsvFormat, columns: Sequence[str]) -> list[str]:
    cells = _cells(line, written)
    names = [cell.strip() for cell in cells] if written.header_row else [str(k + 1) for k in range(len(cells))]
    for column in columns:
        if names.count(column) != 1:
            what = "stands twice in" if column in names else "is not in"
            told = ", ".join(name if name.isprintable() else repr(name) for name in names)
            raise BadInput(f"column {column!r} {what} the header; there are {told[:400]}")
    return names


def _frame(text: str, first: int, names: list[str], written: CsvFormat, header: str) -> Frame:
    unfit: list[tuple[int, str]] = []
    table = _by_arrow(text, len(names), written, unfit)
    if table is None or table.num_rows + len(unfit) != _count(text):
        unfit.clear()
        table = _by_line(text, len(names), written, unfit)
    taken = np.ones(table.num_rows + len(unfit), dtype=bool)
    taken[[number for number, _ in unfit]] = False
    lines = np.flatnonzero(taken).astype(np.int64) + first
    if text.startswith(("\n", "\r\n")) or "\n\n" in text or "\n\r\n" in text:
        empty = [pc.equal(column, "").to_numpy() for column in table.columns]
        keep = ~np.logical_and.reduce(empty)
        table, lines = table.filter(pa.array(keep)), lines[keep]
    rejects = tuple(
        _reject(first + number, line, len(names), written, header) for number, line in unfit if line.strip()
    )
    once = [name for name in names if name and names.count(name) == 1]
    arrays = {name: table.column(names.index(name)).combine_chunks() for name in once}
    return Frame(arrays, lines, rejects)


def _by_arrow(text: str, width: int, written: CsvFormat, unfit: list[tuple[int, str]]) -> pa.Table | None:
    """All lines at once; None where the reader gives up (a quotation mark that is never closed)."""

    def note(row: arrow_csv.InvalidRow) -> str:
        unfit.append((row.number - 1, row.text))
        return "skip"

    data, names = text.encode("utf-8", "replace"), [str(k) for k in range(width)]
    try:
        return arrow_csv.read_csv(
            io.BytesIO(data),
            arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            arrow_csv.ParseOptions(
                delimiter=written.delimiter,
                quote_char=written.quote,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None


def _by_line(text: str, width: int, written: CsvFormat, unfit: list[tuple[int, str]]) -> pa.Table:
    rows = []
    for number, line in enumerate(text.removesuffix("\n").split("\n")):
        cells = _cells(line.removesuffix("\r"), written)
        if len(cells) == width and "\n" not in cells[-1] and not line.count(written.quote) % 2:
            rows.append(cells)
        else:
            unfit.append((number, line))
    columns = list(zip(*rows, strict=True)) or [()] * width
    return pa.table([pa.array(column, pa.string()) for column in columns], names=[str(k) for k in range(width)])


def _reject(line: int, text: str, width: int, written: CsvFormat, header: str) -> Reject:
    reason = f"{len(_cells(text, written))} columns, expected {width}"
    if text.count(written.quote) % 2:
        reason = f"a {written.quote} is opened and not closed in its line"
    return Reject(line, reason, text[:LARGEST_RECORD], header=header)
