"""A host that died is brought back however long its journal is away, and the others go on meanwhile. No Ray is started."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError, ObjectLostError

from agents.assembly.device_links import SocketLinks
from agents.assembly.site_agents import SiteAgents
from agents.runtime import loops
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host import pauses, step_log
from agents.runtime.journal import JournalAway, JournalFull
from agents.runtime.placement import Placement
from agents.runtime.ray import reviving as ray_reviving
from agents.runtime.ray import runtime as ray_stage
from agents.runtime.ray.calls import HostLost
from agents.runtime.ray.host_actor import HostActor
from agents.runtime.ray.runtime import RayRuntime
from tests.worlds.chatter import START, chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.players import RULES

_DEAD = ActorUnavailableError("killed by the test", b"\0" * 16)
_GONE = ObjectLostError("00" * 28, None, "at the node that the test killed")
_AWAY, _FULL = JournalAway("told to be away"), JournalFull("told to be full")


class Late(MemoryJournal):
    """Its server refuses claims, as often as the actor's test wants."""

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor.store)
        self.actor = actor

    def claim(self) -> tuple[tuple[int, bytes], ...]:
        """The next refusal, or what is kept."""
        if self.actor.refusals:
            raise self.actor.refusals.pop(0)
        return super().claim()


class Actor:
    """Stands for a Ray actor: `fails` says by method what the next calls raise; all else is done by a real `HostActor`.

    It works in a thread of its own, one call at a time, as an actor does in its process.
    """

    def __init__(self) -> None:
        self.fails: dict[str, list[Exception]] = {}
        self.calls: list[str] = []
        self.dies_after: str | None = None
        self.store = MemoryStore()
        self.refusals: list[Exception] = []
        self.thread = ThreadPoolExecutor(1)
        self.begin()

    def begin(self) -> None:
        """A process, as Ray starts it."""
        plain: Any = HostActor
        self.host = plain.__ray_metadata__.modified_class(SiteAgents.wire_types)
        self.host._journal = lambda: Late(self)

    def end(self) -> None:
        """The process is gone, and with it what it held."""
        self.thread.submit(self.host.close).result()
        self.host._loop._loop.close()

    def dies(self) -> None:
        """It is killed while it works; Ray needs a moment to start it again."""
        self.fails = {"work": [_DEAD], "configure": [_DEAD]}
        self.end()
        self.begin()

    def called(self, name: str, given: tuple[Any, ...]) -> Any:
        """One call."""
        self.calls.append(name)
        if self.fails.get(name):
            raise self.fails[name].pop(0)
        done = getattr(self.host, name)(*given)
        if self.dies_after == name:
            self.dies_after = None
            self.host.close()
            self.host._loop._loop.close()
            self.begin()
        return done

    def __getattr__(self, name: str) -> Any:
        """Its methods, to be called with `.remote`."""
        return SimpleNamespace(remote=lambda *given: Ref(self.thread.submit(self.called, name, given)))


@dataclass(frozen=True)
class Ref:
    """What a call to an actor gives at once."""

    done: Future[Any]

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self.done).__await__()


Setting = tuple[RayRuntime, dict[str, Actor]]
Make = Callable[..., Setting]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a runtime with two hosts. Waits are milliseconds, and a host gives its claim up after two tries."""
    monkeypatch.setattr(ray_stage, "answers_now", lambda refs: [ref.done.result() for ref in refs])
    monkeypatch.setattr(ray_reviving, "_PAUSES_S", (0.001, 0.01))
    monkeypatch.setattr(ray_reviving, "_REVIVAL_S", 0.1)
    monkeypatch.setattr(pauses, "PAUSES_S", (0.001, 0.001))
    monkeypatch.setattr(step_log, "_CLAIMS", 2)
    monkeypatch.setattr(loops, "spare_collector", lambda: None)
    actors: dict[str, Actor] = {}

    def made(patience: float | None = None) -> Setting:
        specs = (chatterer("agr"), chatterer("dso"))
        site_agents = SiteAgents(specs, RULES, {})
        runtime = RayRuntime(site_agents, SocketLinks(), tmp_path / "ledger.db", Placement(1), patience_s=patience)
        actors.update((spec.name, Actor()) for spec in specs)
        runtime._hosts |= actors
        runtime._setups |= {name: runtime._setup(plan) for name, plan in runtime._placed.items()}
        return runtime, actors

    yield made
    for actor in actors.values():
        actor.end()
        actor.thread.shutdown()


async def _round(runtime: RayRuntime, number: int, *names: str) -> dict[str, Outcome]:
    return await runtime.work(START, {name: Task(number, (), number - 1) for name in names})


def test_a_journal_that_is_not_there_at_the_first_start_is_said(make: Make) -> None:
    """Nobody waits for ever for a server that was never started: the claim's tries, and its own sentence."""
    runtime, actors = make()
    actors["agr"].refusals = [_AWAY] * 3
    with pytest.raises(JournalAway, match="told to be away"):
        asyncio.run(runtime.open(START))
    assert actors["agr"].calls.count("open") == 1


