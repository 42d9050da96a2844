"""Compaction, removal and retention change no answer but what they are asked to."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.readings.batch import ReadingRow
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.snapshot import LiveFiles
from cim.platform.readings.table import ReadingsTable, Retention
from tests.worlds.meters import ENERGY, POWER, QUARTER, START, batch, row

EVERYTHING = Selection()
MONTH = 96 * 31
rows = st.builds(
    lambda meter, quarter, value, day: row(meter, quarter, float(value), START + timedelta(days=day)),
    st.sampled_from(["a.x", "a.y", "b.x"]),
    st.sampled_from([0, 1, 2, MONTH, MONTH + 1]),
    st.integers(0, 9),
    st.integers(0, 3),
)
steps = st.lists(st.one_of(st.lists(rows, max_size=6), st.just("compact")), min_size=1, max_size=6)


def newest(told: list[ReadingRow]) -> list[ReadingRow]:
    """Of each reading what was told last, as the table sorts them."""
    return sorted({(one.meter, one.reading_type, one.begin): one for one in told}.values(), key=lambda one: one[1:4])


def of_table(queries: ReadingQueries, selection: Selection = EVERYTHING) -> list[ReadingRow]:
    """The rows that a query gives, without their revisions."""
    return [ReadingRow(*list(found.values())[:-1]) for found in queries.rows(selection).to_pylist()]


@settings(max_examples=6, deadline=None)
@given(steps)
def test_whatever_is_appended_and_compacted_the_newest_counts(done: list[list[ReadingRow] | str]) -> None:
    """However appends and compactions mix, each query says the same as a list of all that was told: now, as of any
    instant, of one connection, and with all revisions."""
    with tempfile.TemporaryDirectory() as folder, ReadingsTable(folder) as table:
        told: list[ReadingRow] = []
        for number, step in enumerate(done):
            if isinstance(step, str):
                table.compact()
                table.clean_up()
            else:
                table.append(batch(step), "s", number)
                told += step
        queries = ReadingQueries(folder)
        assert of_table(queries) == newest(told)
        assert of_table(queries, Selection(usage_points=["a"])) == newest(
            [one for one in told if one.usage_point == "a"]
        )
        for day in range(4):
            known = [one for one in told if one.recorded <= START + timedelta(days=day)]
            assert of_table(queries, Selection(as_of=START + timedelta(days=day))) == newest(known)
        found = queries.revisions(EVERYTHING)
        assert found.num_rows == len(told)
        assert sorted(zip(found["meter"].to_pylist(), found["value"].to_pylist(), strict=True)) == sorted(
            (one.meter, one.value) for one in told
        )


def test_compaction_parts_by_month_and_sorts_by_meter(tmp_path: Path) -> None:
    """Each month has one file of newest revisions, sorted, and one of what they replaced; no appended file is left."""
    with ReadingsTable(tmp_path) as table:
        for number, meter in enumerate(("b.x", "a.x")):
            table.append(batch([row(meter, k, 1.0) for k in (MONTH, 1, 0)]), "s", number)
        table.append(batch([row("a.x", 0, 2.0)]), "s", 2)
        assert table.uncompacted_files == 3
        assert table.compact() == 7
        assert (table.uncompacted_files, table.compact()) == (0, 0)
        with LiveFiles(table.place).read() as files:
            assert sorted(files.parts.values()) == ["current-2026-05", "current-2026-06", "past-2026-05"]
            assert (files.begin, files.end) == (START, START + MONTH * QUARTER)
    import pyarrow.parquet as pq

    (path,) = (tmp_path / "part=current-2026-05").glob("*.parquet")
    assert not (set(tmp_path.rglob("*.parquet")) - {path, *tmp_path.glob("part=*/*")})
    found = pq.ParquetFile(path).read()
    assert list(zip(found["meter"].to_pylist(), found["value"].to_pylist(), strict=True)) == [
        ("a.x", 2.0),
        ("a.x", 1.0),
        ("b.x", 1.0),
        ("b.x", 1.0),
    ]


def test_a_reading_moved_to_another_connection_is_not_of_the_first_any_more(tmp_path: Path) -> None:
    """Who asks for a connection gets only what its newest revision says belongs to it, compacted or not."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row("a.x", 0)]), "s", 1)
        table.append(batch([row("a.x", 0)._replace(usage_point="b")]), "s", 2)
        queries = ReadingQueries(tmp_path)
        for _ in range(2):
            assert queries.count(Selection(usage_points=["a"])) == 0
            assert queries.count(Selection(usage_points=["b"])) == 1
            table.compact()


