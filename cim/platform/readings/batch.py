"""Batches of readings: what the readings table takes, in the columns that everybody who writes or reads it agrees on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cim.model.errors import BadInput
from cim.model.reading_type import parse_reading_type
from cim.model.readings import Quality
from cim.platform.readings.columns import COLUMNS, batch_schema

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = ("usage_point", "meter", "reading_type", "source")
_QUALITIES = tuple(quality.value for quality in Quality)


class ReadingRow(NamedTuple):
    """One reading as the table keeps it (IEC 61968-9 IntervalReading or Reading).

    Attributes:
        usage_point: the connection it belongs to: a prosumer's agent name, or a congestion point.
        meter: Meter or EndDevice that measured: the device's agent name.
        reading_type: ReadingType code of 18 fields: unit, multiplier, direction, length.
        begin: of the interval, UTC; the instant itself where duration is 0.
        duration_s: seconds of the interval; 0 = instantaneous.
        value: in the reading type's unit and multiplier; + = consumption for net flows.
        quality: how far to trust it.
        recorded: when the platform learned it, UTC, on the run's own clock.
        source: the ingestion source it came from.
    """

    usage_point: str
    meter: str
    reading_type: str
    begin: datetime
    duration_s: int
    value: float
    quality: str
    recorded: datetime
    source: str


class ReadingBatch:
    """Readings that keep the rules of the readings table, in the order in which they came.

    Args:
        table: Arrow table of exactly `COLUMNS`; types that can be cast without loss are cast.

    Raises:
        BadInput: a column is missing or one too many, or a row breaks a rule; names the row (from 0), column and value.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = _checked(table)

    @classmethod
    def of_rows(cls, rows: Iterable[ReadingRow]) -> ReadingBatch:
        """A batch from rows.

        Raises:
            BadInput: a row breaks a rule.
        """
        import pyarrow as pa

        columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
        schema = batch_schema()
        try:
            arrays = [
                pa.array(column, type=schema.field(name).type) for name, column in zip(COLUMNS, columns, strict=True)
            ]
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise BadInput(
                f"readings: a row has a value of another type ({error}); expected those of {_types()}"
            ) from None
        return cls(pa.table(arrays, schema=schema))

    def __len__(self) -> int:
        return int(self.table.num_rows)


def _types() -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in batch_schema())


def _checked(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if sorted(table.column_names) != sorted(COLUMNS):
        raise BadInput(f"readings: columns {', '.join(table.column_names)}; expected {', '.join(COLUMNS)}")
    for name in ("begin", "recorded"):
        if (
            table.schema.field(name).type != batch_schema().field(name).type
            and table.schema.field(name).type.tz is None
        ):
            raise BadInput(f"readings: column {name} has no time zone; expected instants in UTC")
    for name in COLUMNS:
        _refuse(table, name, pc.is_null(table[name]), "expected a value")
    try:
        table = table.select(list(COLUMNS)).cast(batch_schema().remove_metadata())
    except (pa.ArrowException, ValueError) as error:
        raise BadInput(f"readings: {str(error).splitlines()[0]}; expected {_types()}") from None
    for name in TEXTS:
        _refuse(table, name, pc.equal(table[name], ""), "expected a name")
    for code in pc.unique(table["reading_type"]).to_pylist():
        try:
            parse_reading_type(code)
        except BadInput as error:
            _refuse(table, "reading_type", pc.equal(table["reading_type"], code), str(error))
    _refuse(table, "duration_s", pc.less(table["duration_s"], 0), "expected 0 or more seconds")
    _refuse(table, "value", pc.invert(pc.is_finite(table["value"])), "expected a finite number")
    known = pc.is_in(table["quality"], value_set=pa.array(_QUALITIES))
    _refuse(table, "quality", pc.invert(known), f"expected one of {', '.join(_QUALITIES)}")
    # No negative zero: it says the same, and would be another value to who compares.
    return table.set_column(COLUMNS.index("value"), table.schema.field("value"), pc.add(table["value"], 0.0))


def _refuse(table: pa.Table, name: str, wrong: pa.ChunkedArray, expected: str) -> None:
    """Refuse the first row that is wrong."""
    import pyarrow.compute as pc

    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise BadInput(f"readings: row {row}, {name} {table[name][row].as_py()!r}; {expected}")
