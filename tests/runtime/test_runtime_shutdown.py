"""A host that is shut down gracefully leaves everybody's state in its journal: the next start handles nothing again."""

from __future__ import annotations

import asyncio
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.host.recovery import Recovery
from agents.runtime.scheduler import RoundScheduler
from tests.worlds.chatter import MINUTE, START, chatterer
from tests.worlds.one_host import FaultyStore, OneHost, Result, clean, small_site

PV = chatterer("farm-a.pv", device=True, ticks=99)
AGR = chatterer("agr", greets=("dso", "farm-a.pv"), ticks=5)


def aged() -> OneHost:
    """Two agents with a past of some rounds, of which none is settled: all that was ever written is kept."""
    here = OneHost(AGR, PV)
    for k in range(5):
        here.work(*here.chat(f"text {k}", hops=1), settled=0)
        here.now += MINUTE
    return here


def end(here: OneHost) -> None:
    """Gracefully, as a runtime that is closed does it."""
    asyncio.run(here.host.close())


def replayed(here: OneHost, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start again on the same journal; returns the agents that had to handle something again."""
    found: list[str] = []
    with monkeypatch.context() as patched:
        again = Recovery._again

        def noting(self: Recovery, agent: Any, number: int) -> bool:
            needed = again(self, agent, number)
            found.extend([agent.name] * needed)
            return needed

        patched.setattr(Recovery, "_again", noting)
        here.restart()
    return found


def test_after_a_graceful_shutdown_nothing_is_handled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is started again is as it was, without one event being handled for it; a killed one needs them."""
    here = aged()
    heard = {name: here.heard(name) for name in ("agr", "farm-a.pv")}
    sent = asyncio.run(here.host.resume())
    end(here)
    assert replayed(here, monkeypatch) == []
    assert {name: here.heard(name) for name in heard} == heard
    assert [(o.number, o.mail) for o in asyncio.run(here.host.resume())] == [(o.number, o.mail) for o in sent]
    here.work(*here.chat("new"))
    assert "agr" in replayed(here, monkeypatch)
    assert "dso new 0" in here.heard()


def test_a_shutdown_while_the_journal_is_away_is_one_without_snapshots() -> None:
    """What cannot be written does not keep a host from ending; its next start reads the events instead."""
    here = OneHost(AGR, PV)
    here.store = FaultyStore()
    here.restart()
    here.work(*here.chat("text"))
    here.store.moods = ["away"] * 9
    end(here)
    here.store.moods = []
    here.restart()
    assert here.heard()[-1] == "dso text 0"


def test_who_has_not_begun_begins_after_a_graceful_shutdown() -> None:
    """A host opened and closed before its first round leaves agents that still have to be started."""
    here = OneHost(AGR, PV)
    end(here)
    here.restart()
    here.work()
    assert here.heard()[0] == "started"
    assert here.heard().count("started") == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.booleans()), max_size=6))
def test_graceful_shutdowns_and_power_cuts_in_any_row_change_nothing(ends: list[tuple[int, bool]]) -> None:
    """The site is stopped at these minutes, gracefully or not, and goes on: same states, same ledger, same setpoints."""
    told = clean()[0]
    with TemporaryDirectory() as folder:
        site, heard = small_site(folder), list[Any]()

        async def whole_run() -> Any:
            now = START
            for minute, gracefully in (*sorted(ends), (60, False)):
                runtime = site.runtime()
                await runtime.open(now)
                until = START + minute * MINUTE
                scheduler = RoundScheduler(runtime, site, now, until, lambda *what: heard.append(what))
                await scheduler.run()
                now = scheduler.now
                if gracefully:
                    for host in runtime.hosts.values():
                        host._step_log.close()
            return runtime

        runtime = asyncio.run(whole_run())
        site.ledger_effects.close()
        other = Result(site, runtime, heard)
    assert other.bag() == told.bag()
    assert {len(w) for w in other.commands.values()} == {len(w) for w in told.commands.values()}


def test_a_journal_that_is_back_in_a_moment_or_was_emptied_still_takes_the_last_states() -> None:
    """What is in memory is not lost because the server was restarted, or emptied, just before the end."""
    for mood, kept in ((["away"], True), (["emptied"], True), (["away"] * 9, False)):
        here = OneHost(AGR, PV)
        here.store = store = FaultyStore()
        here.restart()
        here.work(*here.chat("text"))
        heard = here.heard()
        store.moods = list(mood)
        assert (asyncio.run(here.host.close()) is None) is kept
        store.moods = []
        here.restart()
        assert here.heard() == heard
