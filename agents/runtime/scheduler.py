"""The scheduler: instant by instant, round by round, until all mailboxes and devices are quiet; then on to the next timer.

At one instant every host works off its whole inbox; then the round's parcels are exchanged; when a round is empty the
clock moves on. So every placement and runtime sees the same order. A parcel is given again until its receiver has taken
it durably, and its sender is told so: whoever dies, the scheduler included, nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from agents.runtime.clocks import Clock, SimClock
from agents.runtime.envelope import Outcome, Parcel, Task
from cim.model.errors import ProgrammingFault
from cim.platform.publications.base import Publication

_MAX_ROUNDS = 5000  # at one instant; agents that still talk then will talk for ever
_TRIES = 8  # at one instant for a parcel that its receiver does not take
_AGAIN = timedelta(seconds=1)  # then it waits, twice as long each time
_LONGEST = timedelta(minutes=1)
_LOOK_S = 5.0  # while the clock has to wait, so often it is seen to that everybody is there
_CREDIT = 100_000  # messages a host may have under way before it has to wait

Sink = Callable[[str, Publication], None]


class NeverQuiet(ProgrammingFault):
    """Agents answer each other without end at one instant."""


class AgentRuntime(Protocol):
    """Where the hosts live: one process, or Ray actors."""

    @property
    def host_of(self) -> Mapping[str, str]:
        """The host of each agent."""
        ...

    async def open(self, now: datetime) -> None:
        """Rebuild or start all agents and connect all devices."""
        ...

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """By host: what may not have reached its receivers, oldest first; the last says how the host is now."""
        ...

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round on the named hosts, side by side; who is not in the answer is still at it (see `overdue`)."""
        ...

    async def overdue(self) -> dict[str, Outcome]:
        """Outcomes of hosts that were late and have come since."""
        ...

    async def missed(self) -> tuple[str, ...]:
        """Hosts that should wait for their next round and do not: their processes have died. A round brings them back."""
        ...


class WorldClock(Protocol):
    """The simulated world, which takes its time from the scheduler."""

    async def advance(self, to: datetime) -> None:
        """Move on to an instant; returns when all devices are quiet."""
        ...


@dataclass
class _HostLink:
    """What the scheduler knows of a host."""

    inbox: dict[tuple[str, int], Parcel] = field(default_factory=dict)  # not taken yet
    outbound: dict[int, dict[str, int]] = field(default_factory=dict)  # round -> receiver -> messages not taken yet
    timer: datetime | None = None
    local: bool = True
    heard: int = 0
    busy: bool = False
    tries: int = 0  # in vain, at this instant
    again: datetime | None = None  # when to try the next time
    pause: timedelta = _AGAIN
    owed: int = 0  # messages that its receivers have not taken

    @property
    def settled(self) -> int:
        return min(self.outbound) - 1 if self.outbound else self.heard

    def ready(self, now: datetime) -> bool:
        if self.busy:
            return False
        if self.local or (self.inbox and (self.again is None or self.again <= now)):
            return True
        return self.timer is not None and self.timer <= now

    def wakes(self) -> datetime | None:
        due = [at for at in (self.timer, self.again if self.inbox else None) if at is not None]
        return min(due) if due else None


