"""Topics on a real server: nothing lost, nothing twice, nothing dropped that a group still needs, nothing without bound."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.errors import BadInput
from cim.platform.broker.channel import BrokerServer, Channel
from cim.platform.broker.consumer import Consumer, Replay
from cim.platform.broker.errors import BrokerAway, TopicFull
from cim.platform.broker.producer import Producer, patiently
from tests.worlds.broker import plain_topic

pytestmark = pytest.mark.slow
TOPIC = plain_topic()
SMALL = plain_topic("small", limit_bytes=4_000, keep_bytes=1_000)


def send(server: BrokerServer, numbers: range, topic: str = "plain") -> None:
    """Messages 1, 2, ... in their topic."""
    with Producer(server.beside(), {"plain": TOPIC, "small": SMALL}) as producer:
        for n in numbers:
            producer.send(topic, {"n": n})


def send_until_refused(producer: Producer, topic: str, sent: list[int]) -> None:
    """Messages that count on from `sent`, which tells those that were taken; slowly enough that the server is what is full."""
    while True:
        producer.send(topic, {"n": len(sent)})
        sent.append(len(sent))
        time.sleep(0.001)


def numbers(messages: object) -> list[int]:
    """What messages say."""
    return [one.message["n"] for one in messages]  # type: ignore[attr-defined]


def test_what_was_sent_is_read_in_order(server: BrokerServer) -> None:
    """Batches of several topics keep each topic's order."""
    with Producer(server.beside(), {"plain": TOPIC, "small": SMALL}) as producer:
        for n in range(1200):
            producer.send("plain", {"n": n})
            if n < 20:
                producer.send("small", {"n": -n})
        producer.flush(10)
    replay = Replay(server, TOPIC, "0-0")
    assert numbers(replay.next(10_000).messages) == list(range(1200))
    assert numbers(Replay(server, SMALL, "0-0").next(100).messages) == [-n for n in range(20)]


def test_a_batch_that_is_repeated_is_taken_once(server: BrokerServer) -> None:
    """A producer that had no answer sends again, with more behind: what was there already stays one."""
    channel = Channel(server, "plain")
    assert channel.add("p", 1, [b"a", b"b"], 10_000, 0).last == 2
    assert channel.add("p", 1, [b"a", b"b", b"c"], 10_000, 0).last == 3
    assert channel.add("p", 2, [b"b"], 10_000, 0).last == 3
    assert [entry.data for entry in channel.read("0-0", 10)] == [b"a", b"b", b"c"]


def test_a_topic_without_that_name_and_a_wrong_message_are_refused_at_once(server: BrokerServer) -> None:
    """Who sends is told, before anything waits."""
    with Producer(server.beside(), {"plain": TOPIC}) as producer:
        with pytest.raises(BadInput, match="topic 'other' is not known; expected one of plain"):
            producer.send("other", {"n": 1})
        with pytest.raises(BadInput, match="topic plain: n 'x'; expected a whole number"):
            producer.send("plain", {"n": "x"})


def test_a_group_shares_its_messages_and_two_groups_have_all(server: BrokerServer) -> None:
    """Members of a group take different messages; another group takes them all again."""
    send(server, range(10))
    one, two = (Consumer(server, TOPIC, "g", name) for name in "ab")
    first, second = one.take(6), two.take(6)
    assert sorted(numbers(first) + numbers(second)) == list(range(10))
    assert numbers(Consumer(server, TOPIC, "h", "a").take(100)) == list(range(10))


def test_who_comes_back_gets_first_what_it_did_not_acknowledge(server: BrokerServer) -> None:
    """At least once: a consumer that died after taking is given the same again, then what is new."""
    send(server, range(6))
    dying = Consumer(server, TOPIC, "g", "a")
    taken = dying.take(4)
    dying.acknowledge(taken[:1])
    again = Consumer(server, TOPIC, "g", "a")
    assert numbers(again.take(100)) == [1, 2, 3]
    assert numbers(again.take(100)) == [4, 5]


