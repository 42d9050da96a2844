"""One server for all tests of a worker; each test has a space of its own on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.platform.broker.channel import BrokerServer
from tests.worlds.broker import beside


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The server."""
    with EmbeddedRedis(tmp_path_factory.mktemp("topics")) as running:
        yield running


@pytest.fixture
def server(redis: EmbeddedRedis, request: pytest.FixtureRequest) -> Iterator[BrokerServer]:
    """A way to it."""
    found = beside(redis, request.node.name.replace("{", "").replace("}", ""))
    yield found
    found.close()
