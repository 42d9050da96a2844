"""One topic on its server, message by message as bytes: added once, read, delivered to groups, acknowledged, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cim.model.errors import BadInput
from cim.platform.broker.errors import BrokerError, broker_error
from cim.platform.broker.scripts import ADD, DIGESTS, TRIM
from cim.platform.redis_server import client_of, label, wire_errors

_REMEMBERED_S = 14 * 86_400  # a producer that repeats itself later than this is taken for a new one
_SEQUENCE_BITS = 20


class Entry(NamedTuple):
    """A message as the server keeps it.

    Attributes:
        id: `MILLISECONDS-NUMBER`, by the server's clock.
    """

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Added:
    """What became of messages.

    Attributes:
        last: number of the producer's last message that is in the topic.
        full: whether the rest has no room.
    """

    last: int
    full: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group of consumers.

    Attributes:
        pending: messages that were delivered and not acknowledged.
        lag: messages that were not delivered yet; None: the server does not say.
    """

    name: str
    consumers: int
    pending: int
    delivered: str
    lag: int | None


class BrokerServer:
    """The way to the server, for one thread at a time; connects when it is first used.

    Args:
        url: redis://, rediss://, unix:// or redis+cluster://.
        space: name of the site, so that several may share a server.
        timeout_s: longest wait for an answer.

    Raises:
        BadInput: an address or a name that cannot be used.
    """

    def __init__(self, url: str, space: str, timeout_s: float = 5.0) -> None:
        if not space or "{" in space or "}" in space:
            raise BadInput(f"the broker's space is {space!r}: expected a name without braces")
        self.where, self.space, self.url = label(url), space, url
        self._timeout_s = timeout_s
        self._clients: dict[bool, Any] = {}  # by whether they ask again by themselves

    def beside(self) -> BrokerServer:
        """Another way to the same server, for another thread."""
        return BrokerServer(self.url, self.space, self._timeout_s)

    def call(self, command: str, *arguments: Any, again: bool = True) -> Any:
        """A command's answer.

        Args:
            again: the client may ask once more by itself where a connection broke. Without, for what must not happen unseen.

        Raises:
            BrokerError: it may have happened all the same.
        """
        try:
            client = self._clients.get(again)
            if client is None:
                client = self._clients[again] = client_of(self.url, self._timeout_s, again)
            return client.execute_command(command, *arguments)
        except wire_errors() as error:
            raise broker_error(error, self.where) from error

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()
        self._clients = {}