def test_what_the_dead_left_is_taken_over(server: BrokerServer) -> None:
    """After a while without a sign, its messages go to another member, and only those it did not acknowledge."""
    send(server, range(3))
    dead = Consumer(server, TOPIC, "g", "dead")
    dead.acknowledge(dead.take(3)[:2])
    heir = Consumer(server, TOPIC, "g", "heir", dead_s=0.0)
    assert numbers(heir.take(100)) == [2]


def test_rewinding_gives_the_same_again(server: BrokerServer) -> None:
    """Who could not do its work begins again with it."""
    send(server, range(3))
    consumer = Consumer(server, TOPIC, "g", "a")
    consumer.take(2)
    consumer.rewind()
    assert numbers(consumer.take(2)) == [0, 1]


def test_waiting_ends_when_something_comes(server: BrokerServer) -> None:
    """A consumer that waits is given a message as soon as it is there."""
    consumer = Consumer(server, TOPIC, "g", "a")
    consumer.take(1)
    sender = threading.Timer(0.05, send, (server, range(1)))
    sender.start()
    assert numbers(consumer.take(1, wait_s=4.0)) == [0]
    sender.join()


def test_nothing_is_dropped_that_a_group_has_not_acknowledged(server: BrokerServer) -> None:
    """A full topic takes no more until its slowest group has acknowledged; then the oldest go, and sending goes on."""
    channel = Channel(server, "small")
    quick, slow = Consumer(server, SMALL, "quick", "a"), Consumer(server, SMALL, "slow", "a")
    quick.take(1)
    slow.take(1)
    packed = [SMALL.pack({"n": n}) for n in range(200)]
    added = channel.add("p", 1, packed, SMALL.limit_bytes, SMALL.keep_bytes)
    assert added.full
    quick.acknowledge(quick.take(1000))
    assert channel.add("p", 1, packed, SMALL.limit_bytes, SMALL.keep_bytes) == added
    held = slow.take(1000)
    assert numbers(held) == list(range(added.last))
    slow.acknowledge(held[:10] + held[11:])
    after = channel.add("p", 1, packed, SMALL.limit_bytes, SMALL.keep_bytes)
    assert after.last > added.last
    assert channel.first_id() == held[10].id
    assert channel.kept()[1] <= SMALL.limit_bytes


def test_trimming_by_hand_keeps_what_is_needed_and_the_wished_rest(server: BrokerServer) -> None:
    """Of what all have acknowledged, the newest bytes stay for replays."""
    send(server, range(30))
    consumer = Consumer(server, TOPIC, "g", "a")
    messages = consumer.take(20)
    consumer.acknowledge(messages[:15])
    channel = Channel(server, "plain")
    channel.trim(0)
    assert channel.first_id() == messages[15].id
    consumer.acknowledge(messages[15:])
    consumer.acknowledge(consumer.take(100))
    each = channel.kept()[1] // channel.kept()[0]
    channel.trim(5 * each)
    assert channel.kept() == (5, 5 * each)
    channel.trim(0)
    assert channel.kept() == (0, 0)
    assert channel.groups()[0].pending == 0


def test_a_full_topic_is_told_to_the_producer_and_nothing_is_lost(server: BrokerServer) -> None:
    """Back-pressure: the buffer fills to its bound, then a sentence; when the group goes on, all arrives once."""
    consumer = Consumer(server, SMALL, "g", "a")
    consumer.take(1)
    producer = Producer(server.beside(), {"small": SMALL}, bound_bytes=300)
    with pytest.raises(TopicFull, match="wait already"):
        send_until_refused(producer, "small", counted := [])
    sent, end = len(counted), time.monotonic() + 30
    while producer.trouble is None and time.monotonic() < end:  # a busy server may not have answered yet
        time.sleep(0.01)
    with pytest.raises(TopicFull, match="messages wait to be sent: topic small is full"):
        producer.flush(0.2)
    assert producer.trouble is not None
    got: list[int] = []
    done = threading.Event()

    def drain() -> None:
        mine = Consumer(server.beside(), SMALL, "g", "a")
        while not done.is_set() or len(got) < sent + 200:
            messages = mine.take(50, 0.05)
            got.extend(numbers(messages))
            mine.acknowledge(messages)

    reader = threading.Thread(target=drain)
    reader.start()
    for n in range(sent, sent + 200):
        patiently(producer, "small", {"n": n}, 20.0)
    producer.close(20.0)
    done.set()
    reader.join()
    assert got == list(range(sent + 200))


