"""The scheduler gives what was not taken again, waits longer each time, and waits for nobody who is late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents.runtime import scheduler as conducting
from agents.runtime.clocks import PacedClock
from agents.runtime.envelope import ORDINARY, Envelope, Outcome, Task
from agents.runtime.scheduler import NeverQuiet, RoundScheduler
from experiments.faults.local_cluster import FaultInjector, Faults, LocalCluster
from tests.worlds import benches
from tests.worlds.chatter import END, MINUTE, START, Ticked, chatterer, memory
from tests.worlds.one_host import clean, small_site

SECOND = timedelta(seconds=1)


class Hushed(LocalCluster):
    """Like a runtime with patience: one host's work takes until an instant, and the others do not wait for it."""

    def __init__(self, site: benches.Site, host: str, since: datetime, until: datetime) -> None:
        super().__init__(site.host_of, site.build, FaultInjector(0, Faults()))
        self.host, self.since, self.until = host, since, until
        self.kept: dict[str, Outcome] = {}
        self.at = since
        self.asked = 0

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """All but the late one."""
        self.at = now
        done = await super().work(now, tasks)
        if self.since <= now < self.until and self.host in done:
            assert self.host not in self.kept, "asked again before it answered"
            self.asked += 1
            self.kept[self.host] = done.pop(self.host)
        return done

    async def overdue(self) -> dict[str, Outcome]:
        """It has come since."""
        if self.at < self.until:
            return {}
        done, self.kept = self.kept, {}
        return done

    async def advance(self, to: datetime) -> None:
        """Time goes on."""
        self.at = to


def test_a_late_host_stops_nobody_and_gets_its_mail_later() -> None:
    """The others go on through their timers; what was for the late one, and what it has sent, arrives when it is back."""
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime = Hushed(site, "two", START + MINUTE, START + 20 * MINUTE)
        heard: list[Any] = []

        async def whole_run() -> RoundScheduler:
            await runtime.open(START)
            scheduler = RoundScheduler(runtime, runtime, START, END, lambda *what: heard.append(what))
            await scheduler.run()
            return scheduler

        scheduler = asyncio.run(whole_run())
        site.ledger_effects.close()
        assert runtime.asked == 1
        assert scheduler.late == ()
        ticks = {(told.at, agent): told.number for agent, told in heard if isinstance(told, Ticked)}
        assert ticks[START + 2 * MINUTE, "agr"] == 2  # meanwhile
        for host in runtime.hosts.values():
            for name, hosted_agent in host.hosted_agents.items():
                if name != "ledger":
                    assert sorted(memory(hosted_agent.role).heard) == clean()[0].bag()[0][name]


def test_what_a_late_host_has_sent_waits_for_no_timer() -> None:
    """It is looked for every second, also where the next timer is far away."""
    with TemporaryDirectory() as folder:
        site = benches.Site(
            (chatterer("agr", greets=("dso",)), chatterer("dso", ticks=1)),
            {"agr": "one", "dso": "two"},
            Path(folder) / "ledger.sqlite",
        )
        instants: list[datetime] = []
        runtime = Hushed(site, "one", START, START + 5 * SECOND)

        async def whole_run() -> None:
            await runtime.open(START)
            await RoundScheduler(runtime, runtime, START, END, lambda *_: None, instants.append).run()

        asyncio.run(whole_run())
        site.ledger_effects.close()
        assert START + 5 * SECOND in instants
        assert START + 6 * SECOND not in instants
        assert "agr hello 1 2" in memory(runtime.hosts["two"].hosted_agents["dso"].role).heard


def test_a_host_that_never_answers_does_not_keep_a_run_from_its_end() -> None:
    """Beyond the last instant nobody is waited for."""
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime = Hushed(site, "two", START, END + MINUTE)

        async def whole_run() -> RoundScheduler:
            await runtime.open(START)
            scheduler = RoundScheduler(runtime, runtime, START, START + 3 * MINUTE, lambda *_: None)
            await scheduler.run()
            return scheduler

        assert asyncio.run(whole_run()).late == ("two",)
        site.ledger_effects.close()


