"""How fast readings come in: from the broker through mapping, rules and versions into the table, where they can be queried."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.errors import ProgrammingFault
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.producer import Producer, patiently
from cim.platform.broker.schemas import READINGS, micros, site_topics
from cim.platform.broker.topic import Message
from cim.platform.columns import Plain
from cim.platform.handler.handler import DataHandler
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.from_topic import TopicTaker, stream_of
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.table import ReadingsTable

METERS = 1_000  # each tells power and voltage: a message of 2,000 readings
CORRECTED_EVERY = 10  # messages: so many readings come again with another value, as new versions
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_PATIENCE_S = 60.0


def messages(count: int) -> Iterator[Message]:
    """Messages of quarter-hours; every tenth is one of before, corrected."""
    homes: list[Plain] = [f"home-{k:04d}" for k in range(METERS)]
    names: list[Plain] = [f"home-{k:04d}.meter" for k in range(METERS)]
    kinds: list[Plain] = [*["power_w"] * METERS, *["voltage_v"] * METERS]
    for number in range(count):
        corrected = number % CORRECTED_EVERY == CORRECTED_EVERY - 1
        at = micros(_BEGIN + timedelta(minutes=15 * (number - 5 if corrected else number)))
        yield {
            "usage_point": homes * 2,
            "meter": names * 2,
            "kind": kinds,
            "value": [*(float(k * 7 + number) for k in range(METERS)), *[230.0 + number % 7] * METERS],
            "at_us": [at] * (2 * METERS),
            "quality": ["GOOD"] * (2 * METERS),
            "recorded_us": micros(_BEGIN + timedelta(minutes=15 * number)),
        }


def measure_ingest(full: bool) -> dict[str, float]:
    """Readings a second into the topic (checked, packed, synced), and from there to where they are durable and queryable.

    Raises:
        ProgrammingFault: not all of them are there afterwards.
    """
    count = 300 if full else 120
    readings = count * 2 * METERS
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-data-")))
        redis = cleanup.enter_context(EmbeddedRedis(folder / "server"))
        server, topics = BrokerServer(redis.url, "bench", 10.0), site_topics()
        cleanup.callback(server.close)
        begun = time.perf_counter()
        with Producer(server.beside(), topics) as producer:
            for message in messages(count):
                patiently(producer, READINGS, message, _PATIENCE_S)
            producer.flush(_PATIENCE_S)
        sent_s = time.perf_counter() - begun
        table = cleanup.enter_context(ReadingsTable(folder / "readings"))
        queries, quarantine = ReadingQueries(folder / "readings"), Quarantine(folder / "quarantine")
        cleanup.callback(quarantine.close)
        topic = topics[READINGS]
        taker = TopicTaker(server, topic, DataHandler(table, queries, quarantine), table.sequence(stream_of(topic)))
        begun, spent, taken = time.perf_counter(), time.process_time(), 0
        while (step := taker.step()) is not None:
            taken += step.readings + step.known
        taken_s, spent = time.perf_counter() - begun, time.process_time() - spent
        kept = queries.count(Selection())
        if taken != readings or kept != readings - count // CORRECTED_EVERY * 2 * METERS:
            raise ProgrammingFault(f"bench: {readings} readings were sent, {taken} taken, and {kept} are there")
        return {
            "produce_per_s": readings / sent_s,
            "ingest_per_s": readings / taken_s,
            "ingest_per_cpu_s": readings / spent,
        }
