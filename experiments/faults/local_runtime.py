"""The simulation's hosts, all in one process; with journals in memory when faults are injected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from agents.roles.effects import Effect
from agents.roles.events import Received
from agents.runtime.agent_spec import AgentSpec
from agents.runtime.envelope import Envelope, Outcome, Task
from agents.runtime.host.effects import EffectRunner, Told
from agents.runtime.host.host import Host
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.ledger_effects import LedgerEffects
from experiments.faults.jobs import inline
from experiments.faults.probes import Observation, ProbedRole, Step
from experiments.faults.scenario import Scenario

KEEPER = "ledger"
IN_BYTES = 50  # every such seed's journals hold bytes, as a server's do: half as long again, so not every seed's


class InMemoryJournal:
    """Outlives its host, not its process: a crash here is one of a host.

    Args:
        objects: keep entries as they are; False has them made into bytes and back, as on a server.
    """

    durable = True

    def __init__(self, objects: bool) -> None:
        self.objects = objects
        self._kept: dict[int, Any] = {}

    def claim(self) -> tuple[tuple[int, Any], ...]:
        """All that is kept, oldest first."""
        return tuple(self._kept.items())

    def append(self, number: int, data: Any, keep_from: int) -> None:
        """Keep an entry, drop those that are not needed any more."""
        self._kept[number] = data
        while (first := next(iter(self._kept))) < keep_from:
            del self._kept[first]

    def rewrite(self, number: int, data: Any) -> None:
        """Start afresh."""
        self._kept = {number: data}

    def close(self) -> None:
        """Nothing is closed: the host reads it when it is started again."""


class PlainEffectRunner(EffectRunner):
    """Its devices answer at once, so it needs no task for each to wait in."""

    async def _side_by_side(self, steered: Sequence[Awaitable[Told]]) -> list[Told]:
        return [await one for one in steered]


class ProbedAgent(HostedAgent):
    """Lets no message pass its role by: what is watched is told of each one, with its sequence number.

    Args:
        born: whose place it takes.
        step, past: of what is watched.
    """

    def __init__(self, born: HostedAgent, step: Step | None, past: list[Observation] | None) -> None:
        roles: Iterator[Any] = chain([born.role], iter(born.build, None))

        def build() -> Any:
            return ProbedRole(next(roles), step, past)

        super().__init__(born.name, build, born.first_round)
        self._bugged = step is not None
        self.handlers = born.handlers

    def take(self, envelope: Envelope, now: datetime) -> list[Effect] | None:
        """A planted bug hears of a message as of any event; without one it goes its usual way, and is noted."""
        received = Received(envelope.sender, envelope.sequence, envelope.message)
        if self._bugged:
            return self.handle(received, now)
        effects = super().take(envelope, now)
        if effects is not None:
            self.role.note(received, effects, now)  # type: ignore[attr-defined]  # it is `ProbedRole`
        return effects


class InMemoryRuntime:
    """A home's agents share a host, and so do the sellers; in one process.

    Args:
        steps: gives the planted bug of an agent, or None.
        planted: what a planted bug of the runtime does to a host each time it is started.
    """

    def __init__(
        self,
        scenario: Scenario,
        steps: Callable[[AgentSpec], Step | None] = lambda _: None,
        planted: Callable[[Host], None] = lambda _: None,
    ) -> None:
        self.scenario, self._steps, self._planted = scenario, steps, planted
        self.ledger_effects = LedgerEffects(b"", scenario.rules.keys, {"seed": str(scenario.seed)})
        self.host_of: Mapping[str, str] = scenario.host_of
        self.cast: dict[str, ProbedRole] = {}
        self.hosts: dict[str, Host] = {}
        objects = scenario.seed % IN_BYTES != 0
        self._journals = {host: InMemoryJournal(objects) for host in self.host_of.values()}

    async def durable(self, name: str, point: Callable[[str], None]) -> Host:
        """A host on its journal; its agents' logs grow as the journal is read."""
        return self._host(name, journal=self._journals[name], point=point)

    def _host(self, name: str, **settings: Any) -> Host:
        specs = tuple(spec for spec in self.scenario.specs if self.host_of[spec.name] == name)
        ports = {spec.device: self.scenario.ports[spec.device] for spec in specs if spec.device is not None}
        ledger_effects = self.ledger_effects if name == KEEPER else None
        host = Host(
            specs, self.scenario.rules, dict(ports), inline, self.host_of, ledger_effects=ledger_effects, **settings
        )
        host.effect_runner = PlainEffectRunner(dict(ports), inline, ledger_effects, None)
        for spec in specs:
            past = self.cast[spec.name].log if spec.name in self.cast else None
            watched = ProbedAgent(host.hosted_agents[spec.name], self._steps(spec), past)
            host.hosted_agents[spec.name], self.cast[spec.name] = watched, watched.role  # type: ignore[assignment]
        self._planted(host)
        return host

    async def open(self, now: datetime) -> None:
        """All of them, without a journal."""
        for name in sorted(set(self.host_of.values())):
            self.hosts[name] = self._host(name)
            await self.hosts[name].open(now)

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """The health of each host."""
        return {name: await host.resume() for name, host in self.hosts.items()}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One after the other: nothing here waits for a wire."""
        return {name: await self.hosts[name].work(now, task) for name, task in tasks.items()}

    async def overdue(self) -> dict[str, Outcome]:
        """No host is late here."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """Nothing to wait for: without a journal no host crashes."""
        return ()
