"""A server of topics for tests, with names that no other test has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.schemas import READINGS, ReadingsSchema, readings_message
from cim.platform.broker.topic import Message, Topic

FIRST = datetime(2024, 1, 1, tzinfo=UTC)


class Plainly:
    """A schema that asks for one field, `n`, a whole number."""

    def check(self, message: Message) -> Message:
        """See `Schema.check`."""
        from cim.model.errors import BadInput

        if not isinstance(message.get("n"), int):
            raise BadInput(f"n {message.get('n')!r}; expected a whole number")
        return message


@contextmanager
def redis_server(folder: Path) -> Iterator[EmbeddedRedis]:
    """A server below this process."""
    with EmbeddedRedis(folder) as server:
        yield server


def plain_topic(name: str = "plain", limit_bytes: int = 1_000_000, keep_bytes: int = 500_000) -> Topic:
    """A topic of `{"n": number}`."""
    return Topic(name, Plainly(), limit_bytes, keep_bytes)


def readings_topic() -> Topic:
    """The topic of readings as sites have it."""
    return Topic(READINGS, ReadingsSchema())


def block(number: int, rows: int = 3, usage_points: Mapping[str, str] | None = None) -> Message:
    """Block `number`: `rows` meters at one minute, each value telling block and row."""
    at = FIRST + timedelta(minutes=number)
    found = [Reading(f"home-{row}.meter", Kind.POWER, float(number * 1000 + row), at) for row in range(rows)]
    return readings_message(found, usage_points or {}, at)


def beside(server: EmbeddedRedis, space: str) -> BrokerServer:
    """A way to the server for one test, whose name keeps its topics apart."""
    return BrokerServer(server.url, space, 5.0)
