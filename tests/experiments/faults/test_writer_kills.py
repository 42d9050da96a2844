"""Whatever moment a table's writer is killed at, the table holds what was acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.table import ReadingsTable
from experiments.faults.readings_writer import ROWS, STREAM, rows_of
from experiments.faults.writer_kills import held, kill_writers


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """After each of three kills the table has exactly the acknowledged batches (and at most the one in flight), each once."""
    done: list[int] = []
    found = kill_writers(tmp_path / "readings", 3, 1, done.append)
    assert found.wrong == ()
    assert done == [1, 2, 3]
    assert found.acknowledged >= 3
    assert found.rows in (found.acknowledged * ROWS, (found.acknowledged + 1) * ROWS)


@pytest.mark.parametrize(
    ("order", "faults"),
    [
        ((0, 1, 2), []),
        ((0, 2), ["80 rows in the table, 120 in batches 0 to 2"]),
        ((0, 1, 1), ["120 rows in the table, 80 in batches 0 to 1"]),
    ],
)
def test_the_check_finds_what_it_looks_for(tmp_path: Path, order: tuple[int, ...], faults: list[str]) -> None:
    """A batch that is missing, and one that is there twice, are found; batches in order are nothing wrong."""
    with ReadingsTable(tmp_path) as table:
        for number, sequence in enumerate(order):
            table.append(ReadingBatch.of_rows(rows_of(sequence)), STREAM, number)
    last, found = held(tmp_path)
    assert last == max(order)
    assert [fault for fault in found if "rows in the table" in fault] == faults
    assert bool(found) == bool(faults)
