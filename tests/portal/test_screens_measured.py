"""Last readings without going through the whole table: the last week, and before it only for whom is missed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable
from portal.screens.measured import WEEK, LastReading, Measured
from tests.worlds.meters import QUARTER, START, batch, row

A_DAY = 96  # quarters
NOW = START + timedelta(days=300)


def table(folder: Path) -> Path:
    """One meter that is read to the end, half of it badly; one that fell silent 100 days ago; one that never read well."""
    last = 300 * A_DAY - 1
    rows = [
        row("a.fresh", last, quality="GOOD"),
        row("a.fresh", last - 1, quality="INVALID"),
        row("b.silent", 200 * A_DAY),
    ]
    rows += [row("c.bad", last, quality="INVALID"), row("a.fresh", 0)]
    with ReadingsTable(folder) as made:
        made.append(batch(rows), "s", 1)
    return folder


def test_each_is_told_with_its_last_good_reading(tmp_path: Path) -> None:
    """The fresh one with its share of the week, the silent one with when it was heard last, the bad one with none."""
    found = Measured(table(tmp_path)).last(NOW, ("a.fresh", "b.silent", "c.bad", "d.nowhere"))
    assert found == [
        LastReading("a.fresh", "a", NOW - QUARTER, 0.5),
        LastReading("b.silent", "b", START + timedelta(days=200), 0.0),
        LastReading("c.bad", "c", None, 0.0),
    ]


def test_only_the_week_is_read_once_all_were_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is missing is looked for further back once, who is nowhere too; afterwards nothing older than a week is touched."""
    spans: list[Selection] = []
    run = ReadingQueries.run

    def noted(self: ReadingQueries, sql: str, parameters: dict[str, object], selection: Selection) -> object:
        spans.append(selection)
        return run(self, sql, parameters, selection)

    monkeypatch.setattr(ReadingQueries, "run", noted)
    measured = Measured(table(tmp_path))
    measured.last(NOW, ("a.fresh",))
    assert [one.begin for one in spans] == [NOW - WEEK]
    measured.last(NOW, ("a.fresh", "b.silent", "d.nowhere"))
    assert len(spans) > 3
    assert all(one.end is not None and one.begin is not None and one.begin < one.end <= NOW - WEEK for one in spans[2:])
    spans.clear()
    assert [one.meter for one in measured.last(NOW, ("a.fresh", "b.silent", "d.nowhere"))] == [
        "a.fresh",
        "b.silent",
        "c.bad",
    ]
    assert [one.begin for one in spans] == [NOW - WEEK]


def test_where_there_is_no_table_nobody_was_read(tmp_path: Path) -> None:
    """A young site has none yet."""
    assert Measured(tmp_path / "readings").last(NOW, ("a.fresh",)) == []
