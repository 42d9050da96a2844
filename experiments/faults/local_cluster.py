"""A simulated cluster: the same hosts in one process, with faults drawn from one seed.

Parcels are dropped, doubled, reordered and delayed on their way; hosts crash at named points and come back from their
journals; answers get lost, so that a round is asked for again; the clock jumps. Same seed, same faults.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.runtime.envelope import Outcome, Parcel, Task
from agents.runtime.host.host import Host

POINTS = ("received", "handled", "appended", "carried", "finished")


class Crash(BaseException):
    """The host's process ends at this point; a BaseException, so that no handler in it catches it."""


@dataclass(frozen=True)
class Faults:
    """How much goes wrong: probabilities from 0 to 1.

    Attributes:
        drop, duplicate, delay: of a parcel, each time it is given.
        reorder: of a host's inbox being shuffled.
        crash: of a host dying at a named point it passes.
        lose_reply: of an outcome not reaching the scheduler, which asks again.
        jump: of the clock leaping ahead at an instant, by up to `leap`; or being set back.
        hold: the longest delay of a parcel.
        most: faults in all; from then on everything goes well, so that every simulation has an end.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    crash: float = 0.0
    lose_reply: float = 0.0
    jump: float = 0.0
    leap: timedelta = timedelta(minutes=30)
    hold: timedelta = timedelta(minutes=10)
    most: int = 10_000


class FaultInjector:
    """Decides each fault, and counts them."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self._random = random.Random(seed)  # noqa: S311 - faults are drawn, not secrets
        self.faults = faults
        self.thrown: Counter[str] = Counter()
        self._doubles: dict[str, list[Parcel]] = {}
        self._held: dict[tuple[str, str, int], datetime] = {}
        self._passages = self._until_crash()

    def falls(self, kind: str, probability: float) -> bool:
        """Whether a fault happens now."""
        if probability <= 0 or self._random.random() >= probability or self.thrown.total() >= self.faults.most:
            return False
        self.thrown[kind] += 1
        return True

    def span(self, longest: timedelta) -> timedelta:
        """Whole seconds up to `longest`."""
        return timedelta(seconds=self._random.randint(1, max(int(longest.total_seconds()), 1)))

    def point(self, _: str) -> None:
        """A host passes a named point."""
        self._passages -= 1
        if self._passages == 0:
            self._passages = self._until_crash()
            if self.thrown.total() < self.faults.most:
                self.thrown["crash"] += 1
                raise Crash

    def _until_crash(self) -> int:
        """How many points are passed until a host dies at one; thousands are, so this is drawn once for all of them.

        The number of independent trials up to the first success: a geometric distribution.
        """
        crash = self.faults.crash
        if crash <= 0 or crash >= 1:
            return int(crash >= 1)  # 0: counted down for ever
        return 1 + int(math.log(1.0 - self._random.random()) / math.log(1.0 - crash))

    def way(self, host: str, parcels: tuple[Parcel, ...], now: datetime) -> tuple[Parcel, ...]:
        """What of a host's parcels arrives this time."""
        arrived: list[Parcel] = self._doubles.pop(host, [])
        for parcel in parcels:
            key = (host, parcel.source, parcel.number)
            until = self._held.get(key)
            if until is not None and now < until:
                continue
            if until is None and self.falls("delay", self.faults.delay):
                self._held[key] = now + self.span(self.faults.hold)
                continue
            if self.falls("drop", self.faults.drop):
                continue
            arrived.append(parcel)
            if self.falls("duplicate", self.faults.duplicate):
                self._doubles.setdefault(host, []).append(parcel)  # comes once more with the next round
        if len(arrived) > 1 and self.falls("reorder", self.faults.reorder):
            self._random.shuffle(arrived)
        return tuple(arrived)


class LocalCluster:
    """Hosts in one process, with the faults of a `FaultInjector`.

    Args:
        host_of: the host of each agent.
        build: makes a host (started again on the same journal), given its name and the named-point hook.
    """

    def __init__(
        self,
        host_of: Mapping[str, str],
        build: Callable[[str, Callable[[str], None]], Awaitable[Host]],
        injector: FaultInjector,
    ) -> None:
        self.host_of = host_of
        self._build, self._injector = build, injector
        self.hosts: dict[str, Host] = {}

    async def open(self, now: datetime) -> None:
        """Start all hosts."""
        self._now = now
        for name in sorted(set(self.host_of.values())):
            self.hosts[name] = await self._build(name, self._injector.point)
            await self.hosts[name].open(now)

    async def _again(self, name: str, now: datetime) -> None:
        """Start a host again from its journal and end the round that it was in."""
        while True:
            self.hosts[name] = await self._build(name, self._injector.point)
            try:
                await self.hosts[name].open(now, True)
                await self.hosts[name].resume()
            except Crash:
                continue
            return

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """The health of every host."""
        return {name: await self._resumed(name) for name in self.hosts}

    async def _resumed(self, name: str) -> tuple[Outcome, ...]:
        while True:
            try:
                return await self.hosts[name].resume()
            except Crash:
                await self._again(name, self._now)

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round of every host, with the faults that are drawn for it."""
        return {name: await self._worked(name, now, task) for name, task in tasks.items()}

    async def _worked(self, name: str, now: datetime, task: Task) -> Outcome:
        arrived = self._injector.way(name, task.parcels, now)
        given = task
        if arrived or task.parcels:
            missing = {parcel[:2] for parcel in task.parcels} - {parcel[:2] for parcel in arrived}
            given = Task(task.number, arrived, task.settled, complete=not missing)
        while True:
            try:
                outcome = await self.hosts[name].work(now, given)
            except Crash:
                await self._again(name, now)
                continue
            if not self._injector.falls("lost reply", self._injector.faults.lose_reply):
                return outcome

    async def overdue(self) -> dict[str, Outcome]:
        """No host is late here: a delay is one of a parcel."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """Nothing to wait for: a host that crashed is started again at once."""
        return ()


class JumpyClock:
    """Simulated time that leaps ahead now and then, and is set back as if a server had corrected it."""

    waits = False

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    async def reach(self, at: datetime) -> datetime | None:
        """`at`, or what the clock says instead."""
        faults = self._injector.faults
        if self._injector.falls("clock ahead", faults.jump):
            return at + self._injector.span(faults.leap)
        if self._injector.falls("clock back", faults.jump):
            return at - self._injector.span(faults.leap)
        return at

    def interrupt(self) -> None:
        """Returns at once: simulated time does not pass by itself."""
