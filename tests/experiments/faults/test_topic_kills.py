"""Whatever moment a taker or its server is killed at, every reading that was sent is in the table, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.platform.readings.batch import ReadingBatch, ReadingRow
from cim.platform.readings.table import ReadingsTable
from experiments.faults.topic_kills import held, kill_takers
from experiments.faults.topic_taker import ROWS, is_refused, message_of
from tests.worlds.broker import FIRST


@pytest.mark.slow
def test_a_killed_taker_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Three kills while messages come in: all that was sent is in the table, or in quarantine where it is refused."""
    done: list[int] = []
    found = kill_takers(tmp_path, 3, 1, done.append)
    assert found.wrong == ()
    assert done == [1, 2, 3]
    assert found.readings > 3 * ROWS
    assert found.quarantined > 0
    assert f"{found.readings:,} are in the table" in found.said


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ([], ""),
        ([3], "73 rows in the table, 0 of them again, and 1 missing of 74"),
        ([-3], "75 rows in the table, 1 of them again, and 0 missing of 74"),
    ],
)
def test_the_check_finds_what_it_looks_for(tmp_path: Path, change: list[int], fault: str) -> None:
    """A reading that is missing, and one that is there twice, are found; all of three messages is nothing wrong."""
    values = [value for value in range(3 * ROWS) if not is_refused(value) and value not in change]
    values += [-value for value in change if value < 0]
    rows = [
        ReadingRow("h", "h.m", "0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.0.38.0", FIRST, 0, float(value), "GOOD", FIRST, "s")
        for value in values
    ]
    with ReadingsTable(tmp_path / "readings") as table:
        table.append(ReadingBatch.of_rows(rows), "s", 1)
    assert held(tmp_path, 3) == ([fault] if fault else [])


def test_every_seventh_message_has_a_row_that_is_refused() -> None:
    """The load has something for the quarantine, and no two rows of it are alike."""
    names = [name for number in range(14) for name in message_of(number)["meter"]]  # type: ignore[union-attr]
    assert sum(not str(name).isprintable() for name in names) == 2
    assert sum(map(is_refused, range(14 * ROWS))) == 2