class Stubborn:
    """Two hosts played by hand: `a` sends parcels, `b` takes none before an instant."""

    host_of: Mapping[str, str] = {"x": "a", "y": "b"}

    def __init__(self, until: datetime, sends: tuple[datetime, ...] = (START,), limit: int = 1) -> None:
        self.until, self.sends, self.limit = until, list(sends), limit
        self.given: list[tuple[datetime, tuple[int, ...]]] = []  # to b
        self.settled: list[int] = []  # told to a

    async def open(self, now: datetime) -> None:
        """Nothing to open."""

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """Both are new."""
        return {name: (replace(_outcome(0), local=True),) for name in ("a", "b")}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """`a` sends at its instants."""
        done: dict[str, Outcome] = {}
        for name, task in tasks.items():
            if name == "a":
                self.settled.append(task.settled)
                mail: dict[str, Any] = {}
                if self.sends and self.sends[0] <= now:
                    self.sends.pop(0)
                    mail = {"b": (Envelope("y", "x", ORDINARY, task.number, None),)}
                done[name] = _outcome(task.number, mail=mail, timer=self.sends[0] if self.sends else None)
            else:
                self.given.append((now, tuple(parcel.number for parcel in task.parcels)))
                taken = tuple((p.source, p.number) for p in task.parcels) if now >= self.until else ()
                done[name] = _outcome(task.number, taken=taken)
        return done

    async def overdue(self) -> dict[str, Outcome]:
        """Nobody is late."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """Nobody dies."""
        return ()

    async def advance(self, to: datetime) -> None:
        """No world."""


def _outcome(
    number: int,
    mail: dict[str, Any] | None = None,
    taken: tuple[tuple[str, int], ...] = (),
    timer: datetime | None = None,
    handled: int = 0,
) -> Outcome:
    return Outcome(number, mail or {}, taken, False, (), timer, {}, handled)


def conduct(runtime: Any, **more: Any) -> RoundScheduler:
    """Run it over the hour."""
    scheduler = RoundScheduler(runtime, runtime, START, END, lambda *_: None, **more)
    asyncio.run(scheduler.run())
    return scheduler


def test_what_is_not_taken_is_given_again_after_growing_pauses() -> None:
    """Some tries at once, then after a second, two, four ... a minute at most; until it is taken, then no more."""
    runtime = Stubborn(START + 10 * MINUTE)
    conduct(runtime)
    instants = sorted({at for at, parcels in runtime.given if parcels})
    pauses = [(b - a) // SECOND for a, b in pairwise(instants)]
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert START + 10 * MINUTE <= instants[-1] <= START + 11 * MINUTE
    assert len([1 for at, _ in runtime.given if at == START]) <= 10
    assert runtime.given[-1][1] == (1,)


def test_a_sender_is_told_that_it_is_settled_only_when_it_is() -> None:
    """As long as one receiver has not taken one parcel, its sender keeps that round and all after it."""
    runtime = Stubborn(START + 3 * MINUTE, (START, START + MINUTE, START + 10 * MINUTE))
    conduct(runtime)
    assert [settled for settled in runtime.settled if settled > 0] != []
    assert all(settled == 0 for settled in runtime.settled[:2])


def test_what_is_new_does_not_wait_behind_what_was_not_taken() -> None:
    """A parcel that comes during a pause is given at once, with what waits."""
    sends = (START, START + 130 * SECOND)
    runtime = Stubborn(START + 130 * SECOND, sends)
    conduct(runtime)
    at, parcels = runtime.given[-1]
    assert (at, len(parcels)) == (START + 130 * SECOND, 2)


class Sipping(Stubborn):
    """`b` handles some of a parcel each time, and has it all after 30 rounds."""

    sips = 0

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """A sip."""
        done = await super().work(now, tasks)
        if "b" in done and tasks["b"].parcels:
            self.sips += 1
            taken = tuple((p.source, p.number) for p in tasks["b"].parcels) if self.sips == 30 else ()
            done["b"] = _outcome(tasks["b"].number, taken=taken, handled=10)
        return done


def test_who_works_off_a_parcel_in_parts_is_not_paused() -> None:
    """A full mailbox takes some each round: that is progress, all at one instant."""
    runtime = Sipping(END)
    conduct(runtime)
    assert {at for at, _ in runtime.given} == {START}


def test_agents_that_never_stop_talking_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds without end at one instant are said, not endured."""
    monkeypatch.setattr(conducting, "_MAX_ROUNDS", 50)

    class Talking(Stubborn):
        async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
            return {name: Outcome(t.number, {}, (), True, (), None, {}) for name, t in tasks.items()}

    with pytest.raises(NeverQuiet, match=r"agents still talk after 50 rounds at 2016-.*; expected quiet"):
        conduct(Talking(END))


class Mortal(Stubborn):
    """`b` dies while everybody waits; it is found once, and a round brings it back."""

    dead = True

    async def missed(self) -> tuple[str, ...]:
        """Found at the first look."""
        found, self.dead = self.dead, False
        return ("b",) if found else ()


def test_who_dies_while_the_clock_waits_is_brought_back_before_the_next_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets a round at the instant that was; then the wait goes on, and the next instant comes when it was due."""
    monkeypatch.setattr(conducting, "_LOOK_S", 0.02)
    runtime = Mortal(START, (START, START + SECOND))
    clock = PacedClock(START, 2.0)
    begun = time.monotonic()
    conduct(runtime, clock=clock)
    assert time.monotonic() - begun >= 0.5
    assert runtime.given == [(START, ()), (START, (1,)), (START, ()), (START + SECOND, (4,))]


def test_a_wait_that_is_interrupted_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between two instants, nothing more is begun, however far the next one is."""
    monkeypatch.setattr(conducting, "_LOOK_S", 0.02)

    async def whole_run() -> RoundScheduler:
        runtime: Any = Stubborn(START, (START, END))
        scheduler = RoundScheduler(runtime, runtime, START, END, lambda *_: None, clock=PacedClock(START, 1.0))
        asyncio.get_running_loop().call_later(0.1, scheduler.stop)
        await scheduler.run()
        return scheduler

    assert asyncio.run(whole_run()).now == START


def test_stop_ends_after_the_running_instant() -> None:
    """And nothing is begun after it; progress has heard every instant up to it."""
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime, instants = site.runtime(), list[datetime]()

        async def whole_run() -> RoundScheduler:
            await runtime.open(START)

            def progress(now: datetime) -> None:
                instants.append(now)
                if len(instants) == 2:
                    scheduler.stop()

            scheduler = RoundScheduler(runtime, site, START, END, lambda *_: None, progress)
            await scheduler.run()
            return scheduler

        scheduler = asyncio.run(whole_run())
        site.ledger_effects.close()
        assert instants == [START, START + MINUTE]
        assert scheduler.stopped
        assert memory(runtime.hosts["one"].hosted_agents["agr"].role).heard.count("tick 1") == 1


def test_much_under_way_waits_for_its_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has sent more than its credit works again when its receivers have taken some, and nobody starves."""
    monkeypatch.setattr(conducting, "_CREDIT", 1)
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime = site.runtime()
        asyncio.run(benches.run(site, runtime, START, END))
        site.ledger_effects.close()
        heard = {
            name: sorted(memory(r.role).heard)
            for host in runtime.hosts.values() for name, r in host.hosted_agents.items() if name != "ledger"
        }  # fmt: skip
        assert heard == clean()[0].bag()[0]
