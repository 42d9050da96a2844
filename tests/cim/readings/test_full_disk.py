"""A full disk is one sentence, and the table is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.platform.readings.errors import NotStored
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable
from tests.worlds.full_disk import room_for
from tests.worlds.meters import batch, row


def files(folder: Path) -> set[Path]:
    """All files of a table but its locks."""
    return {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("_")}


@pytest.mark.parametrize("rows", [1_000, 0])
def test_an_append_without_room_changes_nothing(tmp_path: Path, rows: int) -> None:
    """Whether the rows or (of an empty batch) the log find no room: it is said, nothing half-written is left, and the same
    batch is taken when there is room again."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row()]), "s", 1)
        before, big = files(tmp_path), batch([row(quarter=k + 1, value=k * 0.37) for k in range(rows)])
        with room_for(64), pytest.raises(NotStored, match=r"batch 2 of s was not stored \(.*\); nothing half-written"):
            table.append(big, "s", 2)
        assert files(tmp_path) == before
        assert (table.sequence("s"), ReadingQueries(tmp_path).count(Selection())) == (1, 1)
        assert table.append(big, "s", 2).taken
    assert ReadingQueries(tmp_path).count(Selection()) == rows + 1


def test_a_compaction_without_room_changes_nothing(tmp_path: Path) -> None:
    """Compaction that finds no room leaves every reading where it was, and can be done again."""
    with ReadingsTable(tmp_path) as table:
        table.append(batch([row(quarter=k, value=k * 0.37) for k in range(500)]), "s", 1)
        table.append(batch([row(value=9.0)]), "s", 2)
        held = ReadingQueries(tmp_path).rows(Selection())
        with room_for(64), pytest.raises(NotStored, match="the compacted table was not stored"):
            table.compact()
        assert ReadingQueries(tmp_path).rows(Selection()).equals(held)
        assert table.compact() == 501
        assert ReadingQueries(tmp_path).rows(Selection()).equals(held)
