"""Readings as Parquet: nothing is lost, and every part on disk is a whole file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from cim.model.readings import Kind, Quality, Reading
from cim.platform.tables import ReadingTable

START = datetime(2026, 5, 20, tzinfo=UTC)


def readings(count: int, first: int = 0) -> list[Reading]:
    """Readings of all kinds and qualities in turn."""
    kinds, qualities = list(Kind), list(Quality)
    return [
        Reading(
            f"meter-{k % 7}",
            kinds[k % len(kinds)],
            k / 3,
            START + timedelta(seconds=k, microseconds=k),
            qualities[k % len(qualities)],
        )
        for k in range(first, first + count)
    ]


def back(path: Path) -> list[Reading]:
    """What a file holds, as readings."""
    rows = pq.read_table(path).to_pylist()
    assert all(row["reading_type"] == Kind(row["kind"]).reading_type for row in rows)
    return [
        Reading(row["source"], Kind(row["kind"]), row["value"], row["at"].astimezone(UTC), Quality(row["quality"]))
        for row in rows
    ]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Source, kind, value, microseconds in UTC and quality survive the round trip, in order."""
    given = readings(100)
    table = ReadingTable(tmp_path / "new" / "folder")
    table.add(given)
    table.flush()
    assert table.count == 100
    assert back(tmp_path / "new" / "folder" / "readings-0000.parquet") == given


def test_parts_are_whole_files_in_order(tmp_path: Path) -> None:
    """A full part is written at once, each part can be read alone, no unfinished file stays behind."""
    given = readings(20_050)
    table = ReadingTable(tmp_path)
    table.add(given[:19_999])
    assert not list(tmp_path.iterdir())
    table.add(given[19_999:])
    table.add(readings(3, first=20_050))
    table.flush()
    table.flush()  # nothing new: no empty part
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["readings-0000.parquet", "readings-0001.parquet"]
    assert table.count == 20_053
    assert sum(len(back(tmp_path / name)) for name in names) == 20_053
    assert back(tmp_path / names[1]) == readings(3, first=20_050)


def test_a_new_table_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Parts of an earlier run in the same folder do not mix with the new ones; other files are left alone."""
    (tmp_path / "notes.txt").write_text("mine")
    for count in (5, 2):
        table = ReadingTable(tmp_path)
        table.add(readings(count))
        table.flush()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "readings-0000.parquet"]
    assert len(back(tmp_path / "readings-0000.parquet")) == 2


def test_who_goes_on_overwrites_nothing_however_many_parts_there_are(tmp_path: Path) -> None:
    """Behind part 10000, which sorts before 9999 as text, the next one is 10001."""
    for number in (9_998, 9_999, 10_000):
        (tmp_path / f"readings-{number:04d}.parquet").write_bytes(b"there")
    table = ReadingTable(tmp_path, keep=True)
    table.add(readings(1))
    table.flush()
    assert back(tmp_path / "readings-10001.parquet") == readings(1)
    assert (tmp_path / "readings-10000.parquet").read_bytes() == b"there"
