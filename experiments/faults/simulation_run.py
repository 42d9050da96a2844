"""A seed's whole simulation, from the first contract to the last co-signature, and everything it leaves to be judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from agents.runtime.agent_spec import AgentSpec
from agents.runtime.host.host import Host
from agents.runtime.scheduler import AgentRuntime, NeverQuiet, RoundScheduler
from cim.codec.codec import decode
from cim.platform.memory_store import MemoryStore
from cim.platform.store import Store
from experiments.faults.local_cluster import FaultInjector, Faults, JumpyClock, LocalCluster
from experiments.faults.local_runtime import InMemoryRuntime
from experiments.faults.probes import ProbedRole, Step
from experiments.faults.scenario import Scenario, draw
from market.ledger.errors import LedgerError
from market.ledger.reader import LedgerReader
from market.ledger.records import BlockHead, Record, Signature
from market.ledger.verify import verify


@dataclass(frozen=True)
class LedgerContents:
    """The ledger as it was left.

    Attributes:
        bodies: (kind, decoded body) of each record, in order.
        fault: what its verification found, or None.
    """

    records: tuple[Record, ...]
    bodies: tuple[tuple[str, Any], ...]
    heads: tuple[BlockHead, ...]
    cosignatures: dict[int, tuple[Signature, ...]]
    fault: str | None

    def of(self, kind: str) -> list[Any]:
        """All bodies of a kind, in order."""
        return [body for what, body in self.bodies if what == kind]


@dataclass
class SimulationRun:
    """What a run left.

    Attributes:
        cast: each agent, with its history.
        store: what was published.
        messages: how many were delivered.
        faults: how many of each kind were injected.
        restless: where and when its agents did not come to rest, so that it was broken off; None for a run to its end.
    """

    scenario: Scenario
    cast: dict[str, ProbedRole]
    book: LedgerContents
    store: Store
    messages: int
    faults: dict[str, int] = field(default_factory=dict)
    restless: str | None = None

    @property
    def seed(self) -> int:
        """The seed it was drawn from."""
        return self.scenario.seed

    def of_role(self, role: str) -> list[ProbedRole]:
        """All agents of a role, in order."""
        return [self.cast[spec.name] for spec in self.scenario.specs if spec.kind == role]


@dataclass(frozen=True)
class Planted:
    """A bug, planted from outside.

    Attributes:
        step: how an agent comes to handle its events wrongly; None for agents it does not touch.
        host: what is done to a host each time it is started.
        before: what is done to the drawn scenario.
        after: what becomes of the ledger's bytes before they are read.
        rougher: faults without which the bug would not show: the simulation gets at least so many of them.
    """

    step: Callable[[AgentSpec], Step | None] = lambda _: None
    host: Callable[[Host], None] = lambda _: None
    before: Callable[[Scenario], None] = lambda _: None
    after: Callable[[bytes], bytes] = lambda ledger: ledger
    rougher: Faults | None = None

    def roughened(self, faults: Faults | None) -> Faults | None:
        """The faults in which this bug shows."""
        if self.rougher is None or faults is None:
            return self.rougher or faults
        crash, duplicate = max(faults.crash, self.rougher.crash), max(faults.duplicate, self.rougher.duplicate)
        return replace(faults, crash=crash, duplicate=duplicate)


Run = Callable[[Coroutine[Any, Any, None]], None]


def play(
    seed: int, faults: Faults | None = None, planted: Planted | None = None, run: Run = asyncio.run
) -> SimulationRun:
    """Play a seed's simulation to its end, or to where its agents do not come to rest.

    Args:
        faults: how much goes wrong; nothing without it, and then hosts keep no journal.
        planted: the bug to be caught.
        run: what runs it, where one event loop serves many simulations.
    """
    planted = planted or Planted()
    faults = planted.roughened(faults)
    scenario = draw(seed)
    planted.before(scenario)
    runtime = InMemoryRuntime(scenario, planted.step, planted.host)
    store = MemoryStore(keep_readings=False)
    injector = FaultInjector(seed, faults or Faults())
    where: AgentRuntime = runtime if faults is None else LocalCluster(runtime.host_of, runtime.durable, injector)
    scheduler = RoundScheduler(
        where,
        scenario.world,
        scenario.start,
        scenario.end,
        store.put,
        clock=None if faults is None else JumpyClock(injector),
    )
    restless = None
    with closing(runtime.ledger_effects) as ledger_effects:
        try:
            run(_run(where, scheduler, scenario))
        except NeverQuiet as fault:
            restless = str(fault)
        book = read_ledger(planted.after(ledger_effects.image()))
    return SimulationRun(scenario, runtime.cast, book, store, scheduler.messages, dict(injector.thrown), restless)


async def _run(runtime: AgentRuntime, scheduler: RoundScheduler, scenario: Scenario) -> None:
    await runtime.open(scenario.start)
    try:
        await scheduler.run()
    finally:
        scenario.world.end_setpoints()


def read_ledger(ledger: bytes) -> LedgerContents:
    """What is in a ledger, checked byte by byte."""
    fault = None
    try:
        verify(ledger)
    except LedgerError as error:
        fault = str(error)
    with LedgerReader(ledger) as reader:
        records, heads = reader.records(), reader.heads()
        cosignatures = {head.number: reader.cosignatures(head.number) for head in heads}
    bodies = tuple((record.kind, decode(record.body)) for record in records)
    return LedgerContents(records, bodies, heads, cosignatures, fault)
