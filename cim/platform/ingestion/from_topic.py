"""The topic of readings as a source: its blocks go through the Data Handler into the readings table, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cim.mapping.engine.frame import Frame, Reject
from cim.mapping.engine.mapping_file import MappingFile, read_mapping
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.consumer import Consumer, Received
from cim.platform.broker.schemas import COLUMNS
from cim.platform.broker.topic import Topic
from cim.platform.columns import Plain
from cim.platform.handler.handler import DataHandler, Taken
from cim.platform.handler.message_block import Block, stream_of_blocks

if TYPE_CHECKING:
    pass

GROUP = "readings-table"
ROWS = 20_000  # readings that are appended together: an append costs the same for few and for many
_MESSAGES = 64  # asked for at once
_MAPPING = Path(__file__).parent / "readings_topic.mapping.yaml"


def topic_mapping(path: Path | None = None) -> MappingFile:
    """How readings of the topic become CIM readings: a site's own file, or the package's.

    Raises:
        BadInput: the file is no mapping.
    """
    place = path or _MAPPING
    return read_mapping(place.read_text(encoding="utf-8"), place.name)


class TopicTaker:
    """The one consumer that fills the readings table from a topic; after a kill another goes on where the table is.

    A message is acknowledged when its readings are in the table (or known there, or in quarantine). One that was
    taken but not acknowledged comes again, and the table's mark of the topic tells that it is there.

    Args:
        mark: the sequence up to which the table has the topic's messages, None before the first
            (`ReadingsTable.sequence` of `stream_of`).

    Attributes:
        mark: the same as it is now.
    """

    def __init__(
        self,
        server: BrokerServer,
        topic: Topic,
        handler: DataHandler,
        mark: int | None,
        mapping: MappingFile | None = None,
    ) -> None:
        self._consumer = Consumer(server, topic, GROUP, "taker", dead_s=None)
        self._handler, self._mapping = handler, mapping or topic_mapping()
        self._source, self.mark = source_of(topic), mark or 0
        self._left: list[Received] = []

    def step(self, wait_s: float = 0.0) -> Taken | None:
        """Take what has come, up to a block of `ROWS`; None: nothing has, for `wait_s`.

        Raises:
            BrokerError: the server is away; try again.
            NotStored, OSError, sqlite3.Error: a disk does not take it; nothing was acknowledged, try again.
        """
        messages = self._next(wait_s)
        if not messages:
            return None
        try:
            fresh = [one for one in messages if one.sequence > self.mark]
            taken = self._take(fresh) if fresh else Taken()
            self._consumer.acknowledge(messages)
        except BaseException:
            self._left.clear()
            self._consumer.rewind()
            raise
        self.mark = max(self.mark, messages[-1].sequence)
        return taken

    def _next(self, wait_s: float) -> list[Received]:
        """Messages of about `ROWS` readings."""
        found, rows = list[Received](), 0
        while True:
            if not self._left:
                self._left = self._consumer.take(_MESSAGES, 0.0 if found else wait_s)
            if not self._left:
                return found
            while self._left:
                size = _rows(self._left[0])
                if found and rows + size > ROWS:
                    return found
                rows += size
                found.append(self._left.pop(0))

    def _take(self, messages: Sequence[Received]) -> Taken:
        strange = [one for one in messages if one.message is None]
        for one in strange:
            # When it came by the run's own clock nobody can say: the server's stands for it.
            recorded = datetime.fromtimestamp(int(one.id.partition("-")[0]) / 1000, UTC)
            self._handler.hold(self._source, one.sequence, _reject(one), self._mapping, recorded)
        block = block_of(self._source, [one for one in messages if one.message is not None])
        taken = self._handler.take_messages(block, self._mapping) if block is not None else Taken()
        return taken + Taken(rejects=len(strange))


def source_of(topic: Topic) -> str:
    """The name under which a topic's readings stand in table and quarantine."""
    return f"topic-{topic.name}"


def stream_of(topic: Topic) -> str:
    """The readings table's stream that a topic's messages are counted in."""
    return stream_of_blocks(source_of(topic))


def block_of(source: str, messages: Sequence[Received]) -> Block | None:
    """Blocks of the readings topic as one frame; None where they hold no reading."""
    import numpy as np
    import pyarrow as pa

    sizes = [_rows(one) for one in messages]
    if not sum(sizes):
        return None
    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    columns = {
        name: pa.concat_arrays([pa.array(_column(one, name), kinds[kind]) for one in messages])
        for name, kind in COLUMNS.items()
    }
    columns["at"] = columns.pop("at_us").cast(pa.timestamp("us", "UTC"))
    recorded = np.repeat([_recorded_us(one) for one in messages], sizes)
    places = [(one.sequence, row) for one, size in zip(messages, sizes, strict=True) for row in range(1, size + 1)]
    return Block(
        source,
        messages[-1].sequence,
        Frame(columns, np.arange(1, len(places) + 1, dtype=np.int64)),
        pa.array(recorded, pa.int64()).cast(pa.timestamp("us", "UTC")),
        places,
    )


def _column(one: Received, name: str) -> Sequence[Plain]:
    found = (one.message or {}).get(name)
    return found if isinstance(found, list | tuple) else ()


def _recorded_us(one: Received) -> int:
    found = (one.message or {}).get("recorded_us")
    return found if isinstance(found, int) else 0


def _rows(one: Received) -> int:
    return len(_column(one, "meter"))


def _reject(one: Received) -> Reject:
    return Reject(1, one.fault, one.data[:20_000].decode("utf-8", "backslashreplace"))