class Channel:
    """A topic's stream on a server. All methods raise BrokerAway, TopicFull or BrokerError."""

    def __init__(self, server: BrokerServer, topic: str) -> None:
        self._server = server
        tag = f"{{iles:{server.space}:topic:{topic}}}"
        self._meta, self._stream, self._producers = f"{tag}:meta", f"{tag}:entries", f"{tag}:producer"

    def add(self, producer: str, first: int, messages: Sequence[bytes], limit_bytes: int, keep_bytes: int) -> Added:
        """Put messages, numbered from `first` on, each once however often it is repeated."""
        keys = (self._meta, self._stream, f"{self._producers}:{producer}")
        full, last, _ = self._run(ADD, keys, first, limit_bytes, keep_bytes, _REMEMBERED_S, *messages)
        return Added(int(last), bool(full))

    def trim(self, keep_bytes: int) -> int:
        """Drop the oldest that all groups have acknowledged, until `keep_bytes` are left; bytes that are left."""
        return int(self._run(TRIM, (self._meta, self._stream), keep_bytes))

    def read(self, after: str, count: int) -> list[Entry]:
        """Messages after an id, oldest first."""
        return _entries(self._call("XRANGE", self._stream, f"({after}", "+", "COUNT", count))

    def first_id(self) -> str | None:
        """The oldest message that is kept; None where there is none."""
        found = _entries(self._call("XRANGE", self._stream, "-", "+", "COUNT", 1))
        return found[0].id if found else None

    def last_id(self) -> str:
        """The newest; `0-0` where there is none."""
        found = _entries(self._call("XREVRANGE", self._stream, "+", "-", "COUNT", 1))
        return found[0].id if found else "0-0"

    def add_group(self, group: str, after: str) -> None:
        """Make a group that begins after an id; one that is there stays as it is."""
        try:
            self._call("XGROUP", "CREATE", self._stream, group, after, "MKSTREAM")
        except BrokerError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def remove_group(self, group: str) -> bool:
        """Forget a group: what it has not acknowledged may be dropped; whether it was there."""
        return bool(self._call("XGROUP", "DESTROY", self._stream, group))

    def groups(self) -> list[Group]:
        """All groups of the topic."""
        if not self._call("EXISTS", self._stream):
            return []
        found = []
        for told in self._call("XINFO", "GROUPS", self._stream):
            said = _pairs(told)
            lag = said.get("lag")
            found.append(
                Group(
                    _word(said["name"]),
                    int(said["consumers"]),
                    int(said["pending"]),
                    _word(said["last-delivered-id"]),
                    None if lag is None else int(lag),
                )
            )
        return found

    def deliver(
        self, group: str, consumer: str, count: int, again_after: str | None = None, wait_s: float = 0.0
    ) -> list[Entry]:
        """Messages for a consumer: new ones, or (after an id) those that it was given before and did not acknowledge.

        Args:
            wait_s: for new ones, where there are none yet; less than the server's time-out.

        After BrokerError new ones may have been given all the same: they come again by `again_after`.
        """
        waiting = ("BLOCK", int(wait_s * 1000)) if wait_s > 0 and again_after is None else ()
        source = ">" if again_after is None else again_after
        asked = ("GROUP", group, consumer, "COUNT", count, *waiting, "STREAMS", self._stream, source)
        answer = self._server.call("XREADGROUP", *asked, again=False)
        found = answer.values() if isinstance(answer, dict) else [part[1] for part in answer or ()]
        return [entry for part in found for entry in _entries(part)]

    def claim(self, group: str, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """Take over what other consumers were given and have neither acknowledged nor asked about for so long.

        After BrokerError they may have been taken over all the same: they come by `deliver`'s `again_after`.
        """
        asked = (self._stream, group, consumer, idle_ms, "0-0", "COUNT", count)
        answer = self._server.call("XAUTOCLAIM", *asked, again=False)  # a second time they would not be idle any more
        return _entries(answer[1])

    def acknowledge(self, group: str, ids: Sequence[str]) -> int:
        """The group is done with these; how many it was not done with before."""
        return int(self._call("XACK", self._stream, group, *ids)) if ids else 0

    def kept(self) -> tuple[int, int]:
        """How many messages there are, and how many bytes they count."""
        total, base = (int(number or 0) for number in self._call("HMGET", self._meta, "total", "base"))
        return int(self._call("XLEN", self._stream)), total - base

    def _call(self, command: str, *arguments: Any) -> Any:
        return self._server.call(command, *arguments)

    def _run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        try:
            return self._call("EVALSHA", DIGESTS[script], len(keys), *keys, *arguments)
        except BrokerError as error:
            if "No matching script" not in str(error):
                raise
            return self._call("EVAL", script, len(keys), *keys, *arguments)


def sequence_of(entry_id: str) -> int:
    """An id as one number that rises with it.

    Raises:
        BadInput: it is no id.
    """
    ms, dash, number = entry_id.partition("-")
    if not (dash and ms.isdecimal() and number.isdecimal() and len(ms) < 14 and int(number) < 1 << _SEQUENCE_BITS):
        raise BadInput(f"id {entry_id[:60]!r}; expected MILLISECONDS-NUMBER, as messages carry it")
    return int(ms) << _SEQUENCE_BITS | int(number)


def _entries(told: Any) -> list[Entry]:
    return [
        Entry(_word(name), fields[b"d"] if isinstance(fields, dict) else fields[1]) for name, fields in told if fields
    ]


def _pairs(told: Any) -> dict[str, Any]:
    if isinstance(told, dict):
        return {_word(name): value for name, value in told.items()}
    return {_word(told[k]): told[k + 1] for k in range(0, len(told), 2)}


def _word(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text
