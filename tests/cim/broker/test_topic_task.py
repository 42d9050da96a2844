"""A living site's readings reach its table by their topic, and by its telemetry where the topic did without."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import site_topics
from cim.platform.ingestion.topic_task import TakeTopic
from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.service import run_once
from cim.platform.orchestrator.site_tasks import TOPIC, site_tasks
from cim.platform.orchestrator.status import status_of
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.store import Store
from portal.data_site import RefreshIndex
from tests.worlds.data_folders import NOON, SITE

pytestmark = pytest.mark.slow
NOBODY = "redis://127.0.0.1:1"


def put(store: Store, first: int, count: int) -> None:
    """A power a minute."""
    for minute in range(first, first + count):
        at = NOON + timedelta(minutes=minute)
        store.put("device", ReadingsTaken(at, (Reading("farm.pv", Kind.POWER, -1.5 * minute, at),)))


def said(folder: Path, url: str, minutes: int) -> dict[str, str]:
    """What the topic and the telemetry say when a site's tasks run."""
    tasks = site_tasks(folder, SITE, RefreshIndex(folder), TakeTopic(folder, url, "site"))[:2]
    runs = run_once(folder, tasks, ThreadExecutor(), NOON + timedelta(minutes=minutes))
    return {run.task: run.said for run in runs}


@pytest.fixture
def folder(tmp_path: Path, redis: EmbeddedRedis) -> Path:
    """Fifty readings in topic and telemetry, and ten that the topic did without."""
    topics = Producer(BrokerServer(redis.url, "site"), site_topics())
    store = PublishingStore(ParquetStore(tmp_path), topics, {"farm.pv": "farm"})
    put(store, 0, 50)
    store.close()
    alone = ParquetStore(tmp_path, keep=True)
    put(alone, 50, 10)
    alone.close()
    return tmp_path


def test_the_topic_first_and_the_telemetry_what_is_missing(folder: Path, redis: EmbeddedRedis) -> None:
    """Each reading once, whichever way it came, and the same whichever; again, nothing is new."""
    assert said(folder, redis.url, 60) == {TOPIC: "50 new readings, 0 known, 0 held", "telemetry": "10 new readings"}
    assert said(folder, redis.url, 61) == {TOPIC: "0 new readings, 0 known, 0 held", "telemetry": "0 new readings"}
    rows = ReadingQueries(readings_place(folder)).revisions(Selection()).to_pylist()
    assert [row["value"] for row in rows] == [-1.5 * k for k in range(60)]
    assert {(row["usage_point"], row["duration_s"], row["quality"]) for row in rows} == {("farm", 0, "GOOD")}
    assert all(row["recorded"] == row["begin"] for row in rows)


def test_where_the_broker_is_away_the_telemetry_brings_all(folder: Path, redis: EmbeddedRedis) -> None:
    """The status says why the topic gives nothing; when it is back its readings are known."""
    found = said(folder, NOBODY, 60)
    assert found["telemetry"] == "60 new readings"
    assert "cannot be reached" in found[TOPIC]
    status = status_of(folder)
    assert not status.is_well
    assert {one.name: one.error for one in status.modules if one.failures} == {TOPIC: found[TOPIC]}
    assert said(folder, redis.url, 70)[TOPIC] == "0 new readings, 50 known, 0 held"
    assert status_of(folder).is_well
    assert ReadingQueries(readings_place(folder)).revisions(Selection()).num_rows == 60
