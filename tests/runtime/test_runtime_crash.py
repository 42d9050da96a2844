"""A host may die at any instant, an answer may get lost at any time, all may die at once: the simulation ends the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments.faults.local_cluster import FaultInjector, Faults, JumpyClock
from tests.worlds import benches, chatter
from tests.worlds.chatter import memory_in
from tests.worlds.one_host import FaultAt, PowerCut, Result, clean, simulation, small_site, until_cut
from tests.worlds.players import AHEAD, DAY

HARD = Faults(drop=0.2, duplicate=0.3, delay=0.02, reorder=0.5, crash=0.05, lose_reply=0.1, most=500)


def test_the_story_has_all_that_can_go_wrong() -> None:
    """It passes every named point, sends locally and between hosts, files, steers, computes; so its crashes are a proof."""
    told, names = clean()
    assert {"received", "handled", "appended", "carried", "finished", "lost reply"} == set(names)
    assert len(names) > 60
    assert len(told.records) == 2
    assert len(told.commands["farm-a.pv"]) >= 5
    heard = memory_in(told.states["agr"]).heard
    assert {"filed r1 ", "sum 2 4", "nap 1", "dso hello 1 1"} <= set(heard)
    assert told.failed_events == []


def test_a_crash_at_every_point_of_every_round_changes_nothing() -> None:
    """The same states (in the same order), ledger, setpoints and published values, one after the other."""
    told, names = clean()
    for at in range(1, len(names) + 1):
        other = simulation(FaultAt(at))
        where = f"{names[at - 1]} ({at})"
        assert other.states == told.states, where
        assert other.records == told.records, where
        assert other.commands == told.commands, where
        assert other.published == told.published, where


def test_a_power_cut_at_every_point_loses_and_doubles_nothing() -> None:
    """All hosts and the scheduler die: every message is handled once, the ledger is the same, no setpoint is missing."""
    told, names = clean()
    for at in range(1, len(names) + 1):
        with TemporaryDirectory() as folder:
            site, heard = small_site(folder), list[Any]()
            runtime = until_cut(site, [FaultAt(at, PowerCut), FaultAt()], heard)
            other = Result(site, runtime, heard)
        where = f"{names[at - 1]} ({at})"
        assert other.bag() == told.bag(), where
        assert {len(w) for w in other.commands.values()} == {len(w) for w in told.commands.values()}, where
        assert set(told.published) <= set(other.published), where


class Storm(FaultInjector):
    """All faults, and a power cut."""

    def __init__(self, seed: int, at: int) -> None:
        super().__init__(seed, HARD)
        self.left = at

    def point(self, name: str) -> None:
        """The cut comes at one of the points."""
        self.left -= 1
        if self.left == 0:
            raise PowerCut
        super().point(name)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 80), max_size=4))
@example(172, [3])  # a host is cut off before its first entry, and its first two messages come in the wrong order
@settings(max_examples=60, deadline=None)
def test_power_cuts_in_a_storm_lose_and_double_nothing(seed: int, cuts: list[int]) -> None:
    """Cut after cut, with parcels dropped, doubled, late and shuffled and hosts crashing in between, also while they resume."""
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        injectors: list[FaultInjector] = [Storm(seed + k, at) for k, at in enumerate(cuts)]
        other = Result(site, until_cut(site, [*injectors, FaultInjector(seed, HARD)], []), [])
    assert other.bag()[0] == clean()[0].bag()[0]
    assert [row[:2] for row in other.records] == [row[:2] for row in clean()[0].records]
    assert other.failed_events == []


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_whatever_goes_wrong_on_the_way_every_message_is_handled_once(seed: int) -> None:
    """Drops, doubles, delays, shuffling, crashes and lost answers together: same bag of messages, same ledger."""
    injector = FaultInjector(seed, HARD)
    told, other = clean()[0], simulation(injector)
    assert [name for name in told.bag()[0] if other.bag()[0][name] != told.bag()[0][name]] == []
    assert [row[:2] for row in other.records] == [row[:2] for row in told.records]
    assert other.failed_events == []


def test_the_same_seed_is_the_same_faults_and_the_same_run() -> None:
    """So a failing seed can be played again."""
    one, other, third = FaultInjector(3, HARD), FaultInjector(3, HARD), FaultInjector(4, HARD)
    first, second = simulation(one), simulation(other)
    assert one.thrown == other.thrown
    assert one.thrown.total() > 10
    assert first.published == second.published
    assert first.states == second.states
    simulation(third)
    assert third.thrown != one.thrown


def test_a_clock_that_jumps_undoes_nothing() -> None:
    """Set back, it stands still until it is there again; leaping ahead, timers fire late, but once."""
    thrown: Counter[str] = Counter()
    for seed in range(24):
        injector, instants = FaultInjector(seed, Faults(jump=0.5, leap=5 * chatter.MINUTE, most=20)), list[Any]()
        other = simulation(injector, clock=JumpyClock(injector), progress=instants.append)
        thrown += injector.thrown
        assert instants == sorted(instants)
        assert other.bag()[0] == clean()[0].bag()[0]
    assert thrown["clock ahead"] > 5
    assert thrown["clock back"] > 2


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The market's morning, on two hosts."""
    path = tmp_path_factory.mktemp("clean") / "ledger.sqlite"
    site, runtime, scheduler, _ = asyncio.run(benches.market(2, path, DAY.next(-1).at(10), AHEAD))
    return site.records(), benches.states(runtime), scheduler.messages


@pytest.mark.parametrize("seed", range(6))
def test_the_markets_ledger_is_that_of_the_clean_run(undisturbed: Any, tmp_path: Path, seed: int) -> None:
    """Crashes, lost answers, dropped, doubled and shuffled parcels: contracts, offers and orders are the same to the byte."""
    faults = Faults(drop=0.2, duplicate=0.3, reorder=0.5, crash=0.03, lose_reply=0.05, most=300)
    injector = FaultInjector(seed, faults)
    site, runtime, _, _ = asyncio.run(
        benches.market(2, tmp_path / "ledger.sqlite", DAY.next(-1).at(10), AHEAD, injector)
    )  # fmt: skip
    assert injector.thrown.total() >= 20
    assert site.records() == undisturbed[0]
    assert benches.states(runtime).keys() == undisturbed[1].keys()
    assert [r for h in runtime.hosts.values() for a in h.hosted_agents.values() for r in a.failed_events] == []


@pytest.mark.parametrize("hosts", [1, 3])
def test_crashes_alone_change_no_state_of_the_market(undisturbed: Any, tmp_path: Path, hosts: int) -> None:
    """Only hosts die and answers get lost: every agent ends in the very same state."""
    injector = FaultInjector(hosts, Faults(crash=0.05, lose_reply=0.05))
    site, runtime, _, _ = asyncio.run(
        benches.market(hosts, tmp_path / "ledger.sqlite", DAY.next(-1).at(10), AHEAD, injector)
    )  # fmt: skip
    assert injector.thrown["crash"] > 10
    assert site.records() == undisturbed[0]
    assert benches.states(runtime) == undisturbed[1]
