"""The columns of the readings table and of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

KEY = ("meter", "reading_type", "begin")  # of the rows that agree in these the highest revision counts
COLUMNS = ("usage_point", "meter", "reading_type", "begin", "duration_s", "value", "quality", "recorded", "source")


def batch_schema() -> pa.Schema:
    """Of a batch."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    types = {"begin": instant, "recorded": instant, "duration_s": pa.int32(), "value": pa.float64()}
    return pa.schema([pa.field(name, types.get(name, pa.string()), nullable=False) for name in COLUMNS])


def file_schema() -> pa.Schema:
    """Of the table's files: a batch's, and the revision."""
    import pyarrow as pa

    return pa.schema([*batch_schema(), pa.field("revision", pa.int64(), nullable=False)])


def table_schema() -> pa.Schema:
    """Of the Delta table: its files', and the part that a file belongs to (in the file's path, not in the file)."""
    import pyarrow as pa

    return pa.schema([*file_schema(), pa.field("part", pa.string(), nullable=False)])
