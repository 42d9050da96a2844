"""A consumer whose server's answer is lost: it was given messages that it never saw, and begins again with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.platform.broker.channel import BrokerServer, Channel
from cim.platform.broker.consumer import Consumer
from cim.platform.broker.errors import BrokerAway
from tests.worlds.broker import plain_topic
from tests.worlds.cut_wire import CutWire, cut_wire

pytestmark = pytest.mark.slow
TOPIC = plain_topic()


@pytest.fixture
def wire(redis: EmbeddedRedis, server: BrokerServer) -> Iterator[CutWire]:
    """A wire to the server, with nine messages in the topic."""
    Channel(server, "plain").add("p", 1, [TOPIC.pack({"n": n}) for n in range(9)], 100_000, 0)
    with cut_wire(urlsplit(redis.url).port or 0, "XREADGROUP", "XACK") as found:
        yield found


@pytest.fixture
def behind(wire: CutWire, redis: EmbeddedRedis, server: BrokerServer) -> Iterator[BrokerServer]:
    """A way to the same topics over the wire."""
    port = str(urlsplit(redis.url).port)
    found = BrokerServer(redis.url.replace(f":{port}", f":{wire.port}"), server.space, 5.0)
    yield found
    found.close()


def taken(consumer: Consumer, count: int) -> list[int]:
    """What the next messages say."""
    return [int(str((one.message or {})["n"])) for one in consumer.take(count)]


def test_a_consumer_asks_once_and_begins_again_after_a_lost_answer(
    wire: CutWire, behind: BrokerServer, server: BrokerServer
) -> None:
    """In the middle of a topic: asked again unseen it would give the next messages, and these to nobody. They come first."""
    consumer = Consumer(behind, TOPIC, "g", "one", dead_s=None)
    consumer.acknowledge(consumer.take(3))
    before = wire.seen["XREADGROUP"]
    wire.lose_answer_to("XREADGROUP")
    with pytest.raises(BrokerAway, match=r"the broker's server 127\.0\.0\.1:\d+ cannot be reached"):
        consumer.take(3)
    assert wire.seen["XREADGROUP"] - before == 1
    assert Channel(server, "plain").groups()[0].pending == 3
    assert [taken(consumer, 9) for _ in range(3)] == [[3, 4, 5], [6, 7, 8], []]


@pytest.mark.parametrize("word", ["XGROUP", "XREADGROUP", "XAUTOCLAIM"])
def test_whichever_of_a_first_takes_answers_is_lost_all_messages_come(
    wire: CutWire, behind: BrokerServer, word: str
) -> None:
    """Making the group, asking for what it had before, claiming what dead members left: the first message comes first."""
    consumer, found = Consumer(behind, TOPIC, "g", "one", dead_s=3600.0), list[int]()
    wire.lose_answer_to(word)
    for _ in range(4):
        try:
            found += taken(consumer, 4)
        except BrokerAway:
            assert not found
    assert found == [*range(9)]


def test_what_is_claimed_with_a_lost_answer_is_the_heirs(
    wire: CutWire, behind: BrokerServer, server: BrokerServer
) -> None:
    """A dead member's messages were made over to it though it never heard so; asked again unseen there would be none."""
    dead = Consumer(server, TOPIC, "g", "dead")
    assert taken(dead, 4) == [0, 1, 2, 3]
    time.sleep(1.1)
    heir = Consumer(behind, TOPIC, "g", "heir", dead_s=1.0)
    wire.lose_answer_to("XAUTOCLAIM")
    found = list[int]()
    for _ in range(4):
        try:
            messages = heir.take(9)
        except BrokerAway:
            continue
        found += [int(str((one.message or {})["n"])) for one in messages]
        heir.acknowledge(messages)
    assert found == [*range(9)]
    assert Channel(server, "plain").groups()[0].pending == 0


def test_an_acknowledgement_whose_answer_is_lost_is_done(wire: CutWire, behind: BrokerServer) -> None:
    """The client may ask again by itself, as it is the same to be done with a message twice; none comes again."""
    consumer = Consumer(behind, TOPIC, "g", "one", dead_s=None)
    found = consumer.take(4)
    wire.lose_answer_to("XACK")
    consumer.acknowledge(found)
    assert wire.seen["XACK"] == 2
    consumer.rewind()
    assert taken(consumer, 9) == [4, 5, 6, 7, 8]
