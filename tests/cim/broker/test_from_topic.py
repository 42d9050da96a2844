"""From the topic through mapping and rules into the table: each reading once, what is refused in quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cim.mapping.engine.mapping_file import read_mapping
from cim.mapping.engine.quantities import reading_type_of
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from cim.platform.broker.channel import BrokerServer, Channel
from cim.platform.broker.producer import Producer
from cim.platform.broker.schemas import readings_message
from cim.platform.broker.topic import Message
from cim.platform.handler.handler import DataHandler, Taken
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.from_topic import GROUP, TopicTaker, stream_of, topic_mapping
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.errors import NotStored
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import Appended, ReadingsTable
from tests.worlds.broker import FIRST, block, readings_topic

TOPIC = readings_topic()


class World:
    """A table, its quarantine, and takers of the topic."""

    def __init__(self, folder: Path, server: BrokerServer) -> None:
        self.server, self.folder = server, folder
        self.table = ReadingsTable(folder / "readings")
        self.queries = ReadingQueries(folder / "readings")
        self.quarantine = Quarantine(folder / "quarantine")
        self.handler = DataHandler(self.table, self.queries, self.quarantine)

    def taker(self) -> TopicTaker:
        """One that begins where the table is."""
        return TopicTaker(self.server, TOPIC, self.handler, self.table.sequence(stream_of(TOPIC)))

    def send(self, *messages: Message) -> None:
        """Messages in the topic."""
        with Producer(self.server.beside(), {TOPIC.name: TOPIC}) as producer:
            for message in messages:
                producer.send(TOPIC.name, message)

    def values(self) -> list[float]:
        """Values of all revisions of all readings."""
        return sorted(self.queries.revisions(Selection())["value"].to_pylist())

    def pending(self) -> int:
        """Messages that the taker was given and has not acknowledged."""
        return sum(one.pending for one in Channel(self.server, TOPIC.name).groups() if one.name == GROUP)


@pytest.fixture
def world(tmp_path: Path, server: BrokerServer) -> Iterator[World]:
    """A new one."""
    found = World(tmp_path, server)
    yield found
    found.quarantine.close()
    found.table.close()


def drain(taker: TopicTaker) -> Taken:
    """All that is in the topic."""
    sum_ = Taken()
    while (taken := taker.step()) is not None:
        sum_ += taken
    return sum_


@pytest.mark.parametrize("kind", Kind)
def test_the_mapping_keeps_every_kinds_reading_type(kind: Kind) -> None:
    """What reaches the table by the topic has the same code as the telemetry has."""
    (value,) = [one for one in topic_mapping().mapping.values if one.where["kind"] == kind.value]
    assert reading_type_of(value.reading_type, 0).code == kind.reading_type


def test_a_mapping_that_is_none_is_told_by_its_file(tmp_path: Path) -> None:
    """A site's own mapping is checked like any other."""
    (tmp_path / "own.yaml").write_text("name: x\n")
    with pytest.raises(BadInput, match=r"own\.yaml, line 1"):
        topic_mapping(tmp_path / "own.yaml")


@pytest.mark.slow
def test_readings_arrive_as_they_were_told(world: World) -> None:
    """Connection, meter, type, instant, value, quality, and when the platform learned it, on the run's own clock."""
    at, learned = FIRST + timedelta(microseconds=7), FIRST + timedelta(minutes=9)
    rows = [
        Reading("a:home.meter", Kind.POWER, -7.25, at),
        Reading("a:home.battery", Kind.STATE_OF_CHARGE, 55.5, at, Quality.STALE),
        Reading("a:home.battery", Kind.POWER, 0.0, at, Quality.ABSENT),
    ]
    world.send(readings_message(rows, {"a:home.meter": "connection"}, learned))
    assert drain(world.taker()) == Taken(readings=3)
    found = sorted(world.queries.rows(Selection()).to_pylist(), key=lambda row: (row["meter"], row["value"]))
    assert [(r["usage_point"], r["meter"], r["reading_type"], r["value"], r["quality"]) for r in found] == [
        ("a:home", "a:home.battery", Kind.POWER.reading_type, 0.0, "ABSENT"),
        ("a:home", "a:home.battery", Kind.STATE_OF_CHARGE.reading_type, 55.5, "STALE"),
        ("connection", "a:home.meter", Kind.POWER.reading_type, -7.25, "GOOD"),
    ]
    assert {(row["begin"], row["recorded"], row["source"]) for row in found} == {(at, learned, "topic-readings")}


