"""A store that publishes: what it keeps reaches the topics and, through them, the readings table."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Replay
from cim.platform.broker.errors import BrokerAway
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.ingestion.site_pipeline import SitePipeline
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.measured import DeviceLost, ReadingsTaken
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from tests.worlds.broker import FIRST

pytestmark = pytest.mark.slow
TOPICS = site_topics()
NOBODY = "redis://127.0.0.1:1"


def taken(minute: int, meter: str = "home.meter") -> ReadingsTaken:
    """One reading of a meter."""
    at = FIRST + timedelta(minutes=minute)
    return ReadingsTaken(at, (Reading(meter, Kind.POWER, float(minute), at),))


def test_what_is_put_is_kept_and_told(server: BrokerServer) -> None:
    """Publications one by one, readings of one instant as one block; the store answers as the one within does."""
    kept = MemoryStore()
    store = PublishingStore(kept, Producer(server.beside(), TOPICS), {"home.meter": "connection-1"})
    lost = DeviceLost(FIRST, "home.battery", "no answer")
    store.put("home", lost)
    for one in (taken(1), taken(1, "home.battery"), taken(2)):
        store.put("home", one)
    assert [told.publication for told in store.told(DeviceLost)] == [lost]
    assert store.readings("home.battery") == kept.readings("home.battery")
    assert store.reading_count == 3
    store.flush()
    store.close()
    assert store.trouble is None
    (told,) = Replay(server, TOPICS["device_lost"], "0-0").next(10).messages
    assert (told.message or {})["number"] == 1
    blocks = [one.message or {} for one in Replay(server, TOPICS[READINGS], "0-0").next(10).messages]
    assert [one["usage_point"] for one in blocks] == [("connection-1", "home"), ("connection-1",)]
    assert [one["value"] for one in blocks] == [(1.0, 1.0), (2.0,)]


def test_a_site_goes_on_without_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps everything, counts what the topics do without, and says so in one sentence."""
    monkeypatch.setattr("cim.platform.broker.publishing_store._LAST_S", 0.1)
    producer = Producer(BrokerServer(NOBODY, "s", 0.2), TOPICS, bound_bytes=300)
    store = PublishingStore(MemoryStore(), producer, {})
    for minute in range(5):
        store.put("home", DeviceLost(FIRST + timedelta(minutes=minute), "home.battery", "no answer"))
    assert len(store.told(DeviceLost)) == 5
    assert 0 < store.unsent <= 5
    assert f"{store.unsent} messages are in the store and not in the topics" in (store.trouble or "")
    store.close()


def test_a_simulation_waits_and_then_ends_with_the_reason() -> None:
    """It has the time; beyond its patience it ends instead of going on with holes."""
    producer = Producer(BrokerServer(NOBODY, "s", 0.2), TOPICS, bound_bytes=150)
    store = PublishingStore(MemoryStore(), producer, {}, patience_s=0.2)
    store.put("home", DeviceLost(FIRST, "home.battery", "no answer"))
    while store.trouble is None:
        time.sleep(0.02)
    with pytest.raises(BrokerAway, match=r"not taken, as \d+ bytes wait already"):
        store.put("home", DeviceLost(FIRST, "home.battery", "no answer again"))
    with pytest.raises(BrokerAway, match="1 messages wait to be sent"):
        store.close()


def test_from_the_agents_into_the_table(tmp_path: Path, redis: EmbeddedRedis) -> None:
    """Everything that was put is in the table when the pipeline is left, also over two lives of it."""
    for first in (0, 50):
        with SitePipeline(tmp_path, redis.url, tmp_path.name, {}, 20.0) as pipeline:
            store = pipeline.around(MemoryStore())
            for minute in range(first, first + 50):
                store.put("home", taken(minute))
            store.close()
        assert pipeline.trouble is None
        assert pipeline.taken == 50
    rows = ReadingQueries(readings_place(tmp_path)).rows(Selection())
    assert rows["value"].to_pylist() == [float(n) for n in range(100)]
    assert set(rows["usage_point"].to_pylist()) == {"home"}


def test_a_pipeline_that_cannot_write_says_why_and_ends(tmp_path: Path, redis: EmbeddedRedis) -> None:
    """Another writer has the table: the readings stay in their topic, and the next pipeline takes them."""
    with ReadingsTable(readings_place(tmp_path)), SitePipeline(tmp_path, redis.url, tmp_path.name, {}, 20.0) as blocked:
        store = blocked.around(MemoryStore())
        store.put("home", taken(1))
        store.close()
    assert blocked.trouble is not None
    assert blocked.taken == 0
    with SitePipeline(tmp_path, redis.url, tmp_path.name, {}) as pipeline:
        pass
    assert pipeline.taken == 1
