"""The conductor of simulated time: instant by instant, round by round, until all mailboxes and devices are quiet.

At one instant every host works off its whole inbox; then the round's outboxes are exchanged; when a round is empty the
world (the simulated devices) moves on to the next timer. So every placement and runtime sees the same order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from agents.runtime.envelope import Envelope, Outcome
from cim.model.errors import ProgrammingFault

_MAX_ROUNDS = 5000  # at one instant; agents that still talk then will talk for ever

Sink = Callable[[datetime, str, str, Any], None]


class Stage(Protocol):
    """Where the hosts live: one process, or Ray actors."""

    @property
    def host_of(self) -> Mapping[str, str]:
        """The host of each agent."""
        ...

    async def open(self, now: datetime) -> None:
        """Connect all devices and start all agents."""
        ...

    async def work(self, now: datetime, inboxes: Mapping[str, tuple[Envelope, ...]]) -> dict[str, Outcome]:
        """One round on the named hosts, side by side."""
        ...


class Field(Protocol):
    """The simulated world, which takes its time from the conductor."""

    async def advance(self, to: datetime) -> None:
        """Move on to an instant; returns when all devices are quiet."""
        ...


class Conductor:
    """Runs agents on a simulated clock.

    Args:
        stage: where they live.
        field: the devices' world.
        start, end: the span to run, UTC.
        sink: hears everything that is published: (instant, agent, topic, value).
        progress: hears each new instant.
    """

    def __init__(
        self,
        stage: Stage,
        field: Field,
        start: datetime,
        end: datetime,
        sink: Sink,
        progress: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._stage, self._field = stage, field
        self._start, self._end = start, end
        self._sink, self._progress = sink, progress
        self._timers: dict[str, datetime | None] = {}
        self.messages = 0
        self.rounds = 0
        self.seconds: dict[str, float] = {}

    async def run(self) -> None:
        """From the first instant to the last."""
        now = self._start
        hosts = sorted(set(self._stage.host_of.values()))
        active = hosts
        while True:
            self._progress(now)
            await self._instant(now, dict.fromkeys(active, ()))
            due = [at for at in self._timers.values() if at is not None]
            if not due or min(due) > self._end:
                return
            now = min(due)
            active = [host for host in hosts if self._timers.get(host) == now]
            begun = time.perf_counter()
            await self._field.advance(now)
            self._book("world", time.perf_counter() - begun)

    async def _instant(self, now: datetime, inboxes: dict[str, tuple[Envelope, ...]]) -> None:
        host_of = self._stage.host_of
        for _ in range(_MAX_ROUNDS):
            if not inboxes:
                return
            self.rounds += 1
            begun = time.perf_counter()
            outcomes = await self._stage.work(now, inboxes)
            self._book("rounds", time.perf_counter() - begun)
            following: dict[str, list[Envelope]] = {}
            for host in sorted(outcomes):
                outcome = outcomes[host]
                self._timers[host] = outcome.next_timer
                for agent, topic, value in outcome.published:
                    self._sink(now, agent, topic, value)
                for part, seconds in outcome.seconds.items():
                    self._book(part, seconds)
                for envelope in outcome.outbox:
                    self.messages += 1
                    following.setdefault(host_of[envelope.to], []).append(envelope)
            inboxes = {host: tuple(envelopes) for host, envelopes in following.items()}
        raise ProgrammingFault(f"agents still talk after {_MAX_ROUNDS} rounds at {now.isoformat()}; expected quiet")

    def _book(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds
