"""Who reads: members of a group, each message at least once and acknowledged; and replays from an id or an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cim.model.errors import BadInput
from cim.platform.broker.channel import BrokerServer, Channel, Entry, sequence_of
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.schemas import micros
from cim.platform.broker.topic import Message, Topic

BEGIN = "0-0"


class Received(NamedTuple):
    """A message of a topic.

    Attributes:
        sequence: the id as one number that rises with it.
        message: as its schema has it; None where it does not keep to it, and `fault` says why.
    """

    id: str
    sequence: int
    message: Message | None
    fault: str
    data: bytes


class Consumer:
    """A member of a group; a group gets each message, whichever member takes it.

    What a member with this name was given in an earlier life comes first, then what dead members left, then what is new.

    Args:
        name: of the member, the same after a restart.
        after: where the group begins if it is new: an id, or an instant of the server's clock.
        dead_s: a member that was given messages and has not acknowledged them for so long is taken for dead; None: never,
            for a group of one, whose messages come in their order.
    """

    def __init__(
        self,
        server: BrokerServer,
        topic: Topic,
        group: str,
        name: str,
        after: str | datetime = BEGIN,
        dead_s: float | None = 60.0,
    ) -> None:
        self._topic, self._group, self._name = topic, group, name
        self._after = after if isinstance(after, str) else id_at(after)
        self._dead_ms = None if dead_s is None else int(dead_s * 1000)
        self._channel = Channel(server, topic.name)
        self._joined = False
        self._again: str | None = BEGIN  # id up to which its own earlier messages were given again

    def take(self, count: int, wait_s: float = 0.0) -> list[Received]:
        """The next messages, at most so many; `wait_s` for new ones where there are none. Raises BrokerError."""
        try:
            return [received(self._topic, entry) for entry in self._next(count, wait_s)]
        except BrokerError as error:
            self.rewind()  # they may have been given to us, and the answer was lost
            if "NOGROUP" not in str(error):
                raise
            # The server was emptied: what it has taken since is all there is.
            self._joined, self._after = False, BEGIN
            return []

    def rewind(self) -> None:
        """Begin again with what was given and not acknowledged."""
        self._again = BEGIN

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """The group is done with these. Raises BrokerError."""
        self._channel.acknowledge(self._group, [one.id for one in messages])

    def _next(self, count: int, wait_s: float) -> list[Entry]:
        if not self._joined:
            self._channel.add_group(self._group, self._after)
            self._joined = True
        if self._again is not None:
            found = self._channel.deliver(self._group, self._name, count, self._again)
            self._again = found[-1].id if found else None
            if found:
                return found
        if self._dead_ms is not None and (left := self._channel.claim(self._group, self._name, self._dead_ms, count)):
            return left
        return self._channel.deliver(self._group, self._name, count, wait_s=wait_s)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Messages of a replay.

    Attributes:
        after: the id behind which the next ones stand.
        gap: messages between the one asked for and the first of these may have been dropped.
    """

    messages: tuple[Received, ...]
    after: str
    gap: bool


class Replay:
    """Reads a topic from an id or an instant on, without a group: nothing is acknowledged, and nothing is kept for it.

    Args:
        after: an id, an instant of the server's clock, or None: what comes from now on.

    Raises:
        BadInput: no id.
        BrokerError: the server is not there.
    """

    def __init__(self, server: BrokerServer, topic: Topic, after: str | datetime | None) -> None:
        self._topic, self._channel = topic, Channel(server, topic.name)
        self._asked = isinstance(after, str) and after != BEGIN
        if isinstance(after, str):
            sequence_of(after)
        self.after = self._channel.last_id() if after is None else after if isinstance(after, str) else id_at(after)

    def next(self, count: int) -> Replayed:
        """The next messages, at most so many; none where there are none yet. Raises BrokerError."""
        gap = False
        if self._asked:  # once: is the message still there that was seen last?
            first = self._channel.first_id()
            gap = first is not None and sequence_of(first) > sequence_of(self.after)
            self._asked = False
        found = tuple(received(self._topic, entry) for entry in self._channel.read(self.after, count))
        self.after = found[-1].id if found else self.after
        return Replayed(found, self.after, gap)


def received(topic: Topic, entry: Entry) -> Received:
    """An entry as its topic's schema has it."""
    try:
        return Received(entry.id, sequence_of(entry.id), topic.unpack(entry.data), "", entry.data)
    except BadInput as error:
        return Received(entry.id, sequence_of(entry.id), None, str(error), entry.data)


def id_at(instant: datetime) -> str:
    """The id just before the first message that can have come at an instant.

    Raises:
        BadInput: it has no time zone.
    """
    if instant.tzinfo is None:
        raise BadInput(f"instant {instant} has no time zone; expected one in UTC")
    ms = max(micros(instant) // 1000, 1)
    return f"{ms - 1}-18446744073709551615"