@pytest.mark.parametrize("refusal", [_AWAY, _FULL], ids=["away", "full"])
def test_a_host_comes_back_although_its_journal_was_away_for_longer_than_it_tries(
    make: Make, refusal: Exception
) -> None:
    """The run goes on where it was once the journal answers; away or full, far beyond what a claim waits, and Ray may."""
    runtime, actors = make()
    agr = actors["agr"]

    async def whole_run() -> dict[str, Outcome]:
        await runtime.open(START)
        await _round(runtime, 1, "agr", "dso")
        agr.dies()
        agr.refusals = [refusal] * 60
        return await _round(runtime, 2, "agr", "dso")

    outcomes = asyncio.run(whole_run())
    assert {name: outcome.number for name, outcome in outcomes.items()} == {"agr": 2, "dso": 2}
    assert [revival.host for revival in runtime.revivals] == ["agr"]
    assert agr.calls.count("open") == 1 + 60 // 2 + 1
    assert agr.host._opened.hosted_agents["agr"].handled == 1, "its greeting was handled before it died, and not again"


def test_the_others_go_on_while_a_host_waits_for_its_journal(make: Make) -> None:
    """With patience a round ends without the host that is away; it is heard as soon as its journal is back."""
    runtime, actors = make(patience=0.05)
    agr = actors["agr"]

    async def whole_run() -> None:
        await runtime.open(START)
        assert set(await _round(runtime, 1, "agr", "dso")) == {"agr", "dso"}
        agr.dies()
        agr.refusals = [_AWAY] * 1_000_000
        assert set(await _round(runtime, 2, "agr", "dso")) == {"dso"}
        for number in range(3, 6):
            assert set(await _round(runtime, number, "dso")) == {"dso"}
        assert set(await runtime.health()) == {"dso"}
        agr.refusals.clear()
        begun = time.monotonic()
        while not (late := await runtime.overdue()):
            assert time.monotonic() - begun < 10
            await asyncio.sleep(0.01)
        assert late["agr"].number == 2

    asyncio.run(whole_run())


def test_a_host_out_of_reach_keeps_nobody_from_hearing_how_the_others_are(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network is cut: a call is never answered. The health of the others is known within a glance; it is not missed."""
    monkeypatch.setattr(ray_stage, "_ANSWER_S", 0.05)
    runtime, actors = make(patience=0.05)
    reached = threading.Event()

    async def whole_run() -> None:
        await runtime.open(START)
        await _round(runtime, 1, "agr", "dso")
        actors["agr"].thread.submit(reached.wait, 10)
        assert set(await runtime.health()) == {"dso"}
        assert await runtime.missed() == ()
        assert set(await _round(runtime, 2, "agr", "dso")) == {"dso"}
        assert set(await runtime.health()) == {"dso"}
        reached.set()
        await asyncio.wait(runtime._late.values())
        assert set(await runtime.overdue()) == {"agr"}
        assert set(await runtime.health()) == {"agr", "dso"}

    asyncio.run(whole_run())


def test_a_host_that_is_stuck_does_not_keep_the_site_from_ending(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal is away for good: the others end in good order, it is ended without, and it is told which and why."""
    monkeypatch.setattr(ray_stage, "_CLOSE_S", 0.2)
    killed: list[Any] = []
    monkeypatch.setattr(ray_stage.ray, "kill", killed.append)
    runtime, actors = make(patience=0.05)
    free = threading.Event()

    async def whole_run() -> dict[str, str]:
        await runtime.open(START)
        await _round(runtime, 1, "agr", "dso")
        actors["agr"].thread.submit(free.wait, 10)
        return await runtime.close()

    assert asyncio.run(whole_run()) == {"agr": "it was at work for more than 0.2 s"}
    free.set()
    assert len(killed) == 2
    assert actors["dso"].calls[-1] == "close"


def test_an_answer_that_died_with_its_node_is_asked_for_again(make: Make) -> None:
    """The round was done; a host that is still there is opened again, lets go of what it held, and answers the same."""
    runtime, actors = make()

    async def whole_run() -> dict[str, Outcome]:
        await runtime.open(START)
        first = await _round(runtime, 1, "agr")
        actors["agr"].fails = {"work": [_GONE]}
        again = await _round(runtime, 1, "agr")
        assert (again["agr"].number, again["agr"].mail) == (1, first["agr"].mail)
        return again

    asyncio.run(whole_run())
    assert len(runtime.revivals) == 1


@pytest.mark.parametrize("moment", ["idle", "configure", "listen", "open"])
def test_a_host_that_died_between_two_calls_is_brought_back(make: Make, moment: str) -> None:
    """Nobody noticed its death, and Ray has started a new process, which knows nothing: also while it is being revived."""
    runtime, actors = make()
    agr = actors["agr"]

    async def whole_run() -> dict[str, Outcome]:
        await runtime.open(START)
        await _round(runtime, 1, "agr")
        agr.end()
        agr.begin()
        assert set(await runtime.health()) == {"dso"}
        agr.dies_after = None if moment == "idle" else moment
        return await _round(runtime, 2, "agr", "dso")

    assert set(asyncio.run(whole_run())) == {"agr", "dso"}
    assert agr.dies_after is None
    assert agr.host._opened.hosted_agents["agr"].handled == 1


def test_a_host_that_nothing_brings_back_is_one_sentence(make: Make) -> None:
    """In simulated time nobody goes on without it, so it is not waited for for ever: who, and what was expected."""
    runtime, actors = make()
    asyncio.run(runtime.open(START))
    actors["agr"].fails = {"work": [_DEAD], "configure": [_DEAD] * 1000}
    with pytest.raises(HostLost, match=r"agr \(agr\) died and was not back within 0\.1 s; expected a node with room"):
        asyncio.run(_round(runtime, 1, "agr"))
