"""Failures on purpose: a day of a site on real Ray, whose host processes get SIGKILL at seeded points all through the day.

The journal's server can be killed and emptied as well. The ledger must be that of the same day without failures, every
agent must have handled as many events, and each host must be back in time.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.runtime.journal import JournalAway
from cim.platform.memory_store import MemoryStore
from experiments.faults.comparison import differences, heads, uneven
from experiments.run.run import RunResult, run_site
from experiments.run.settings import RunSettings
from market.rules import Control

POINTS = ("received", "handled", "appended", "carried", "finished", "replied")
SURE = ("received", "handled", "appended", "finished")  # passed by every host that handles something
BACK_WITHIN_S = 5.0


@dataclass(frozen=True)
class Kills:
    """The outcome of a day with kills.

    Attributes:
        killed: processes that died, and came back.
        points: how many died at each named point.
        lost, doubled: agents that handled fewer or more events than without kills: (agent, without, with).
        slowest_s: the longest time until a host worked again.
        heads: of the ledger without and with kills.
        journal_killed, emptied: how often the journal's server was killed, and emptied.
    """

    killed: int
    points: dict[str, int]
    lost: tuple[tuple[str, int, int], ...]
    doubled: tuple[tuple[str, int, int], ...]
    slowest_s: float
    mean_s: float
    heads: tuple[str, str]
    journal_killed: int = 0
    emptied: int = 0

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each promise that was not kept."""
        found = differences((*self.lost, *self.doubled), self.heads, "kills")
        if self.slowest_s > BACK_WITHIN_S:
            found.append(f"a host was back after {self.slowest_s:.1f} s; expected {BACK_WITHIN_S:g} s")
        return tuple(found)


@dataclass(frozen=True)
class Failures:
    """How many of each: hosts killed, the journal's server killed, and emptied."""

    kills: int
    journal_kills: int = 0
    emptied: int = 0


class BusyAgents:
    """Which agents handle something at each instant of the undisturbed day, run in one process."""

    def __init__(self) -> None:
        self.at: dict[datetime, frozenset[str]] = {}
        self._now: datetime | None = None
        self._handled: dict[str, int] = {}

    def __call__(self, runtime: Any, now: datetime) -> None:
        """Count what was handled up to `now`; called at each instant, before its events are handled."""
        self.note({name: hosted_agent.handled for name, hosted_agent in runtime.host.hosted_agents.items()})
        self._now = now

    def note(self, handled: dict[str, int]) -> None:
        """How many events each agent has handled by the end of the last instant."""
        worked = frozenset(name for name, count in handled.items() if count > self._handled.get(name, 0))
        if self._now is not None and worked:
            self.at[self._now] = worked
        self._handled = handled


class HostKiller:
    """Draws which host is killed when: each instant of the undisturbed day has its share, busy phases no more than quiet ones.

    Args:
        busy: by instant, the agents that handle something then; only their hosts are chosen.
    """

    def __init__(self, failures: Failures, seed: int, busy: dict[datetime, frozenset[str]]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - failures are drawn, not secrets
        self._busy, instants = busy, sorted(busy)
        self._last = {name: at for at in instants for name in busy[at]}

        def drawn(count: int) -> list[datetime]:
            return sorted(self._random.choice(instants) for _ in range(count))

        self._due = drawn(failures.kills)
        self._server_due, self._empty_due = drawn(failures.journal_kills), drawn(failures.emptied)
        self._to_die: dict[str, str] = {}
        self._revived = 0
        self.points: dict[str, int] = {}
        self.sabotaged: Counter[str] = Counter()

    def __call__(self, runtime: Any, now: datetime) -> None:
        """Choose hosts that are about to work; one that did not pass its point is spared, and another is killed instead."""
        self._sabotage(runtime, now)
        for revival in runtime.revivals[self._revived :]:
            point = self._to_die.pop(revival.host, "appended")
            self.points[point] = self.points.get(point, 0) + 1
        self._revived = len(runtime.revivals)
        for host, point in list(self._to_die.items()):
            if point != "replied":  # a host that died after its reply is found dead at its next call
                runtime.let_die(host, point, 0)
                del self._to_die[host]
                self._due.insert(0, now)
        working = {runtime.host_of[agent] for agent in self._busy.get(now, ())}
        goes_on = {runtime.host_of[agent] for agent, last in self._last.items() if last > now}
        while self._due and self._due[0] <= now:
            free = sorted(working - self._to_die.keys())
            if not free:
                return
            self._due.pop(0)
            host = self._random.choice(free)
            point, passage = self._random.choice(POINTS), self._random.randint(1, 2)
            if host not in goes_on:
                point, passage = self._random.choice(SURE), 1  # its last chance
            elif point == "replied":
                passage = 1
            self._to_die[host] = point
            runtime.let_die(host, point, passage)

    def _sabotage(self, runtime: Any, now: datetime) -> None:
        from experiments.faults.journal_faults import empty_server, kill_server

        url, _ = runtime.journal
        for due, act in ((self._server_due, kill_server), (self._empty_due, empty_server)):
            while due and due[0] <= now:
                due.pop(0)
                try:
                    act(url)
                    self.sabotaged[act.__name__] += 1
                except JournalAway:  # it is not back from the last time yet: tried again at the next instant
                    due.insert(0, now)
                    break


def run(settings: RunSettings, failures: Failures, say: Any) -> Kills:
    """The day without failures (in one process), then with them (on Ray).

    Args:
        say: called with a sentence about what is being done, and with each instant.
    """
    busy = BusyAgents()
    out = settings.out
    say("the day without kills")
    quiet = replace(settings, runtime="local", wire="direct", durable=False)
    clean = run_site(quiet, out / "clean.db", MemoryStore(keep_readings=False), Control.MARKET, say, busy)
    busy.note(clean.handled)
    from agents.runtime.ray.start import start_ray

    say("starting Ray")
    start_ray(log=out / "ray.log")
    say(f"the day with {failures.kills} kills")
    killer = HostKiller(failures, settings.seed, busy.at)
    result = run_site(
        replace(settings, durable=True),
        out / "ledger.db",
        MemoryStore(keep_readings=False),
        Control.MARKET,
        say,
        killer,
    )
    return _compared(clean, result, killer, out)


def _compared(clean: RunResult, killed: RunResult, killer: HostKiller, out: Path) -> Kills:
    lost, doubled = uneven(clean, killed)
    times = [revival.seconds for revival in killed.revivals]
    return Kills(
        len(times),
        killer.points,
        lost,
        doubled,
        max(times, default=0.0),
        sum(times) / len(times) if times else 0.0,
        heads(out / "clean.db", out / "ledger.db"),
        killer.sabotaged["kill_server"],
        killer.sabotaged["empty_server"],
    )
