"""Readers know the live files, of each its span, and pass over what a question cannot meet."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.readings.files import PAGE, Place
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.snapshot import LiveFiles, Snapshot
from cim.platform.readings.table import ReadingsTable
from tests.worlds.meters import QUARTER, START, batch, row

MONTH = 31 * 96
days = st.integers(0, 20).map(lambda day: START + timedelta(days=day))
spans = st.tuples(days, days).map(lambda pair: (min(pair), max(pair)))


def test_one_who_asks_again_sees_what_came_between(tmp_path: Path) -> None:
    """Appended, compacted, removed: each question has the table as it is then, though the reader keeps what it read."""
    with ReadingsTable(tmp_path) as table:
        queries = ReadingQueries(tmp_path)
        counts = [queries.count(Selection())]
        for number in range(3):
            table.append(batch([row(quarter=number)]), "s", number)
            counts.append(queries.count(Selection()))
        table.compact()
        assert table.clean_up() == 3
        counts.append(queries.count(Selection()))
        table.remove(Selection(end=START + QUARTER))
        counts.append(queries.count(Selection()))
    assert counts == [0, 1, 2, 3, 3, 2]


def test_another_table_in_the_same_place_is_seen(tmp_path: Path) -> None:
    """A reader that knew a table of this folder answers from the one that has come in its place, or says there is none."""
    place = tmp_path / "readings"
    with ReadingsTable(place) as table:
        table.append(batch([row(value=1.0)]), "s", 1)
    queries = ReadingQueries(place)
    assert queries.rows(Selection())["value"].to_pylist() == [1.0]
    shutil.rmtree(place)
    with pytest.raises(BadInput, match="no readings table"):
        queries.rows(Selection())
    with ReadingsTable(place) as table:
        table.append(batch([row(value=2.0)]), "s", 1)
    assert queries.rows(Selection())["value"].to_pylist() == [2.0]


@given(st.lists(spans), st.none() | days, st.none() | days)
def test_a_span_meets_the_files_that_may_have_a_reading_in_it(
    found: list[tuple[datetime, datetime]], begin: datetime | None, end: datetime | None
) -> None:
    """A file is passed over only where no instant of it is in the span, and is inside only where every one is."""
    files = Snapshot(dict.fromkeys(map(str, range(len(found))), "new"), {str(k): span for k, span in enumerate(found)})
    met = files.meeting(begin, end).parts
    for path, (low, high) in files.spans.items():
        assert low is not None
        assert high is not None
        at = [low + timedelta(days=day) for day in range((high - low).days + 1)]
        asked = [(begin is None or begin <= one) and (end is None or one < end) for one in at]
        assert path in met or not any(asked)
        assert files.inside([path], begin, end) == all(asked)
    assert files.inside([], begin, end)


def test_a_file_of_which_the_log_says_nothing_is_always_read() -> None:
    """Without a span in the log a file is met by every question, and never known to be inside."""
    files = Snapshot({"a": "new"}, {"a": (None, None)})
    assert files.meeting(START, START).parts == {"a": "new"}
    assert not files.inside(["a"], START, None)
    assert not files.inside(["a"], None, START)


def test_spans_over_several_months_cut_exactly(tmp_path: Path) -> None:
    """Begin and end count to the reading where files lie inside, across and outside of the span; late corrections too."""
    with ReadingsTable(tmp_path) as table:
        for month in range(3):
            table.append(batch([row(quarter=month * MONTH + k) for k in range(4)]), "s", month)
        table.compact()
        table.append(batch([row(quarter=MONTH, value=9.0)]), "s", 3)
        queries = ReadingQueries(tmp_path)
        for first, last in (
            (0, 3 * MONTH),
            (1, MONTH + 2),
            (MONTH, MONTH + 4),
            (2 * MONTH + 3, 2 * MONTH + 4),
            (4, MONTH),
        ):
            span = Selection(begin=START + first * QUARTER, end=START + last * QUARTER)
            known = [m * MONTH + k for m in range(3) for k in range(4) if first <= m * MONTH + k < last]
            rows = queries.rows(span)
            assert rows["begin"].to_pylist() == [START + k * QUARTER for k in known]
            assert rows["value"].to_pylist() == [9.0 if k == MONTH else 1.0 for k in known]
    with LiveFiles(Place(str(tmp_path))).read() as files:
        met = files.meeting(START + 2 * MONTH * QUARTER, None)
        assert list(met.parts.values()) == ["current-2026-07"]


def test_a_files_pages_are_small_and_indexed(tmp_path: Path) -> None:
    """A meter's readings are found by the page index, and instants are kept as differences: a tenth of their size."""
    import pyarrow.parquet as pq

    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(f"home-{k % 20}.x", k // 20) for k in range(10 * PAGE // 4)]), "s", 1)
        table.compact()
    files = [pq.ParquetFile(path).metadata for path in tmp_path.glob("part=current*/*.parquet")]
    assert {file.num_row_groups for file in files} == {1}
    columns = [file.row_group(0).column(k) for file in files for k in range(file.num_columns)]
    assert all(column.has_offset_index and column.has_column_index for column in columns)
    instants = [column for column in columns if column.path_in_schema in ("begin", "recorded")]
    assert all(column.total_compressed_size < column.num_values * 8 / 10 for column in instants)
