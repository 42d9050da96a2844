"""Answers as JSON, CSV or Arrow."""

from __future__ import annotations

import io
import json
import math
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cim.platform.provisioning.provision import Answer

if TYPE_CHECKING:
    import pyarrow as pa


class Format(StrEnum):
    """How an answer is written; the value names it in a request."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return {
            Format.JSON: "application/json",
            Format.CSV: "text/csv; charset=utf-8",
            Format.ARROW: "application/vnd.apache.arrow.stream",
        }[self]


def written(answer: Answer, form: Format) -> bytes:
    """An answer's bytes. Instants are UTC; CSV and Arrow have the rows only, where the next page begins is said beside."""
    if form is Format.JSON:
        table = answer.table
        columns = [[_plain(value) for value in column.to_pylist()] for column in table.columns]
        rows = [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        whole = {"rows": rows, "next_start": answer.next_start, "policies": answer.policies}
        return json.dumps(whole, ensure_ascii=False).encode()
    sink = io.BytesIO()
    if form is Format.CSV:
        import pyarrow.csv as pacsv

        pacsv.write_csv(_textual(answer.table), sink)
    else:
        import pyarrow as pa

        with pa.ipc.new_stream(sink, answer.table.schema) as stream:
            stream.write_table(answer.table)
    return sink.getvalue()


def _plain(value: str | float | datetime | None) -> str | float | None:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return value


def _textual(table: pa.Table) -> pa.Table:
    """Instants in ISO 8601, as in JSON."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            texts = [_plain(value) for value in table[field.name].to_pylist()]
            table = table.set_column(number, field.name, pa.array(texts, pa.string()))
    return table
