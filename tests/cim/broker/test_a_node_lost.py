"""A node of a Redis cluster is killed and comes back: who sends and who takes wait for it, and nothing is lost or doubled.

A node keeps what it acknowledged on its own disk. One that never comes back takes its third along, unless it has a replica:
that is the cluster's operator's to arrange, not ours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Consumer
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.ingestion.topic_task import TakeTopic
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from tests.worlds.broker import plain_topic
from tests.worlds.data_folders import NOON
from tests.worlds.redis_cluster import Cluster, Node, three_nodes

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0
TOPICS = {name: plain_topic(name) for name in ("a", "b", "c", "d", "e", "f")}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """That takes a node for lost after a second."""
    with three_nodes(tmp_path / "nodes", timeout_ms=1000) as found:
        yield found


def node_of(cluster: Cluster, topic: str) -> Node:
    """Who keeps a topic."""
    server = BrokerServer(cluster.url, "site")
    slot = server.call("CLUSTER KEYSLOT", f"{{iles:site:topic:{topic}}}:entries")
    server.close()
    return cluster.nodes[int(slot) * 3 // 16_384]


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_producers_and_consumers_wait_for_a_lost_node_and_go_on(cluster: Cluster, which: int) -> None:
    """Whichever node is killed while messages flow in six topics, the first that clients know included: each message that
    was sent is taken once it is back, in order, and acknowledged ones do not come again."""
    node, count = cluster.nodes[which], 300
    producer = Producer(BrokerServer(cluster.url, "site", 1.0), TOPICS)
    stopped, taken, failed = threading.Event(), {name: list[int]() for name in TOPICS}, dict.fromkeys(TOPICS, 0)

    def take(name: str) -> None:
        server = BrokerServer(cluster.url, "site", 1.0)
        consumer = Consumer(server, TOPICS[name], "group", "one", dead_s=None)
        while not stopped.is_set():
            try:
                found = consumer.take(50, 0.1)
                # Before they are acknowledged: that may be done though its answer is lost, and then they do not come again.
                taken[name] += [int(str((one.message or {})["n"])) for one in found]
                consumer.acknowledge(found)
            except Exception:
                failed[name] += 1
                time.sleep(0.05)
                consumer.rewind()
        server.close()

    takers = [threading.Thread(target=take, args=(name,)) for name in TOPICS]
    for one in takers:
        one.start()
    try:
        for n in range(count):
            for name in TOPICS:
                producer.send(name, {"n": n})
            if n == count // 3:
                node.kill()
            if n == 2 * count // 3:
                until(lambda: producer.trouble is not None)  # by what was sent since, of which some is the node's
                node.start()
            time.sleep(0.005)
        producer.flush(PATIENCE_S)
        assert producer.trouble is None
        until(lambda: all(len(set(found)) == count for found in taken.values()))
    finally:
        stopped.set()
        for one in takers:
            one.join()
        producer.close()
    for name, found in taken.items():
        once = list(dict.fromkeys(found))
        assert once == [*range(count)], name
        # A batch whose acknowledgement was not answered comes once more: at least once is what groups promise.
        assert len(found) - count <= 50 * failed[name], name


def test_an_address_that_names_several_nodes_needs_one_of_them(cluster: Cluster) -> None:
    """Who starts while the first named node is lost finds the cluster by another, and waits for nobody else's topics."""
    cluster.nodes[0].kill()
    with pytest.raises(BrokerError, match=r"the broker's server 127.0.0.1:\d+ cannot be reached"):
        BrokerServer(cluster.url, "site", 1.0).call("CLUSTER KEYSLOT", "a")
    server = BrokerServer(cluster.by_all, "site", 1.0)
    assert server.call("CLUSTER KEYSLOT", "a") == 15495
    server.close()
    assert server.where.count("127.0.0.1:") == 3


def test_a_sites_readings_reach_the_table_once_though_their_node_was_lost(cluster: Cluster, tmp_path: Path) -> None:
    """The store goes on without the broker and says so; the task that takes fails in a sentence; then all of it arrives once."""
    store = PublishingStore(MemoryStore(), Producer(BrokerServer(cluster.url, "site", 1.0), site_topics()), {})
    node, take = node_of(cluster, READINGS), TakeTopic(tmp_path / "site", cluster.url, "site")

    def put(first: int, last: int) -> None:
        for minute in range(first, last):
            at = NOON + timedelta(minutes=minute)
            store.put("device", ReadingsTaken(at, (Reading("farm.pv", Kind.POWER, float(minute), at),)))
        store.flush()

    put(0, 50)
    until(lambda: "50 new readings" in take(NOON))
    node.kill()
    put(50, 100)
    until(lambda: store.trouble is not None)
    assert "cannot" in str(store.trouble)
    with pytest.raises(Exception, match=r"the broker's server .* (cannot|did not)"):
        take(NOON)
    node.start()
    cluster.await_whole()
    put(100, 150)
    store.close()
    assert store.trouble is None
    take(NOON)
    rows = ReadingQueries(readings_place(tmp_path / "site")).revisions(Selection())
    assert rows["value"].to_pylist() == [float(minute) for minute in range(150)]
