"""Readings or sums of them as a file that others read: Parquet or CSV, with its metadata beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.model.reading_type import parse_reading_type

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import JsonValue

FORMATS = (".parquet", ".csv")


def export(table: pa.Table, path: Path, about: Mapping[str, JsonValue]) -> Path:
    """Write a table's file, and `NAME.metadata.json` beside it; both are whole or not there.

    The metadata say the columns with their types, the reading types with quantity and unit, the rows, the file's SHA-256,
    and `about`: what was asked for.

    Args:
        path: ends with `.parquet` or `.csv` (UTF-8, comma, instants in ISO 8601 UTC); what is there is replaced.

    Returns:
        The metadata's path.

    Raises:
        BadInput: another ending, or the folder cannot be written to.
    """
    if path.suffix not in FORMATS:
        raise BadInput(f"export: {path.name} ends with {path.suffix!r}; expected one of {', '.join(FORMATS)}")
    unfinished = path.with_name(f".{path.name}.unfinished")
    beside = path.with_name(f"{path.name}.metadata.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(table, unfinished, path.suffix)
        told = {
            "file": path.name,
            "rows": table.num_rows,
            "sha256": hashlib.sha256(unfinished.read_bytes()).hexdigest(),
            "columns": {field.name: str(field.type) for field in table.schema},
            "reading_types": _types(table["reading_type"].unique().to_pylist()),
            "sign": "positive power and energy are consumption",
            **about,
        }
        unfinished.rename(path)
        beside.write_text(json.dumps(told, indent=1), encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"export: {path} cannot be written ({error.strerror or error}); expected a folder with room"
        ) from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return beside


def _write(table: pa.Table, path: Path, suffix: str) -> None:
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    if suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
    else:
        pacsv.write_csv(table, path)


def _types(codes: Sequence[str]) -> dict[str, JsonValue]:
    found = {code: parse_reading_type(code) for code in sorted(codes)}
    return {
        code: {"quantity": what.kind_name, "unit": what.unit_word, "flow": what.flow} for code, what in found.items()
    }
