"""Rows of one reading within a table, found without a look at each row; held to a plain loop."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.platform.handler.new_readings import without_repeats
from cim.platform.readings import repeats
from cim.platform.readings.repeats import by_reading, ranks
from tests.worlds.broker import FIRST

Row = tuple[str, str, int, float]
ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 2), st.sampled_from([1.0, 2.0])), max_size=30
)


def table_of(rows: list[Row]) -> pa.Table:
    """Rows as the handler has them after mapping."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    n = len(rows)
    return pa.table(
        {
            "usage_point": pa.array(["h"] * n, pa.string()),
            "meter": pa.array(columns[0], pa.string()),
            "reading_type": pa.array(columns[1], pa.string()),
            "begin": pa.array([FIRST + timedelta(hours=k) for k in columns[2]], pa.timestamp("us", "UTC")),
            "duration_s": pa.array([0] * n, pa.int32()),
            "value": pa.array(columns[3], pa.float64()),
            "quality": pa.array(["GOOD"] * n, pa.string()),
            "line": pa.array(range(n), pa.int64()),
        }
    )


@given(ROWS)
def test_ranks_count_the_rows_before_of_the_same_reading(rows: list[Row]) -> None:
    """The first row of a reading has 0, the next 1, ...; these become its revisions."""
    keys = [row[:3] for row in rows]
    assert ranks(table_of(rows)).tolist() == [keys[:k].count(key) for k, key in enumerate(keys)]


@given(ROWS)
def test_a_row_goes_where_the_one_before_of_its_reading_says_the_same(rows: list[Row]) -> None:
    """1, 1, 2, 1 leaves 1, 2, 1: a correction that is taken back is a revision, a repetition is not."""
    last: dict[tuple[str, str, int], float] = {}
    kept = []
    for k, row in enumerate(rows):
        if last.get(row[:3]) != row[3]:
            kept.append(k)
        last[row[:3]] = row[3]
    assert without_repeats(table_of(rows))["line"].to_pylist() == kept


@given(ROWS)
def test_keys_of_many_values_do_not_run_over(rows: list[Row]) -> None:
    """Where the product of the columns' values grows large, the order is the same."""
    table = table_of(rows)
    order, same = by_reading(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_LARGE", 1)
        again, same_again = by_reading(table)
    assert (order.tolist(), same.tolist()) == (again.tolist(), same_again.tolist())
