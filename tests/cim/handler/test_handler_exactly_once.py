"""Deliveries into the real table: nothing lost, nothing twice, whatever is handed in again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cim.mapping.engine.formats import csv_lines
from cim.mapping.engine.mapping_file import read_mapping
from cim.platform.handler.handler import DataHandler, Delivery, RecordMapper, Taken
from cim.platform.handler.quarantine import Quarantine
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.errors import NotStored
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import Appended, ReadingsTable

TEXT = """
name: quarters
format: {kind: csv}
instant: {column: t, interval_s: 900}
usage_point: m
meter: m
values:
  - {column: kwh, reading_type: energy_import, unit: kWh, low: 0}
"""
MAPPING = read_mapping(TEXT)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


class World:
    """A table, its queries, a quarantine and a handler in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = ReadingsTable(folder / "readings")
        self.queries = ReadingQueries(folder / "readings")
        self.quarantine = Quarantine(folder / "quarantine")
        self.handler = DataHandler(self.table, self.queries, self.quarantine)

    def deliver(self, number: int, text: str, source: str = "s") -> Taken:
        """Hand a text in."""
        return self.handler.take(self.delivery(number, text, source), MAPPING)

    def delivery(self, number: int, text: str, source: str = "s") -> Delivery:
        """A text as a delivery."""
        path = self.folder / f"{source}-{number}.csv"
        path.write_text(text)
        return Delivery(source, number, path, NOW)

    def values(self) -> list[tuple[str, float]]:
        """Meter and value of all readings as they are now."""
        rows = self.queries.rows(Selection())
        return list(zip(rows["meter"].to_pylist(), rows["value"].to_pylist(), strict=True))

    def close(self) -> None:
        """Let the files go."""
        self.table.close()
        self.quarantine.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new one."""
    world = World(tmp_path)
    yield world
    world.close()


def quarters(cells: list[object], meter: str = "m", first: datetime = FIRST) -> str:
    """A file of one meter's quarter-hours."""
    rows = [f"{meter},{(first + timedelta(minutes=15 * k)).isoformat()},{cell}" for k, cell in enumerate(cells)]
    return "\n".join(["m,t,kwh", *rows, ""])


def test_the_same_file_again_adds_nothing(world: World) -> None:
    """As another delivery: every reading is known; a changed one is a revision, and the others are not."""
    assert world.deliver(1, quarters([1, 2, 3])) == Taken(readings=3)
    assert world.deliver(2, quarters([1, 2, 3])) == Taken(known=3)
    assert world.deliver(3, quarters([1, 5, 3])) == Taken(readings=1, known=2)
    assert world.values() == [("m", 1000.0), ("m", 5000.0), ("m", 3000.0)]


def test_repeats_in_one_file(world: World) -> None:
    """A line twice is one reading; a value that changes within the file counts as it stands last."""
    again = (
        quarters([1])
        + quarters([1]).split("\n", 1)[1]
        + quarters([2]).split("\n", 1)[1]
        + quarters([1]).split("\n", 1)[1]
    )
    assert world.deliver(1, again) == Taken(readings=3, known=1)
    assert world.values() == [("m", 1000.0)]


def test_rejects_are_held_with_their_reason_and_taken_when_the_mapping_is_mended(world: World) -> None:
    """What the first mapping refuses, a mended one takes from the quarantine, once; what it refuses still stays."""
    assert world.deliver(1, quarters([1, "2;5", -1, "x"])) == Taken(readings=1, rejects=3)
    assert [(held.line, held.reason) for held in world.quarantine.held("s")] == [
        (3, "kwh: '2;5' is no number a meter shows"),
        (4, "kwh: '-1' is outside 0.0 to "),
        (5, "kwh: 'x' is no number a meter shows"),
    ]
    mended = read_mapping(TEXT.replace("low: 0", 'low: 0, missing: [-1, "x"]'))
    assert world.handler.replay("s", mended, NOW) == Taken(readings=2, rejects=1)
    assert [held.mapping for held in world.quarantine.held()] == [mended.version]
    assert world.handler.replay("s", mended, NOW) == Taken(rejects=1)
    assert world.queries.count(Selection()) == 3


def test_the_same_bad_line_of_a_file_that_grows_is_held_once(world: World) -> None:
    """A file that is taken again with more lines brings its old rejects only once into quarantine."""
    world.deliver(1, quarters([1, "x"]))
    world.deliver(2, quarters([1, "x", 3, "y"]))
    assert len(world.quarantine.held()) == 2


def test_a_replay_never_goes_over_a_good_reading_that_came_since(world: World) -> None:
    """The meter was corrected after its record was held: the old record, taken late, changes nothing."""
    world.deliver(1, quarters(["1e0 "]).replace("1e0 ", "-3"))
    world.deliver(2, quarters([7]))
    lenient = read_mapping(TEXT.replace(", low: 0", ""))
    assert world.handler.replay("s", lenient, NOW) == Taken(known=1)
    assert world.values() == [("m", 7000.0)]


def test_lines_without_columns_are_replayed_with_their_header(world: World) -> None:
    """A file with another delimiter is held whole; lines that do not fit are held with the header they stood under."""
    world.deliver(1, quarters([1]) + "m,2024-01-01T01:00Z,1,5\n")
    decimal = read_mapping(TEXT.replace("{kind: csv}", '{kind: csv, quote: "\'"}'))
    assert world.handler.replay("s", decimal, NOW) == Taken(rejects=1)
    assert world.quarantine.held()[0].reason == "4 columns, expected 3"


