"""The one who takes readings from a topic gets SIGKILL at random moments under load, and so does the topic's server.

In the end the table (and, for refused rows, the quarantine) must hold what the producer was told to be sent: all, each once.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.producer import Producer, patiently
from cim.platform.broker.schemas import READINGS, site_topics
from cim.platform.handler.quarantine import Quarantine
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from experiments.faults.topic_taker import ROWS, SPACE, is_refused, message_of, open_taker

_SERVER_EVERY = 4  # kills: after so many the server dies as well
_MOST_STEPS = 6  # that a taker lives to see acknowledged
_MOST_S = 0.15  # and how long it may go on after that
_PAUSE_S = 0.002  # between messages
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class TopicKills:
    """What the kills led to.

    Attributes:
        kills, server_kills: of takers, and of the server.
        readings: in the table at the end, each once.
        quarantined: rows that the mapping refuses.
        wrong: what did not hold, a sentence each; empty is as it must be.
    """

    kills: int
    server_kills: int
    readings: int
    quarantined: int
    wrong: tuple[str, ...]

    @property
    def said(self) -> str:
        """In a sentence, where nothing was wrong."""
        return (
            f"{self.kills} kills of the taker and {self.server_kills} of the server: of all readings that were sent"
            f" {self.readings:,} are in the table and {self.quarantined:,} in quarantine, each once"
        )


class Load:
    """Sends one message after the other from a thread until it is stopped."""

    def __init__(self, producer: Producer) -> None:
        self.sent = 0
        self._producer, self._stop = producer, threading.Event()
        self._thread = threading.Thread(target=self._send, name="load", daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """How many messages were sent, all of them in the topic when this returns. Raises BrokerError."""
        self._stop.set()
        self._thread.join()
        self._producer.flush(_PATIENCE_S)
        return self.sent

    def _send(self) -> None:
        while not self._stop.is_set():
            patiently(self._producer, READINGS, message_of(self.sent), _PATIENCE_S)
            self.sent += 1
            time.sleep(_PAUSE_S)


def kill_takers(folder: Path, kills: int, seed: int, tell: Callable[[int], None]) -> TopicKills:
    """Start a taker and kill it, so many times, while messages come in.

    Args:
        folder: new.
        seed: draws when; the machine's own timing remains.
        tell: is told how many kills are done.
    """
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    wrong: list[str] = []
    with EmbeddedRedis(folder / "server") as redis:
        redis.keep_alive()
        way = BrokerServer(redis.url, SPACE, 5.0)
        producer = Producer(way.beside(), site_topics())
        load = Load(producer)
        for number in range(1, kills + 1):
            _killed(folder, redis.url, draw)
            if number % _SERVER_EVERY == 0 and redis.pid is not None:
                os.kill(redis.pid, signal.SIGKILL)
            wrong += [f"after kill {number}: {fault}" for fault in held(folder, None)]
            tell(number)
        sent = load.stop()
        producer.close()
        _take_the_rest(folder, way)
        way.close()
    wrong += held(folder, sent)
    refused = Quarantine(folder / "quarantine")
    quarantined = len(refused.held(limit=sent * ROWS))
    refused.close()
    if quarantined != (expected := sum(map(is_refused, range(sent * ROWS)))):
        wrong.append(f"{quarantined} rows in quarantine, {expected} were refused")
    return TopicKills(kills, kills // _SERVER_EVERY, sent * ROWS - quarantined, quarantined, tuple(wrong))


def held(folder: Path, sent: int | None) -> list[str]:
    """What is wrong with a table's rows.

    Args:
        sent: messages that must all be there; None: those up to the last one that is.
    """
    every = ReadingQueries(folder / "readings").revisions(Selection())
    found = sorted(int(value) for value in every["value"].to_pylist())
    last = found[-1] // ROWS + 1 if found else 0
    wanted = [value for value in range((last if sent is None else sent) * ROWS) if not is_refused(value)]
    if found == wanted:
        return []
    twice, missing = len(found) - len(set(found)), len(set(wanted) - set(found))
    return [f"{len(found)} rows in the table, {twice} of them again, and {missing} missing of {len(wanted)}"]


def _killed(folder: Path, url: str, draw: random.Random) -> None:
    command = [sys.executable, "-m", "experiments.faults.topic_taker", str(folder)]
    environment = {**os.environ, "REDIS_URL": url}
    steps = draw.randint(1, _MOST_STEPS)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as taker:  # noqa: S603 - this program
        for _ in taker.stdout or ():
            steps -= 1
            if steps == 0:
                time.sleep(draw.uniform(0, _MOST_S))
                taker.kill()


def _take_the_rest(folder: Path, way: BrokerServer) -> None:
    with ExitStack() as cleanup:
        taker = open_taker(folder, way, cleanup)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if taker.step() is None:
                    return
            except BrokerError:
                if time.monotonic() > until:
                    raise
