"""A living site's readings come into its table by their topic: a task that takes what is there and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.broker.topic import Topic
from cim.platform.handler.handler import DataHandler, Taken
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.from_topic import TopicTaker, stream_of
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable

_LONGEST_S = 120.0  # then others have the table for a while


@contextmanager
def topic_taker(folder: Path, server: BrokerServer, topic: Topic) -> Iterator[tuple[TopicTaker, ReadingsTable]]:
    """Who takes a topic of readings into a folder's table, and the table.

    Raises:
        BadInput: another process writes the table.
    """
    place = readings_place(folder)
    with ExitStack() as cleanup:
        table = cleanup.enter_context(ReadingsTable(place))
        quarantine = Quarantine(folder / "data" / "quarantine")
        cleanup.callback(quarantine.close)
        beside = server.beside()
        cleanup.callback(beside.close)
        handler = DataHandler(table, ReadingQueries(place), quarantine)
        yield TopicTaker(beside, topic, handler, table.sequence(stream_of(topic))), table


@dataclass(frozen=True, slots=True)
class TakeTopic:
    """What the topic of readings holds, through mapping and rules into the readings table; each once, whenever interrupted.

    Attributes:
        url, space: of the broker's server, and the site's name on it.
    """

    folder: Path
    url: str = field(repr=False)  # it holds the password
    space: str

    def __call__(self, now: datetime) -> str:  # noqa: ARG002 - readings have their own instants
        """See `cim.platform.orchestrator.task.Work`.

        Raises:
            BrokerError: the server is away; what was not taken stays in the topic.
        """
        end_s, sum_ = time.monotonic() + _LONGEST_S, Taken()
        server = BrokerServer(self.url, self.space)
        with topic_taker(self.folder, server, site_topics()[READINGS]) as (taker, _):
            while time.monotonic() < end_s and (step := taker.step()) is not None:
                sum_ += step
        return f"{sum_.readings} new readings, {sum_.known} known, {sum_.rejects} held"
