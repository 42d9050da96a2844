"""Topics on a Redis cluster of three nodes: the same code, by the address alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Replay
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import site_topics
from cim.platform.ingestion.topic_task import TakeTopic
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.measured import DeviceLost, ReadingsTaken
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from tests.worlds.data_folders import NOON
from tests.worlds.redis_cluster import three_nodes

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Its address."""
    with three_nodes(tmp_path / "nodes") as found:
        yield found.url


def test_a_sites_topics_lie_on_several_nodes_and_reach_the_table(cluster: str, tmp_path: Path) -> None:
    """Publications and readings by the site's own producer, replay and taking: all there, once, in order."""
    store = PublishingStore(MemoryStore(), Producer(BrokerServer(cluster, "site"), site_topics()), {"farm.pv": "farm"})
    for minute in range(200):
        at = NOON + timedelta(minutes=minute)
        store.put("device", ReadingsTaken(at, (Reading("farm.pv", Kind.POWER, float(minute), at),)))
        store.put("device", DeviceLost(at, "farm.battery", "no answer"))
    store.flush()
    store.close()
    assert store.trouble is None
    server = BrokerServer(cluster, "site")
    told = Replay(server, site_topics()["device_lost"], "0-0").next(300).messages
    assert [(one.message or {})["number"] for one in told] == list(range(1, 201))
    server.close()
    take = TakeTopic(tmp_path / "site", cluster, "site")
    assert take(NOON) == "200 new readings, 0 known, 0 held"
    assert take(NOON) == "0 new readings, 0 known, 0 held"
    rows = ReadingQueries(readings_place(tmp_path / "site")).revisions(Selection())
    assert rows["value"].to_pylist() == [float(minute) for minute in range(200)]


def test_topics_are_spread_over_the_nodes(cluster: str) -> None:
    """A site's topics have slots of their own, so that a larger cluster carries more of them."""
    server = BrokerServer(cluster, "site")
    names = [f"{{iles:site:topic:{name}}}:entries" for name in site_topics()]
    slots = {server.call("CLUSTER KEYSLOT", name) * 3 // 16_384 for name in names}
    server.close()
    assert slots == {0, 1, 2}
