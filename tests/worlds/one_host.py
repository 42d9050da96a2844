"""One host on its journal that can be started again, and a small site in which a test says what fails, point by point."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.runtime.envelope import ORDINARY, Envelope, Outcome, Parcel, Task
from agents.runtime.host.host import Host
from agents.runtime.journal import JournalAway
from agents.runtime.scheduler import RoundScheduler
from cim.codec.codec import encode
from experiments.faults.local_cluster import Crash, FaultInjector, Faults
from tests.worlds import benches, chatter
from tests.worlds.chatter import START, Chat, chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.players import RULES

NEIGHBOURS = {"agr": "here", "farm-a.pv": "here", "dso": "there", "farm-b": "there"}


class OneHost:
    """One host on a journal, its rounds, and its restarts."""

    def __init__(self, *specs: Any, **settings: Any) -> None:
        self.specs = specs or (chatterer("agr"),)
        self.store, self.settings = MemoryStore(), settings
        self.ports: dict[str, Any] = {spec.device: benches.port(spec) for spec in self.specs if spec.device is not None}
        self.number = self.sent = 0
        self.now = START
        self.restart()

    def restart(self) -> None:
        """Start (again) on the same journal."""
        journal = MemoryJournal(self.store)
        self.host = Host(
            self.specs, RULES, dict(self.ports), chatter.twice, NEIGHBOURS, journal=journal, **self.settings
        )
        asyncio.run(self.host.open(self.now))

    def work(self, *envelopes: Envelope, parcels: tuple[Parcel, ...] = (), settled: int | None = None) -> Outcome:
        """The next round; by default all before it is settled."""
        self.number += 1
        if envelopes:
            parcels = (Parcel("there", self.number, envelopes),)
        task = Task(self.number, parcels, self.number - 1 if settled is None else settled)
        return asyncio.run(self.host.work(self.now, task))

    def chat(self, *texts: str, to: str = "agr", hops: int = 0) -> tuple[Envelope, ...]:
        """The next messages of one channel."""
        self.sent += len(texts)
        first = self.sent - len(texts) + 1
        return tuple(Envelope(to, "dso", ORDINARY, first + k, Chat(text, hops)) for k, text in enumerate(texts))

    def heard(self, name: str = "agr") -> tuple[str, ...]:
        """All an agent remembers."""
        return chatter.memory(self.host.hosted_agents[name].role).heard


class PowerCut(BaseException):
    """Everything dies at once, the scheduler included."""


class FaultAt(FaultInjector):
    """Lets one thing happen at one passage: named points, answers on their way, and parcels count in one row."""

    def __init__(self, at: int = 0, error: type[BaseException] = Crash) -> None:
        super().__init__(0, Faults())
        self.at, self.error, self.passed = at, error, 0
        self.names: list[str] = []

    def point(self, name: str) -> None:
        """A named point of some host's round."""
        self.passed += 1
        self.names.append(name)
        if self.passed == self.at:
            raise self.error

    def falls(self, kind: str, probability: float) -> bool:
        """An answer is on its way."""
        if kind != "lost reply":
            return False
        self.passed += 1
        self.names.append(kind)
        if self.passed != self.at:
            return False
        if self.error is not Crash:
            raise self.error
        return True


def small_site(folder: str, **more: Any) -> benches.Site:
    """The small simulation's site."""
    return benches.Site(chatter.four_agents(), chatter.HOSTS, Path(folder) / "ledger.sqlite", chatter.twice, **more)


class Result:
    """What a simulation left."""

    def __init__(self, site: benches.Site, runtime: Any, heard: list[Any]) -> None:
        self.states = benches.states(runtime)
        self.records = site.records()
        self.commands = benches.commands(site)
        self.published = [encode(what) for what in heard]
        self.failed_events = [
            p for h in runtime.hosts.values() for r in h.hosted_agents.values() for p in r.failed_events
        ]

    def bag(self) -> Any:
        """Nothing of it depends on who was heard first within an instant."""
        sorted_states = {
            name: sorted(chatter.memory_in(data).heard) for name, data in self.states.items() if name != "ledger"
        }
        return sorted_states, self.records


def simulation(injector: FaultInjector, **more: Any) -> Result:
    """The small simulation with these faults."""
    with TemporaryDirectory() as folder:
        site, heard = small_site(folder), list[Any]()
        runtime = site.runtime(injector)
        asyncio.run(benches.run(site, runtime, chatter.START, chatter.END, lambda *what: heard.append(what), **more))
        site.ledger_effects.close()
        return Result(site, runtime, heard)


@cache
def clean() -> tuple[Result, tuple[str, ...]]:
    """The simulation without faults, and the points it passes."""
    injector = FaultAt()
    return simulation(injector), tuple(injector.names)


def until_cut(site: benches.Site, injectors: list[FaultInjector], heard: list[Any]) -> Any:
    """Run, and after each power cut run again with a new scheduler and new hosts on the same journals."""

    async def whole_run() -> Any:
        now = chatter.START
        while True:
            runtime = site.runtime(injectors.pop(0))
            await runtime.open(now)
            scheduler = RoundScheduler(runtime, site, now, chatter.END, lambda *what: heard.append(what))
            try:
                await scheduler.run()
            except PowerCut:
                now = scheduler.now
            else:
                return runtime

    runtime = asyncio.run(whole_run())
    site.ledger_effects.close()
    return runtime


class FaultyStore(MemoryStore):
    """A journal's store that fails as a test tells it: one word of `moods` for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.moods: list[str] = []

    def reach(self) -> None:
        """The next mood counts."""
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "away":
            raise JournalAway("told to be away")
        if mood == "emptied":
            self.empty()
        self.full = mood == "full"
        if mood == "unanswered":
            self.unanswered = 1
