"""A process that takes readings from a topic into a table, to be killed: `python -m experiments.faults.topic_taker FOLDER`.

The server's address is in `REDIS_URL`. It prints how many messages it has acknowledged, and never ends by itself.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cim.model.readings import Kind, Reading
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.schemas import READINGS, readings_message, site_topics
from cim.platform.broker.topic import Message
from cim.platform.handler.handler import DataHandler
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.from_topic import TopicTaker, stream_of
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.table import ReadingsTable

SPACE = "kills"
ROWS = 25  # of a message, the first of which is refused in every seventh
_BEGIN = datetime(2026, 5, 20, tzinfo=UTC)
_PATIENCE_S = 0.3


def is_refused(value: int) -> bool:
    """Whether a row goes into quarantine instead of the table."""
    return value % (7 * ROWS) == 0


def message_of(number: int) -> Message:
    """Message `number`, from 0; no two rows of all messages have one value, or one meter and instant."""
    at = _BEGIN + timedelta(minutes=number)
    values = range(number * ROWS, (number + 1) * ROWS)
    # A name that cannot be printed is none: the schema lets it pass, the mapping does not.
    names = ["home.\x01" if is_refused(value) else f"home.meter-{value % ROWS}" for value in values]
    rows = [Reading(name, Kind.POWER, float(value), at) for name, value in zip(names, values, strict=True)]
    return readings_message(rows, {}, at)


def open_taker(folder: Path, server: BrokerServer, cleanup: ExitStack) -> TopicTaker:
    """The taker of a folder's table; it is let go of with `cleanup`."""
    topic = site_topics()[READINGS]
    table = cleanup.enter_context(ReadingsTable(folder / "readings"))
    quarantine = Quarantine(folder / "quarantine")
    cleanup.callback(quarantine.close)
    handler = DataHandler(table, ReadingQueries(folder / "readings"), quarantine)
    return TopicTaker(server, topic, handler, table.sequence(stream_of(topic)))


def main() -> None:
    """Take until somebody ends it; a server that is away is asked again."""
    with ExitStack() as cleanup:
        server = BrokerServer(os.environ["REDIS_URL"], SPACE, 2.0)
        taker = open_taker(Path(sys.argv[1]), server, cleanup)
        while True:
            try:
                if taker.step(_PATIENCE_S) is not None:
                    print(taker.mark, flush=True)
            except BrokerError as error:
                print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