@pytest.mark.slow
def test_a_taker_that_died_before_it_acknowledged_takes_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between append and acknowledgement: the next life is given the messages again, and the table's mark passes them over."""
    world.send(*(block(n) for n in range(5)))
    dying = world.taker()
    monkeypatch.setattr(Channel, "acknowledge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        dying.step()
    monkeypatch.undo()
    before = world.values()
    assert (len(before), world.pending()) == (15, 5)
    world.send(block(5))
    assert drain(world.taker()) == Taken(readings=3)
    assert world.values() == sorted([*before, 5000.0, 5001.0, 5002.0])
    assert world.pending() == 0


@pytest.mark.slow
def test_what_the_disk_did_not_take_is_not_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: nothing is acknowledged, and the same messages come first when there is room, before newer ones."""
    world.send(block(0))
    taker = world.taker()

    def full(_: ReadingsTable, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
        raise NotStored("no room")

    monkeypatch.setattr(ReadingsTable, "append", full)
    with pytest.raises(NotStored):
        taker.step()
    monkeypatch.undo()
    world.send(block(1))
    assert drain(taker) == Taken(readings=6)
    assert world.values() == [0.0, 1.0, 2.0, 1000.0, 1001.0, 1002.0]


@pytest.mark.slow
def test_late_and_corrected_readings_are_revisions(world: World) -> None:
    """The same again adds nothing; another value of the same instant is a new revision beside the old one."""
    world.send(block(1), block(1))
    taker = world.taker()
    assert drain(taker) == Taken(readings=3, known=3)
    corrected = dict(block(1))
    corrected["value"] = [1000.0, 1001.5, 1002.0]
    world.send(corrected)
    assert drain(taker).readings == 1
    assert world.values() == [1000.0, 1001.0, 1001.5, 1002.0]
    assert sorted(world.queries.rows(Selection())["value"].to_pylist()) == [1000.0, 1001.5, 1002.0]


@pytest.mark.slow
def test_rows_and_messages_that_are_refused_are_in_quarantine_once(world: World) -> None:
    """A row that the mapping refuses, with its message and row; a message without the schema, whole; the rest goes on."""
    wrong = dict(block(1))
    wrong["meter"] = ["home-0.meter", "home.\x01", "home-2.meter"]
    world.send(block(0), wrong)
    Channel(world.server, TOPIC.name).add("stranger", 1, [b"no message"], TOPIC.limit_bytes, 0)
    world.send(block(2))
    assert drain(world.taker()) == Taken(readings=8, rejects=2)
    assert drain(TopicTaker(world.server, TOPIC, world.handler, None)) == Taken()
    row, message = sorted(world.quarantine.held(), key=lambda one: not one.is_record)
    assert (row.source, row.line) == ("topic-readings", 2)
    assert "is no name" in row.reason
    assert (message.raw, message.is_record) == ("no message", 0)
    assert message.delivery > row.delivery


@pytest.mark.slow
def test_a_sites_own_rules_hold(world: World) -> None:
    """A mapping with a bound puts what is beyond it into quarantine, and a mended one takes it from there."""
    text = topic_mapping().text
    strict = read_mapping(text.replace("unit: W}", "unit: W, high: 1001}"))
    world.send(block(1))
    assert drain(TopicTaker(world.server, TOPIC, world.handler, None, strict)) == Taken(readings=2, rejects=1)
    assert "1002.0 is outside" in world.quarantine.held()[0].reason
    assert world.handler.replay("topic-readings", topic_mapping(), FIRST) == Taken(readings=1)
    assert world.values() == [1000.0, 1001.0, 1002.0]