class RoundScheduler:
    """Runs agents on a clock.

    Args:
        runtime: where they live.
        world: of the devices.
        start, end: the span to run, UTC.
        sink: hears everything that is published: (agent, publication).
        progress: hears each new instant.
        clock: when an instant has come; simulated time does not wait.
        kept: returns once what the sink heard is kept (at once, but for a full disk), or False when it is to stop.
    """

    def __init__(
        self,
        runtime: AgentRuntime,
        world: WorldClock,
        start: datetime,
        end: datetime,
        sink: Sink,
        progress: Callable[[datetime], None] = lambda _: None,
        clock: Clock | None = None,
        kept: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._kept = kept
        self._runtime, self._world, self._end = runtime, world, end
        self._sink, self._progress, self._clock = sink, progress, clock or SimClock()
        self._links = {host: _HostLink() for host in sorted(set(runtime.host_of.values()))}
        self._busy = 0  # hosts at work
        self._nudged = asyncio.Event()
        self.stopped = False
        self.now = start
        self.messages = 0
        self.rounds = 0
        self.seconds: dict[str, float] = {}

    def stop(self) -> None:
        """End after the running instant."""
        self.stopped = True
        self._clock.interrupt()

    def nudge(self, host: str) -> None:
        """A host has something to say that came from outside: it is asked at this instant, not at its next timer."""
        self._links[host].local = True
        self._nudged.set()

    @property
    def late(self) -> tuple[str, ...]:
        """Hosts that have not answered yet."""
        return tuple([host for host, link in self._links.items() if link.busy])

    async def run(self) -> None:
        """From where the hosts are to the last instant, or until stopped.

        Raises:
            NeverQuiet: an instant does not end.
        """
        for host, outcomes in sorted((await self._runtime.resume()).items()):
            for outcome in outcomes:
                self._absorb(host, outcome)
        self.rounds = max(link.heard for link in self._links.values())
        while True:
            self._progress(self.now)
            await self._instant()
            wakes = [at for link in self._links.values() if not link.busy and (at := link.wakes()) is not None]
            if self._busy:
                wakes.append(self.now + _AGAIN)  # what they have for others must not wait for somebody's timer
            if self.stopped or not wakes or min(wakes) > self._end:
                return
            reached = await (self._wait(min(wakes)) if self._clock.waits else self._clock.reach(min(wakes)))
            if reached is None:
                return
            self.now = max(self.now, reached)  # a clock that was set back does not undo what has happened
            begun = time.perf_counter()
            await self._world.advance(self.now)
            self._book("world", time.perf_counter() - begun)

    async def _wait(self, at: datetime) -> datetime | None:
        """Until an instant. Who dies meanwhile is not left dead until its next timer: its devices may have much to say."""
        reaching = asyncio.ensure_future(self._clock.reach(at))
        try:
            while not reaching.done():
                nudged = asyncio.ensure_future(self._nudged.wait())
                await asyncio.wait([reaching, nudged], timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                nudged.cancel()
                self._nudged.clear()
                if reaching.done():
                    break
                for host in await self._runtime.missed():
                    self._links[host].local = True
                await self._instant()
            return reaching.result()
        finally:
            reaching.cancel()

    async def _instant(self) -> None:
        for _ in range(_MAX_ROUNDS):
            if self._busy:
                overdue = await self._runtime.overdue()
                for host in sorted(overdue):
                    self._absorb(host, overdue[host])
            # What a round told is told again after a kill until the next one begins: so that one waits for it to be kept.
            if self._kept is not None and not await self._kept():
                return
            tasks = self._tasks()
            if not tasks:
                return
            begun = time.perf_counter()
            outcomes = await self._runtime.work(self.now, tasks)
            self._book("rounds", time.perf_counter() - begun)
            for host in sorted(outcomes):
                self._absorb(host, outcomes[host])
        raise NeverQuiet(f"agents still talk after {_MAX_ROUNDS} rounds at {self.now.isoformat()}; expected quiet")

    def _tasks(self) -> dict[str, Task]:
        now = self.now
        ready = [(host, link) for host, link in self._links.items() if link.ready(now)]
        if not ready:
            return {}
        self.rounds += 1
        # Who has much under way waits for its receivers, unless everybody does.
        able = [(host, link) for host, link in ready if link.owed < _CREDIT] or ready
        self._busy += len(able)
        tasks: dict[str, Task] = {}
        for host, link in able:
            link.busy = True
            link.tries += bool(link.inbox)
            if link.again is not None and link.again <= now:
                link.again, link.tries = None, _TRIES - 1
            tasks[host] = Task(self.rounds, tuple(link.inbox.values()), link.settled)
        return tasks

    def _absorb(self, host: str, outcome: Outcome) -> None:
        link = self._links[host]
        self._busy -= link.busy
        link.timer, link.local, link.busy = outcome.next_timer, outcome.local, False
        for source, number in outcome.taken:
            if link.inbox.pop((source, number), None) is not None:
                self._delivered(source, number, host)
        if not link.inbox or outcome.taken or outcome.handled:
            link.tries, link.pause = 0, _AGAIN
        elif link.tries >= _TRIES:
            link.again = self.now + link.pause
            link.pause = min(2 * link.pause, _LONGEST)
        if outcome.number <= link.heard:
            return
        link.heard = outcome.number
        for agent, publication in outcome.published:
            self._sink(agent, publication)
        for part, seconds in outcome.seconds.items():
            self.seconds[part] = self.seconds.get(part, 0.0) + seconds
        self.messages += outcome.handled
        if not outcome.mail:
            return
        number, sizes = outcome.number, outcome.sizes
        for receiver, envelopes in outcome.mail.items():
            theirs = self._links[receiver]
            theirs.inbox[host, number] = Parcel(host, number, envelopes)
            theirs.again = None  # what is new does not wait behind what was not taken
        link.outbound[number] = sent = {to: sizes.get(to, len(parcel)) for to, parcel in outcome.mail.items()}
        link.owed += sum(sent.values())

    def _delivered(self, source: str, number: int, receiver: str) -> None:
        sender = self._links[source]
        receivers = sender.outbound.get(number, {})
        sender.owed -= receivers.pop(receiver, 0)
        if not receivers:
            sender.outbound.pop(number, None)

    def _book(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds
