"""Who sends: messages are checked, wait in a bounded buffer, and go out in batches, each once whatever happens on the way."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from cim.model.errors import BadInput
from cim.platform.broker.channel import BrokerServer, Channel
from cim.platform.broker.errors import BrokerAway, BrokerError, TopicFull
from cim.platform.broker.topic import MEBIBYTE, Message, Topic

BATCH_BYTES, BATCH_MESSAGES = MEBIBYTE, 512  # that go to the server at once
_FIRST_DELAY_S, _LAST_DELAY_S = 0.05, 2.0


class Producer:
    """Sends to the topics of a site from a thread of its own, so that whoever sends never waits for the server.

    What `send` took is in the topic once `flush` has returned, each message once and in the order in which it was sent.

    Args:
        bound_bytes: of messages that may wait, in all topics together.
    """

    def __init__(self, server: BrokerServer, topics: Mapping[str, Topic], bound_bytes: int = 16 * MEBIBYTE) -> None:
        self._topics, self._bound, self._server = topics, bound_bytes, server
        self._name = secrets.token_hex(8)  # of this life: numbers count from 1
        self._queues: dict[str, _Queue] = {}
        self._waiting = 0
        self._trouble: BrokerError | None = None
        self._closing = False
        self._changed = threading.Condition()  # guards what stands above
        self._thread = threading.Thread(target=self._work, name="broker-producer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why messages wait, in one sentence; None where all is well."""
        found = self._trouble
        return None if found is None else str(found)

    def send(self, topic: str, message: Message) -> None:
        """Take a message.

        Raises:
            BadInput: no such topic, or the message does not keep to its schema.
            TopicFull, BrokerAway: as many messages wait as may; this one was not taken.
        """
        known = self._topics.get(topic)
        if known is None:
            raise BadInput(f"topic {topic[:80]!r} is not known; expected one of {', '.join(sorted(self._topics))}")
        data = known.pack(message)
        with self._changed:
            if self._waiting + len(data) > self._bound:
                raise self._refusal(topic)
            queue = self._queues.get(topic)
            if queue is None:
                queue = self._queues[topic] = _Queue(known, Channel(self._server, topic))
            queue.messages.append(data)
            self._waiting += len(data)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> None:
        """Wait until all that was sent is in its topic.

        Raises:
            TopicFull, BrokerAway: it is not within this time; it goes on being tried.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting == 0, timeout_s):
                count = sum(len(queue.messages) for queue in self._queues.values())
                why = self._trouble or BrokerAway(f"the broker's server {self._server.where} is slow")
                raise type(why)(f"{count} messages wait to be sent: {why}")

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, as far as that can be done in this time, and end.

        Raises:
            TopicFull, BrokerAway: messages were left; they are lost with this process.
        """
        try:
            self.flush(timeout_s)
        finally:
            with self._changed:
                self._closing = True
                self._changed.notify_all()
            self._thread.join()
            self._server.close()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refusal(self, topic: str) -> BrokerError:
        kind = TopicFull if self._trouble is None else type(self._trouble)
        why = self.trouble or "they are sent faster than the server takes them"
        return kind(f"topic {topic}: not taken, as {self._waiting} bytes wait already (at most {self._bound}): {why}")

    def _work(self) -> None:
        delay = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, delay)
                self._changed.wait_for(lambda: self._closing or self._waiting > 0)
                if self._closing:
                    return
                queues = [queue for queue in self._queues.values() if queue.messages]
            trouble: BrokerError | None = None
            for queue in queues:
                trouble = self._send_batch(queue) or trouble
            self._trouble = trouble
            delay = 0.0 if trouble is None else min(max(2 * delay, _FIRST_DELAY_S), _LAST_DELAY_S)

    def _send_batch(self, queue: _Queue) -> BrokerError | None:
        batch = queue.batch()
        topic = queue.topic
        try:
            added = queue.channel.add(self._name, queue.first, batch, topic.limit_bytes, topic.keep_bytes)
        except BrokerError as error:
            return error
        with self._changed:
            while queue.messages and queue.first <= added.last:
                self._waiting -= len(queue.messages.popleft())
                queue.first += 1
            self._changed.notify_all()
        if added.full:
            return TopicFull(
                f"topic {topic.name} is full ({topic.limit_bytes} bytes): a group of its consumers has not acknowledged them"
            )
        return None


class _Queue:
    """What waits for one topic; `first` is the number of its first message."""

    def __init__(self, topic: Topic, channel: Channel) -> None:
        self.topic, self.channel = topic, channel
        self.messages: deque[bytes] = deque()
        self.first = 1

    def batch(self) -> list[bytes]:
        """The first messages, as many as go at once."""
        found, size = list[bytes](), 0
        for k in range(min(len(self.messages), BATCH_MESSAGES)):
            data = self.messages[k]
            size += len(data)
            if found and size > BATCH_BYTES:
                break
            found.append(data)
        return found


def patiently(producer: Producer, topic: str, message: Message, patience_s: float) -> None:
    """Send, and where the buffer is full wait for room, for whoever has the time (a simulation has).

    Raises:
        TopicFull, BrokerAway: there was none in this time.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            producer.send(topic, message)
            return
        except (TopicFull, BrokerAway):
            if time.monotonic() > until:
                raise
        time.sleep(0.05)
