"""What a batch of readings refuses, and how it says so."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from cim.model.errors import BadInput
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import COLUMNS, batch_schema
from tests.worlds.meters import batch, row


def test_rows_become_exactly_the_agreed_columns() -> None:
    """A batch has the agreed columns and types, and its rows in the order in which they came."""
    made = batch([row(quarter=1, value=2.5), row(quarter=0)])
    assert made.table.schema == batch_schema()
    assert tuple(made.table.column_names) == COLUMNS
    assert [tuple(found.values()) for found in made.table.to_pylist()] == [row(quarter=1, value=2.5), row(quarter=0)]


def test_no_rows_are_a_batch() -> None:
    """A batch may be empty."""
    assert len(batch([])) == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"meter": ""}, "row 1, meter ''; expected a name"),
        ({"usage_point": ""}, "row 1, usage_point ''; expected a name"),
        ({"source": None}, "row 1, source None; expected a value"),
        (
            {"reading_type": "0.0.2.4"},
            "row 1, reading_type '0.0.2.4'; reading type '0.0.2.4' has 4 fields, expected 18",
        ),
        ({"reading_type": ".".join("x" * 18)}, "is 'x', not a whole number"),
        ({"duration_s": -1}, "row 1, duration_s -1; expected 0 or more seconds"),
        ({"value": float("nan")}, "row 1, value nan; expected a finite number"),
        ({"value": float("inf")}, "row 1, value inf; expected a finite number"),
        ({"quality": "OK"}, "row 1, quality 'OK'; expected one of GOOD, STALE, ABSENT, INVALID"),
        ({"value": "high"}, "a row has a value of another type"),
        ({"duration_s": 2**40}, "a row has a value of another type"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_row_and_value(wrong: dict[str, str | float], sentence: str) -> None:
    """The first row that breaks a rule is named with its column, its value and what was expected."""
    with pytest.raises(BadInput, match=sentence.replace(".", r"\.")):
        batch([row(), row()._replace(**wrong), row()._replace(**wrong)])  # type: ignore[arg-type]


def test_a_multiplier_below_one_is_no_fault() -> None:
    """A reading type in thousandths (multiplier -3) is one like any other."""
    assert len(batch([row(reading_type="0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.-3.72.0")])) == 1


def test_other_columns_are_refused() -> None:
    """A table with a column less, or one more, is no batch."""
    table = batch([row()]).table
    with pytest.raises(BadInput, match="expected usage_point, meter"):
        ReadingBatch(table.drop_columns(["source"]))
    with pytest.raises(BadInput, match="expected usage_point, meter"):
        ReadingBatch(table.append_column("revision", pa.array([1])))


def test_instants_without_a_zone_are_refused() -> None:
    """Instants whose time zone nobody said are not taken for UTC."""
    table = batch([row()]).table
    naive = pa.array([datetime(2026, 5, 20)], type=pa.timestamp("us"))  # noqa: DTZ001 - that is what is refused
    with pytest.raises(BadInput, match="begin has no time zone"):
        ReadingBatch(table.set_column(3, "begin", naive))


def test_what_loses_nothing_is_cast() -> None:
    """Columns in another order, in whole numbers or in seconds are the same readings."""
    table = batch([row(value=3)]).table
    other = table.set_column(5, "value", pa.array([3])).set_column(
        3, "begin", table["begin"].cast(pa.timestamp("s", "UTC"))
    )
    assert ReadingBatch(other.select(sorted(COLUMNS))).table == table


def test_there_is_no_negative_zero() -> None:
    """A zero that came by a sign of -1 is kept as zero: compared with what another path brought it says the same."""
    assert str(batch([row(value=-0.0)]).table["value"][0].as_py()) == "0.0"
