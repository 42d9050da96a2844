"""Who is killed when: as many as were asked for, all through the day, and only hosts that are at work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from experiments.faults.process_kills import BusyAgents, Failures, HostKiller

BEGIN = datetime(2016, 5, 19, 8, tzinfo=UTC)
AGENTS = [f"agent-{k}" for k in range(12)]


@dataclass
class HostedAgent:
    """Counts what it handled."""

    handled: int = 0


@dataclass
class Host:
    """One process with all agents."""

    hosted_agents: dict[str, HostedAgent] = field(default_factory=dict)


@dataclass
class OneHost:
    """The runtime of the undisturbed day."""

    host: Host


@dataclass
class Revival:
    """A host that came back."""

    host: str


class AgentRuntime:
    """Hosts that die as they were told, when they work: two agents each."""

    def __init__(self, injector: Random) -> None:
        self.host_of = {name: f"host-{k // 2}" for k, name in enumerate(AGENTS)}
        self.revivals: list[Revival] = []
        self.journal = ("", "")
        self._injector, self._deaths, self._dead = injector, dict[str, tuple[str, int]](), set[str]()

    def let_die(self, host: str, point: str, passage: int) -> None:
        """Nobody can tell anything to a process that is dead."""
        assert host not in self._dead
        self._deaths[host] = (point, passage)

    def work(self, agents: frozenset[str]) -> None:
        """An instant: one round or two of each host that has something to do, now and then with effects."""
        for host in sorted({self.host_of[agent] for agent in agents}):
            if host in self._dead:
                self._back(host)
            point, passage = self._deaths.get(host, ("", 0))
            rounds = self._injector.randint(1, 2)
            passed = rounds if point != "carried" else self._injector.randint(0, rounds)
            if passage and passage <= passed:
                self._dead.add(host)
                if point != "replied":
                    self._back(host)

    def _back(self, host: str) -> None:
        self._dead.discard(host)
        self._deaths.pop(host, None)
        self.revivals.append(Revival(host))


def day(injector: Random, instants: int) -> dict[datetime, frozenset[str]]:
    """Who works when."""
    at = [BEGIN + timedelta(minutes=5 * k) for k in range(instants)]
    return {when: frozenset(injector.sample(AGENTS, injector.randint(1, len(AGENTS)))) for when in at}


@given(st.integers(0, 2**32), st.integers(20, 60))
def test_as_many_die_as_were_asked_for(seed: int, kills: int) -> None:
    """Every kill falls on a host at work, none is wasted on one that does nothing more, all come back."""
    busy = day(Random(seed), 80)
    runtime, killer = AgentRuntime(Random(seed + 1)), HostKiller(Failures(kills), seed, busy)
    for now, agents in busy.items():
        killer(runtime, now)
        runtime.work(agents)
    assert kills - 2 <= len(runtime.revivals) <= kills  # two, where the last instant alone drew more than it has hosts
    assert not runtime._dead


def test_busy_agents_are_known_by_instant() -> None:
    """An agent is busy at an instant when it has handled more by the next; the last instant counts as well."""
    busy, host = BusyAgents(), Host({name: HostedAgent() for name in AGENTS[:2]})
    runtime: Any = OneHost(host)
    busy(runtime, BEGIN)
    host.hosted_agents["agent-0"].handled = 2
    busy(runtime, BEGIN + timedelta(minutes=5))
    busy(runtime, BEGIN + timedelta(minutes=10))
    busy.note({"agent-0": 2, "agent-1": 1})
    assert busy.at == {BEGIN: {"agent-0"}, BEGIN + timedelta(minutes=10): {"agent-1"}}