def test_removal_takes_all_revisions_and_nothing_else(tmp_path: Path) -> None:
    """What is removed is in no file after cleaning up; the rest is as it was, and the stream's numbers still count."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(name, k) for name in ("a.x", "b.x") for k in (0, 1, MONTH)]), "s", 1)
        table.append(batch([row("a.x", 0, 2.0)]), "s", 2)
        queries = ReadingQueries(tmp_path)
        kept = queries.rows(Selection(usage_points=["b"]))
        assert table.remove(Selection(usage_points=["a"])) == 4
        assert table.remove(Selection(usage_points=["a"])) == 0
        assert queries.rows(EVERYTHING).equals(kept)
        assert queries.revisions(EVERYTHING).num_rows == 3
        assert (table.clean_up() or 0) > 0
        assert not any(b"a.x" in path.read_bytes() for path in tmp_path.glob("part=*/*.parquet"))
        assert not table.append(batch([row("a.x")]), "s", 2).taken
        with pytest.raises(BadInput, match="as_of in a removal"):
            table.remove(Selection(as_of=START))


def test_retention_goes_by_age_and_reading_type(tmp_path: Path) -> None:
    """Each type's own rule counts, the rule of all for the rest; a reading exactly as old as allowed stays."""
    with ReadingsTable(tmp_path) as table:
        table.append(
            batch([row("a.x", 96 * day, reading_type=code) for code in (ENERGY, POWER) for day in range(10)]), "s", 1
        )
        rules = [Retention(3, [POWER]), Retention(7)]
        assert table.expire(rules, START + timedelta(days=10)) == 3 + 7
        queries = ReadingQueries(tmp_path)
        assert queries.rows(Selection(reading_types=[POWER]))["begin"].to_pylist()[0] == START + timedelta(days=7)
        assert queries.rows(Selection(reading_types=[ENERGY]))["begin"].to_pylist()[0] == START + timedelta(days=3)
        assert table.expire(rules, START + timedelta(days=10)) == 0


def test_files_that_a_query_reads_stay(tmp_path: Path) -> None:
    """While somebody reads, cleaning up removes nothing and says so; then it removes what compaction replaced, once."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row()]), "s", 1)
        with LiveFiles(table.place).read() as files:
            table.compact()
            assert table.clean_up() is None
            assert (tmp_path / files.new[0]).exists()
        assert table.clean_up() == 1
        assert not (tmp_path / files.new[0]).exists()
        versions = len(list((tmp_path / "_delta_log").iterdir()))
        assert table.clean_up() == 0
        assert len(list((tmp_path / "_delta_log").iterdir())) == versions
    assert ReadingQueries(tmp_path).count(EVERYTHING) == 1


def test_compaction_goes_through_a_store_behind_an_address(tmp_path: Path) -> None:
    """By an address the table is compacted like a folder; what was replaced just now stays for who may read it."""
    with ReadingsTable(f"file://{tmp_path}") as table:
        table.append(batch([row(value=1.0), row(quarter=1)]), "s", 1)
        table.append(batch([row(value=2.0)]), "s", 2)
        assert table.compact() == 3
        assert table.clean_up() == 0
    for place in (tmp_path, f"file://{tmp_path}"):
        assert ReadingQueries(place).rows(EVERYTHING)["value"].to_pylist() == [2.0, 1.0]
