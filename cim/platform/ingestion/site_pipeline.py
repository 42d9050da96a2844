"""A site's messaging at work: what agents publish goes to topics, and the topic of readings fills the readings table."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import structlog

from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.producer import Producer
from cim.platform.broker.publishing_store import PublishingStore
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.ingestion.topic_task import topic_taker
from cim.platform.store import Store

_WAIT_S, _AGAIN_S = 0.25, 1.0
_COMPACTED_AT = 64  # files that wait: so many make a query slow
_log = structlog.get_logger(__name__)


class SitePipeline:
    """From the agents' publications through topics into the readings table of a folder; a context manager.

    The taker works on a thread of its own, and tries again where the broker or the disk fails.

    Args:
        folder: the site's or run's; the table is in its `data/`.
        url, space: of the server, and the site's name on it.
        usage_points: by meter or device, the connection it belongs to.
        patience_s: how long a publication may wait for the broker; 0: a living site waits for nobody.
    """

    def __init__(
        self, folder: Path, url: str, space: str, usage_points: Mapping[str, str], patience_s: float = 0.0
    ) -> None:
        self._folder, self._usage_points, self._patience_s = folder, usage_points, patience_s
        self._server = BrokerServer(url, space)
        self._topics = site_topics()
        self._stop = threading.Event()
        self._drained = threading.Event()
        self._thread = threading.Thread(target=self._work, name="topic-taker", daemon=True)
        self.taken = 0
        self.trouble: str | None = None

    def around(self, store: Store) -> PublishingStore:
        """A store that publishes what it keeps; closed by its user, before the pipeline is left."""
        producer = Producer(self._server.beside(), self._topics)
        return PublishingStore(store, producer, self._usage_points, self._patience_s)

    def __enter__(self) -> SitePipeline:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take what is in the topic, as far as that can be done in a while, and end; the rest is taken by the next."""
        self._stop.set()
        self._thread.join()
        self._server.close()

    def _work(self) -> None:
        while not self._finished():
            try:
                self._take()
            except Exception as error:  # the site goes on; the topic keeps what was not taken
                self._say(error)
                self._stop.wait(_AGAIN_S)

    def _finished(self) -> bool:
        return self._stop.is_set() and (self._drained.is_set() or self.trouble is not None)

    def _take(self) -> None:
        with topic_taker(self._folder, self._server, self._topics[READINGS]) as (taker, table):
            while True:
                ending = self._stop.is_set()
                step = taker.step(0.0 if ending else _WAIT_S)
                self.trouble = None
                if step is not None:
                    self.taken += step.readings
                elif ending:
                    self._drained.set()
                    return
                if table.uncompacted_files >= _COMPACTED_AT:
                    table.compact()
                    table.clean_up()

    def _say(self, error: Exception) -> None:
        sentence = str(error).split("\n", 1)[0] or type(error).__name__
        if sentence != self.trouble:
            _log.warning("readings wait in their topic", reason=sentence)
        self.trouble = sentence
