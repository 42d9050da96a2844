"""A store that also tells: each publication and each block of readings goes to its topic as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import structlog

from cim.model.readings import Kind, Reading
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.producer import Producer, patiently
from cim.platform.broker.schemas import READINGS, publication_message, readings_message
from cim.platform.broker.topic import Message
from cim.platform.publications.base import Publication
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.store import Key, Store, Told

P = TypeVar("P", bound=Publication)

_BLOCK = 1_000  # readings of one instant that travel together
_LAST_S = 5.0  # that a living site waits for the broker when it stops
_WITHOUT = "the store keeps it; the topics do without"
_log = structlog.get_logger(__name__)


class PublishingStore:
    """A `Store` around another, which keeps everything whether or not the broker is there.

    Readings of one instant are gathered into blocks. A site goes on where the broker is away for longer than the
    producer's buffer lasts: what could not be sent is counted, and said; a simulation waits (`patience_s`).

    Args:
        usage_points: by meter or device, the connection it belongs to.
        patience_s: how long `put` may wait for room.
    """

    def __init__(
        self, kept: Store, producer: Producer, usage_points: Mapping[str, str], patience_s: float = 0.0
    ) -> None:
        self._kept, self._producer, self._usage_points = kept, producer, usage_points
        self._patience_s = patience_s
        self._number = 0
        self._block: list[Reading] = []
        self._recorded: datetime | None = None
        self.unsent = 0

    @property
    def reading_count(self) -> int:
        """See `Store`."""
        return self._kept.reading_count

    @property
    def trouble(self) -> str | None:
        """What is wrong with the topics, in one sentence."""
        waiting = self._producer.trouble
        if not self.unsent:
            return waiting
        return f"{self.unsent} messages are in the store and not in the topics: {waiting or 'the broker was away too long'}"

    @property
    def unkept(self) -> str | None:
        """See `Store`."""
        return self._kept.unkept

    def retry(self) -> None:
        """See `Store`."""
        self._kept.retry()

    def put(self, agent: str, publication: Publication) -> None:
        """Keep a publication, and send it. Raises BrokerError only where it was told to be patient, and was."""
        self._kept.put(agent, publication)
        if isinstance(publication, ReadingsTaken):
            if self._recorded != publication.at or len(self._block) >= _BLOCK:
                self._send_block()
            self._recorded = publication.at
            self._block += publication.readings
            return
        self._number += 1
        self._send(*publication_message(self._number, agent, publication))

    def told(
        self, family: type[P], since: datetime | None = None, until: datetime | None = None, key: Key | None = None
    ) -> list[Told[P]]:
        """See `Store`."""
        return self._kept.told(family, since, until, key)

    def readings(
        self,
        source: str | None = None,
        kind: Kind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Reading]:
        """See `Store`."""
        return self._kept.readings(source, kind, since, until)

    def flush(self) -> None:
        """Make durable what has been put so far."""
        self._send_block()
        self._kept.flush()

    def close(self) -> None:
        """Make everything durable, and send what waits. Raises BrokerError where a patient one cannot, in this time."""
        self._send_block()
        try:
            self._kept.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        try:
            self._producer.close(self._patience_s or _LAST_S)
        except BrokerError as error:
            if self._patience_s:
                raise
            _log.warning("broker", reason=str(error), so=_WITHOUT)

    def _send_block(self) -> None:
        block, self._block = self._block, []
        if block and self._recorded is not None:
            self._send(READINGS, readings_message(block, self._usage_points, self._recorded))

    def _send(self, topic: str, message: Message) -> None:
        try:
            patiently(self._producer, topic, message, self._patience_s)
        except BrokerError as error:
            if self._patience_s:
                raise
            if not self.unsent:
                _log.warning("broker", reason=str(error), so=_WITHOUT)
            self.unsent += 1
