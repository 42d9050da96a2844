"""What kind of file it is, and its first rows as texts by column."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import BinaryIO

from cim.model.errors import BadInput

_HEAD = 400_000
ROWS = 400


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A file's format and first rows.

    Attributes:
        format: fields of the mapping's `format`.
        reasons: `{field: why}`.
        headers: the columns, or paths of JSON.
        rows: texts of up to `ROWS` records, empty where there is none.
    """

    format: dict[str, str | int | bool]
    reasons: dict[str, str]
    headers: list[str]
    rows: list[list[str]]


def sniff(source: BinaryIO) -> Sniffed:
    """Look at the begin of a file.

    Raises:
        BadInput: it is empty, or nothing of its kind is known.
    """
    head = source.read(_HEAD)
    if not head.strip():
        raise BadInput("the file is empty; expected a header and rows")
    if head[:4] == b"PAR1":
        source.seek(0)
        return _parquet(source)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"{", b"["}:
        return _json(head + source.read())
    return _csv(head, len(head) < _HEAD)


def _parquet(source: BinaryIO) -> Sniffed:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
        batch = next(file.iter_batches(ROWS), None)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"the file is no readable Parquet: {str(error).splitlines()[0][:200]}") from None
    rows = [] if batch is None else [[_text(cell) for cell in row.values()] for row in batch.to_pylist()]
    return Sniffed({"kind": "parquet"}, {"kind": "the file begins with PAR1"}, list(file.schema_arrow.names), rows)


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _json(data: bytes) -> Sniffed:
    form: dict[str, str | int | bool] = {"kind": "json"}
    reasons = {"kind": "the file begins with { or ["}
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        records: list[object] = []
        for line in data.splitlines()[:ROWS]:
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
        if not records:
            raise BadInput("the file begins like JSON and is none") from None
        form["lines"], reasons["lines"] = True, "each line is a document of its own"
        return _of_records(records, form, reasons)
    path = _records_at(found, "")
    if path is not None:
        if path[0]:
            form["rows"], reasons["rows"] = path[0], "there is a list of records"
        return _of_records(path[1], form, reasons)
    lists = _lists_at(found, "")
    if lists is None:
        raise BadInput("the document holds no list of records; expected one")
    form["parallel"], reasons["parallel"] = True, "an object of lists of one length"
    if lists[0]:
        form["rows"], reasons["rows"] = lists[0], "where the lists are"
    columns = lists[1]
    rows = [[_text(cell) for cell in row] for row in zip(*(values[:ROWS] for values in columns.values()), strict=True)]
    return Sniffed(form, reasons, list(columns), rows)


def _records_at(found: object, path: str) -> tuple[str, list[object]] | None:
    if isinstance(found, list):
        return (path, found) if found and all(isinstance(record, dict) for record in found[:ROWS]) else None
    if isinstance(found, dict):
        for name, inner in found.items():
            deeper = _records_at(inner, f"{path}.{name}" if path else str(name))
            if deeper is not None:
                return deeper
    return None


def _lists_at(found: object, path: str) -> tuple[str, dict[str, list[object]]] | None:
    if not isinstance(found, dict):
        return None
    lists = {str(name): inner for name, inner in found.items() if isinstance(inner, list)}
    if len(lists) > 1 and len({len(values) for values in lists.values()}) == 1:
        return path, lists
    for name, inner in found.items():
        deeper = _lists_at(inner, f"{path}.{name}" if path else str(name))
        if deeper is not None:
            return deeper
    return None


def _of_records(records: list[object], form: dict[str, str | int | bool], reasons: dict[str, str]) -> Sniffed:
    flat = [dict(_flat(record, "")) for record in records[:ROWS] if isinstance(record, dict)]
    headers = list(dict.fromkeys(name for record in flat for name in record))
    return Sniffed(form, reasons, headers, [[record.get(name, "") for name in headers] for record in flat])


def _flat(record: dict[str, object], path: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, inner in record.items():
        deeper = f"{path}.{name}" if path else str(name)
        found += _flat(inner, deeper) if isinstance(inner, dict) else [(deeper, _text(inner))]
    return found


def _csv(head: bytes, whole: bool) -> Sniffed:
    try:
        text, encoding = head.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        late = not whole and error.start > len(head) - 4  # a character cut in two
        text, encoding = (
            (head.decode("utf-8", "ignore"), "utf-8") if late else (head.decode("cp1252", "replace"), "cp1252")
        )
    lines = text.removeprefix("\ufeff").splitlines()
    lines = lines if whole else lines[:-1]
    best: tuple[int, int, str] = (0, 0, ",")
    for delimiter in ";\t|,":
        widths = [len(cells) for cells in csv.reader(lines[: ROWS + 30], delimiter=delimiter)]
        usual = max(set(widths), key=widths.count, default=1)
        if usual > 1 and (widths.count(usual), usual) > best[:2]:
            best = (widths.count(usual), usual, delimiter)
    width, delimiter = best[1], best[2]
    rows = list(csv.reader(io.StringIO("\n".join(lines[: ROWS + 30])), delimiter=delimiter))
    fit = [k for k, row in enumerate(rows) if len(row) == max(width, 1) and any(row)]
    at = next((k for k in fit if all(cell.strip() for cell in rows[k])), fit[0] if fit else 0)
    form: dict[str, str | int | bool] = {"kind": "csv", "delimiter": delimiter}
    reasons = {"kind": "lines of text", "delimiter": f"{best[0]} of the first lines have {width} columns by it"}
    if encoding != "utf-8":
        form["encoding"], reasons["encoding"] = encoding, "it is no UTF-8"
    if at:
        form["header_row"], reasons["header_row"] = at + 1, "what stands above has other or empty columns"
    headers = [cell.strip() for cell in rows[at]]
    return Sniffed(form, reasons, headers, [row for row in rows[at + 1 :] if len(row) == len(headers)])
