"""The table's writer: every batch once, every revision kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import Appended, ReadingsTable
from tests.worlds.meters import QUARTER, START, batch, row

EVERYTHING = Selection()


def test_a_batch_appended_twice_is_taken_once(tmp_path: Path) -> None:
    """A stream's number that is in the table is passed over, also by a writer that has opened the table anew."""
    first = batch([row(quarter=k) for k in range(4)])
    with ReadingsTable(tmp_path) as table:
        assert table.append(first, "meters", 0) == Appended(True, 4, 1)
        assert table.append(first, "meters", 0) == Appended(False, 0, 1)
    with ReadingsTable(tmp_path) as table:
        assert table.append(first, "meters", 0) == Appended(False, 0, 1)
        assert table.append(batch([row(quarter=9)]), "meters", 7) == Appended(True, 1, 2)
        assert table.append(batch([row(quarter=8)]), "meters", 6) == Appended(False, 0, 2)
        assert (table.sequence("meters"), table.sequence("others")) == (7, None)
    assert ReadingQueries(tmp_path).count(EVERYTHING) == 5


def test_streams_count_for_themselves(tmp_path: Path) -> None:
    """The same number in another stream is another batch."""
    with ReadingsTable(tmp_path) as table:
        assert table.append(batch([row()]), "a", 3).taken
        assert table.append(batch([row("agr:farm.meter")]), "b", 3).taken
    assert ReadingQueries(tmp_path).count(EVERYTHING) == 2


def test_the_newest_revision_counts(tmp_path: Path) -> None:
    """A corrected reading shows its newest value, and as of an instant the value that was known then."""
    later = START + timedelta(days=2)
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(value=1.0), row(quarter=1, value=5.0)]), "s", 1)
        table.append(batch([row(value=2.0, recorded=later)]), "s", 2)
    queries = ReadingQueries(tmp_path)
    assert queries.rows(EVERYTHING)["value"].to_pylist() == [2.0, 5.0]
    assert queries.rows(Selection(as_of=later - QUARTER))["value"].to_pylist() == [1.0, 5.0]
    assert queries.rows(Selection(as_of=START - QUARTER)).num_rows == 0


def test_of_one_batch_the_last_of_a_reading_counts(tmp_path: Path) -> None:
    """A reading that comes twice in a batch takes two revisions; both are kept in order."""
    with ReadingsTable(tmp_path) as table:
        assert table.append(batch([row(value=1.0), row(value=3.0), row(quarter=1)]), "s", 1) == Appended(True, 3, 2)
        assert table.append(batch([row(quarter=2)]), "s", 2).revision == 3
    found = ReadingQueries(tmp_path).rows(EVERYTHING)
    assert (found["value"].to_pylist(), found["revision"].to_pylist()) == ([3.0, 1.0, 1.0], [2, 1, 3])


def test_a_table_has_one_writer(tmp_path: Path) -> None:
    """A second writer is refused, until the first has closed; readers are not."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row()]), "s", 1)
        with pytest.raises(BadInput, match="written by another process"):
            ReadingsTable(tmp_path)
        assert ReadingQueries(tmp_path).count(EVERYTHING) == 1
    ReadingsTable(tmp_path).close()


def test_a_stream_may_not_take_the_tables_own_name(tmp_path: Path) -> None:
    """The name under which the table counts its revisions is refused as a stream's, and so is none."""
    with ReadingsTable(tmp_path) as table:
        for name in ("iles:revision", ""):
            with pytest.raises(BadInput, match="expected the name of a source"):
                table.append(batch([row()]), name, 1)


def test_a_folder_without_a_table_is_said(tmp_path: Path) -> None:
    """A query where there is no table is one sentence, and makes no table."""
    with pytest.raises(BadInput, match="has no readings table"):
        ReadingQueries(tmp_path / "nothing").count(EVERYTHING)
    assert not (tmp_path / "nothing").exists()


def test_readings_are_selected_by_name_and_time(tmp_path: Path) -> None:
    """Meters, connections, types and a span restrict a query; none of a list is nothing, the span's end is excluded."""
    names = ("agr:farm.meter", "agr:farm.pv", "agr:home.meter")
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(name, quarter=k) for name in names for k in range(4)]), "s", 1)
    queries = ReadingQueries(tmp_path)
    assert queries.count(Selection(meters=["agr:farm.meter", "agr:home.meter"])) == 8
    assert queries.count(Selection(usage_points=["agr:farm"])) == 8
    assert queries.count(Selection(meters=[])) == 0
    assert queries.count(Selection(reading_types=["0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.0.38.0"])) == 0
    assert queries.count(Selection(begin=START + QUARTER, end=START + 3 * QUARTER)) == 6
    assert queries.count(Selection(meters=["x' OR '1'='1"])) == 0
    with pytest.raises(BadInput, match=r"begin .* has no time zone"):
        Selection(begin=START.replace(tzinfo=None))


def test_a_store_behind_an_address_is_read_like_a_folder(tmp_path: Path) -> None:
    """By an address the files go through the store's own reader and writer, with the same answers."""
    with ReadingsTable(f"file://{tmp_path}") as table:
        table.append(batch([row(value=1.0), row(quarter=1)]), "s", 1)
        table.append(batch([row(value=2.0)]), "s", 2)
    for place in (tmp_path, f"file://{tmp_path}"):
        assert ReadingQueries(place).rows(Selection(meters=["agr:home.meter"]))["value"].to_pylist() == [2.0, 1.0]
