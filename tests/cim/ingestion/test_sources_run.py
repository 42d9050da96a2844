"""Sources run on a clock that is handed in: when they are asked, what is taken, what a failure leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.handler.handler import DataHandler, Taken
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.manager import IngestionManager, try_out
from cim.platform.ingestion.register import SourceRegister
from cim.platform.ingestion.source import ConfiguredSource, configured, read_source
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.errors import NotStored
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import Appended, ReadingsTable

NOW = datetime(2024, 6, 1, 12, 2, tzinfo=UTC)
MAPPING = """
name: quarters
format: {kind: csv}
instant: {column: t, interval_s: 900}
usage_point: m
meter: m
values:
  - {column: kwh, reading_type: energy_import, unit: kWh, low: 0}
"""
POLL = (
    'name: folder\nfrom: {kind: files, path: "in/*.csv"}\nretrieval: poll\nschedule: "*/15 * * * *"\nmapping: m.yaml\n'
)
PUSH = "name: pushed\nfrom: {kind: push, max_mb: 0.001}\nretrieval: push\nmapping: m.yaml\n"
HEAD = "m,t,kwh\n"


class Full:
    """The readings table, while its disk is full: it takes nothing."""

    def __init__(self, table: ReadingsTable) -> None:
        self.table, self.is_full = table, False

    def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        """Take it, or not."""
        if self.is_full:
            raise NotStored("readings: no space left on device")
        return self.table.append(batch, stream, sequence)


class World:
    """A manager on real files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir(exist_ok=True)
        self.table = ReadingsTable(folder / "readings")
        self.disk, self.queries = Full(self.table), ReadingQueries(folder / "readings")
        self.quarantine, self.register = Quarantine(folder / "quarantine"), SourceRegister(folder / "ingestion")
        self.manager = IngestionManager(self.register, DataHandler(self.disk, self.queries, self.quarantine))

    def source(self, text: str = POLL, mapping: str = MAPPING) -> ConfiguredSource:
        """A source of this folder."""
        return configured(text, mapping, self.folder)

    def file(self, name: str, *cells: object, hour: int = 0) -> None:
        """Write a file of quarter-hours."""
        rows = (f"m,2024-05-01T{hour:02d}:{15 * k:02d}:00Z,{cell}\n" for k, cell in enumerate(cells))
        (self.folder / "in" / name).write_text(HEAD + "".join(rows))

    def count(self) -> int:
        """Readings in the table."""
        return self.queries.count(Selection())

    def close(self) -> None:
        """Let the files go."""
        self.table.close()
        self.quarantine.close()
        self.register.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new one."""
    world = World(tmp_path)
    yield world
    world.close()


def test_a_folder_is_polled_by_the_runs_own_clock(world: World) -> None:
    """Nothing before the quarter-hour; then new files once; a file that grew gives only what is new."""
    world.manager.add(world.source(), NOW)
    world.file("a.csv", 1, 2)
    assert world.manager.tick(NOW + timedelta(minutes=5)) == []
    runs = world.manager.tick(NOW + timedelta(minutes=13))
    assert [(run.source, run.taken, run.error) for run in runs] == [("folder", Taken(readings=2), "")]
    assert world.manager.tick(NOW + timedelta(minutes=14)) == []
    world.file("a.csv", 1, 2, 3)
    world.file("b.csv", 4, hour=5)
    runs = world.manager.tick(NOW + timedelta(minutes=28))
    assert runs[0].taken == Taken(readings=2, known=2)
    assert world.manager.tick(NOW + timedelta(minutes=43))[0].taken == Taken()
    state = world.register.state("folder")
    assert (state.readings, state.known, state.rejects, state.last_error, state.waiting) == (4, 2, 0, "", 0)
    assert state.last_good == NOW + timedelta(minutes=43)


def test_missed_times_are_made_up_for_once_and_a_clock_put_back_holds_nothing_up(world: World) -> None:
    """After three days one run; after a clock that jumped to 2099 and back, the next quarter-hour is the next run."""
    world.manager.add(world.source(), NOW)
    assert len(world.manager.tick(NOW + timedelta(days=3))) == 1
    assert world.manager.tick(NOW + timedelta(days=3, minutes=1)) == []
    assert len(world.manager.tick(datetime(2099, 1, 1, tzinfo=UTC))) == 1
    world.file("a.csv", 1)
    back = NOW + timedelta(days=4)
    ran = [at for at in range(31) if world.manager.tick(back + timedelta(minutes=at))]
    assert ran
    assert world.count() == 1


def test_paused_resumed_removed_and_added_again(world: World) -> None:
    """A paused source is not asked; a removed one is not listed, keeps its readings, and comes back with its numbers."""
    world.manager.add(world.source(), NOW)
    world.file("a.csv", 1)
    world.manager.pause("folder")
    assert world.manager.tick(NOW + timedelta(hours=1)) == []
    world.manager.resume("folder")
    assert world.manager.tick(NOW + timedelta(hours=1))[0].taken.readings == 1
    world.manager.remove("folder")
    assert world.register.states() == []
    with pytest.raises(BadInput, match="source 'folder' is not known; there are none"):
        world.manager.pause("folder")
    world.file("b.csv", 2, hour=3)
    assert world.manager.tick(NOW + timedelta(hours=2)) == []
    world.manager.add(world.source(), NOW + timedelta(hours=2))
    assert world.manager.tick(NOW + timedelta(hours=3))[0].taken == Taken(readings=1)
    assert world.count() == 2


def test_a_full_disk_is_told_and_what_came_is_taken_later(world: World) -> None:
    """The delivery waits durably, also through a restart; tried again after 30 s, 60 s, ...; then nothing is missing."""
    world.manager.add(world.source(), NOW)
    world.file("a.csv", 1, "x")
    world.disk.is_full = True
    at = NOW + timedelta(minutes=13)
    assert world.manager.tick(at)[0].error == "readings: no space left on device"
    (world.folder / "in" / "a.csv").unlink()
    assert world.manager.tick(at + timedelta(seconds=29)) == []
    world.manager.tick(at + timedelta(seconds=30))
    state = world.register.state("folder")
    assert (state.failures, state.retry_at, state.waiting) == (2, at + timedelta(seconds=90), 1)
    world.close()
    again = World(world.folder)
    assert again.manager.tick(at + timedelta(seconds=90))[0].taken == Taken(readings=1, rejects=1)
    state = again.register.state("folder")
    assert (state.failures, state.retry_at, state.waiting, state.last_error) == (0, None, 0, "")
    assert len(again.quarantine.held()) == 1
    again.close()


def test_once_is_done_when_all_was_taken_and_again_asks_again(world: World) -> None:
    """A mended mapping with `again` takes the file anew: what it changes are revisions."""
    once = POLL.replace('poll\nschedule: "*/15 * * * *"', "once")
    world.manager.add(world.source(once), NOW)
    world.file("a.csv", 1, 2)
    assert world.manager.tick(NOW)[0].taken.readings == 2
    assert world.register.state("folder").state == "done"
    assert world.manager.tick(NOW + timedelta(days=1)) == []
    world.manager.add(world.source(once, MAPPING.replace("unit: kWh", "unit: Wh")), NOW, again=True)
    assert world.manager.tick(NOW)[0].taken.readings == 2
    assert world.queries.rows(Selection())["value"].to_pylist() == [1.0, 2.0]


def test_a_file_that_cannot_be_read_is_held_whole_and_taken_by_the_mended_mapping(world: World) -> None:
    """The schema changed under way: the file goes to quarantine, the others go on, and a replay by the new mapping takes it."""
    world.manager.add(world.source(), NOW)
    world.file("a.csv", 1)
    (world.folder / "in" / "b.csv").write_text("m;t;kWh\nm;2024-05-02T00:00:00Z;5\n")
    world.file("c.csv", 3, hour=7)
    run = world.manager.tick(NOW + timedelta(minutes=13))[0]
    assert run.taken.readings == 2
    assert "column 't' is not in the header" in run.error
    assert "column 't' is not in the header" in world.register.state("folder").last_error
    assert world.quarantine.counts() == {"folder": (0, 1)}
    mended = MAPPING.replace("{kind: csv}", '{kind: csv, delimiter: ";"}').replace("column: kwh", "column: kWh")
    world.manager.add(world.source(POLL, mended), NOW)
    assert world.manager.replay("folder", NOW + timedelta(minutes=20)) == Taken(readings=1)
    assert world.manager.replay("folder", NOW + timedelta(minutes=21)) == Taken()
    assert world.quarantine.counts() == {}
    assert world.count() == 3


def test_what_is_handed_in_is_taken_or_refused(world: World) -> None:
    """A push is durable when it returns, the same again adds nothing; too much, or to a paused source, is refused."""
    world.manager.add(world.source(PUSH), NOW)
    data = (HEAD + "m,2024-05-01T00:00:00Z,1\n").encode()
    assert world.manager.push("pushed", data, NOW).taken == Taken(readings=1)
    assert world.manager.push("pushed", data, NOW).taken == Taken(known=1)
    with pytest.raises(BadInput, match=r"expected at most 0.001 MB"):
        world.manager.push("pushed", data * 100, NOW)
    world.disk.is_full = True
    assert "no space" in world.manager.push("pushed", data.replace(b",1\n", b",2\n"), NOW).error
    world.disk.is_full = False
    assert world.manager.tick(NOW + timedelta(minutes=1))[0].taken == Taken(readings=1)
    world.manager.pause("pushed")
    with pytest.raises(BadInput, match="it is paused"):
        world.manager.push("pushed", data, NOW)


def test_a_dry_run_keeps_nothing(world: World) -> None:
    """The first rows, mapped, and what would be held; no state, no reading."""
    world.file("a.csv", 1, "x", 3)
    mapped, records = try_out(world.source(), NOW, rows=1)
    assert (mapped.readings.num_rows, [reject.line for reject in mapped.rejects], records) == (1, [3], 3)
    assert world.register.states() == []
    assert world.count() == 0


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ('"*/15 * * * *"', '"61 * * * *"', r"line 4?.*schedule '61 \* \* \* \*' is none"),
        ("retrieval: poll", "retrieval: push", "retrieval push does not go with a source of kind files"),
        ("kind: files", "kind: ftp", "line 2, from"),
        ("name: folder", 'name: "../x"', "line 1, name"),
        ('schedule: "*/15 * * * *"', "", "schedule: expected where retrieval is poll"),
        ('files, path: "in/*.csv"', 'http, url: "http://a.example/", key: {header: K, secret: {env: E}}', "expected https"),
        ('kind: files, path: "in/*.csv"', 'kind: http, url: "https://u:p@a.example/x"', "holds a user or password"),
        ('kind: files, path: "in/*.csv"', 'kind: http, url: "file:///etc/passwd"', "is no address"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_told_by_line_and_field(was: str, becomes: str, message: str) -> None:
    """One sentence, before anything is asked."""
    with pytest.raises(BadInput, match=message):
        configured(POLL.replace(was, becomes), MAPPING, Path())


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A source's file or its mapping that cannot be read is one sentence."""
    with pytest.raises(BadInput, match=r"s.yaml cannot be read: No such file"):
        read_source(tmp_path / "s.yaml")
    (tmp_path / "s.yaml").write_text(POLL)
    with pytest.raises(BadInput, match=r"m.yaml cannot be read: No such file"):
        read_source(tmp_path / "s.yaml")