def test_a_delivery_of_which_nothing_can_be_read_is_held_whole(world: World) -> None:
    """Another header: the bytes are kept with the reason, and the next delivery goes on."""
    text = quarters([1, 2]).replace("kwh", "kWh")
    assert world.deliver(1, text).refused == "column 'kwh' is not in the header; there are m, t, kWh"
    assert world.deliver(2, quarters([4])) == Taken(readings=1)
    held = world.quarantine.wholes()
    assert [(whole.source, whole.delivery) for whole in held] == [("s", 1)]
    assert world.quarantine.whole_path("s", 1).read_text() == text
    world.quarantine.whole_taken("s", 1)
    assert world.quarantine.wholes() == []


def test_a_delivery_that_arrow_cannot_take_is_held_whole(world: World) -> None:
    """Whatever its libraries choke on, a delivery is held with the reason, and does not hold up the next one."""

    class Choking:
        def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
            raise pa.ArrowInvalid("too odd\nwith details")

    handler = DataHandler(Choking(), world.queries, world.quarantine)
    assert handler.take(world.delivery(1, quarters([1])), MAPPING) == Taken(refused="too odd")
    assert [(whole.delivery, whole.reason) for whole in world.quarantine.wholes()] == [(1, "too odd")]
    assert world.deliver(2, quarters([1])) == Taken(readings=1)


class Failing:
    """A table whose disk is full from some append on; what it took stays."""

    def __init__(self, table: ReadingsTable, after: int) -> None:
        self.table, self.left = table, after

    def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        """Take it, or not."""
        if not self.left:
            raise NotStored("readings: no space left")
        self.left -= 1
        return self.table.append(batch, stream, sequence)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_interrupted_anywhere_and_handed_in_again(world: World, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Blocks that were taken are not taken again, the others are; rejects are held once each; also in October's hour."""
    monkeypatch.setattr(csv_lines, "BLOCK", 400)
    text = quarters([k if k % 7 else "bad" for k in range(60)])
    delivery = world.delivery(1, text)
    with pytest.raises(NotStored):
        DataHandler(Failing(world.table, after), world.queries, world.quarantine).take(delivery, MAPPING)
    world.handler.take(delivery, MAPPING)
    again = world.handler.take(delivery, MAPPING)
    assert (again.readings, again.known, again.rejects) == (0, 51, 9)
    assert world.queries.count(Selection()) == 51
    assert world.table.revision == len({*world.queries.rows(Selection())["revision"].to_pylist()})
    assert len(world.quarantine.held()) == 9


def test_an_interrupted_replay_is_ended_by_the_next(world: World) -> None:
    """Appended and not yet noted: the next replay takes nothing twice and leaves nothing open."""
    world.deliver(1, quarters([-1, -2]))
    lenient = read_mapping(TEXT.replace(", low: 0", ""))
    world.quarantine.keep_mapping(lenient.version, lenient.text)
    assert world.quarantine.begin_replay("s", lenient.version, NOW, 0, 100) is not None
    with pytest.raises(NotStored):
        DataHandler(Failing(world.table, 0), world.queries, world.quarantine).finish_replays()
    assert world.handler.finish_replays() == Taken(readings=2)
    assert world.handler.finish_replays() == Taken()
    assert world.quarantine.held() == []
    assert world.values() == [("m", -1000.0), ("m", -2000.0)]


def test_late_and_doubled_rows_in_any_order(world: World) -> None:
    """A year's quarter-hours of some meters, late, doubled, shuffled over deliveries: each reading is there once."""
    draw = random.Random(17)
    rows = [
        f"m{meter},{(FIRST + timedelta(minutes=15 * k)).isoformat()},{k % 9}"
        for meter in range(5)
        for k in range(0, 35_000, 35)
    ]
    sent = rows * 2
    draw.shuffle(sent)
    parts = [sent[k::4] for k in range(4)]
    sums = sum((world.deliver(n, "m,t,kwh\n" + "\n".join(part)) for n, part in enumerate(parts, 1)), Taken())
    assert (sums.readings, sums.known, sums.rejects) == (5000, 5000, 0)
    assert world.queries.count(Selection()) == 5000


def test_records_of_a_device_stream(world: World) -> None:
    """One or many at once, in their order; a batch again is not taken again; a spike over batches is held with its record."""
    stream = RecordMapper(
        read_mapping(
            """
name: stream
format: {kind: json}
instant: {column: at}
usage_point: {constant: "agr-east:home-1"}
meter: dev
values:
  - {column: p.kw, reading_type: power, unit: kW, max_change_per_hour: 60}
"""
        )
    )
    sent = [{"dev": "m", "at": f"2024-01-01T00:0{k}:00Z", "p": {"kw": kw}} for k, kw in enumerate([1, 1.5, 99, 2])]
    assert world.handler.take_records("dev", 1, sent[:1], stream, NOW) == Taken(readings=1)
    assert world.handler.take_records("dev", 2, sent[1:], stream, NOW) == Taken(readings=2, rejects=1)
    assert world.handler.take_records("dev", 2, sent[3:], stream, NOW) == Taken(known=1)
    assert world.values() == [("m", 1000.0), ("m", 1500.0), ("m", 2000.0)]
    assert [held.reason for held in world.quarantine.held("dev")] == ["p.kw: 99.0 changed by more than 60.0 in an hour"]