def test_a_forgotten_group_holds_nothing_back(server: BrokerServer) -> None:
    """An operator removes a group that will not come back: its topic has room again."""
    send(server, range(5))
    channel = Channel(server, "plain")
    channel.add_group("gone", "0-0")
    channel.trim(0)
    assert channel.kept()[0] == 5
    assert channel.remove_group("gone")
    channel.trim(0)
    assert channel.kept()[0] == 0


def test_a_replay_goes_from_an_id_or_an_instant(server: BrokerServer) -> None:
    """From the message behind an id; from an instant of the server's clock; or from now."""
    send(server, range(3))
    time.sleep(0.005)
    between = datetime.now(UTC)
    time.sleep(0.005)
    send(server, range(3, 6))
    third = Replay(server, TOPIC, "0-0").next(10).messages[2]
    assert numbers(Replay(server, TOPIC, third.id).next(10).messages) == [3, 4, 5]
    assert numbers(Replay(server, TOPIC, between).next(10).messages) == [3, 4, 5]
    now = Replay(server, TOPIC, None)
    assert not now.next(10).messages
    send(server, range(6, 7))
    assert numbers(now.next(10).messages) == [6]


def test_a_replay_behind_what_is_kept_says_so(server: BrokerServer) -> None:
    """Who was away for too long is told that there is a gap."""
    send(server, range(30))
    begin = Replay(server, TOPIC, "0-0").next(30).messages
    Channel(server, "plain").trim(300)
    found = Replay(server, TOPIC, begin[0].id).next(5)
    assert found.gap
    assert not Replay(server, TOPIC, begin[-2].id).next(5).gap


def test_a_message_that_breaks_the_schema_is_handed_on_with_its_fault(server: BrokerServer) -> None:
    """A consumer is told, and decides; the messages behind it are not held up."""
    Channel(server, "plain").add("p", 1, [TOPIC.pack({"n": 1}), b"\xff", TOPIC.pack({"n": 2})], 10_000, 0)
    found = Consumer(server, TOPIC, "g", "a").take(10)
    assert [one.message for one in found] == [{"n": 1}, None, {"n": 2}]
    assert found[1].fault


def test_while_the_server_is_away_messages_wait_and_then_arrive_once(tmp_path: Path) -> None:
    """Killed under load: the producer buffers, says why, refuses beyond its bound, and ends with all it took in place."""
    with EmbeddedRedis(tmp_path / "own") as own:
        way = BrokerServer(own.url, "s", 0.5)
        producer = Producer(way.beside(), {"plain": TOPIC}, bound_bytes=2_000)
        for n in range(50):
            producer.send("plain", {"n": n})
        producer.flush(10)
        pid = own.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        counted = list(range(50))
        with pytest.raises(BrokerAway, match=r"not taken, as \d+ bytes wait already .*127\.0\.0\.1") as caught:
            send_until_refused(producer, "plain", counted)
        sent = len(counted)
        assert "\n" not in str(caught.value)
        with pytest.raises(BrokerAway, match="messages wait to be sent"):
            producer.flush(0.05)
        own.ensure()
        producer.flush(20)
        producer.close()
        replay = Replay(way, TOPIC, "0-0")
        assert numbers(replay.next(100_000).messages) == list(range(sent))
        way.close()


def test_a_server_that_was_emptied_is_begun_anew(tmp_path: Path) -> None:
    """Group and topic are made again, and what is sent from then on is read."""
    with EmbeddedRedis(tmp_path / "own") as own:
        way = BrokerServer(own.url, "s", 2.0)
        send(way, range(3))
        consumer = Consumer(way, TOPIC, "g", "a")
        assert numbers(consumer.take(10)) == [0, 1, 2]
        way.call("FLUSHALL")
        send(way, range(3, 5))
        found = consumer.take(10) or consumer.take(10)
        assert numbers(found) == [3, 4]
        way.close()
