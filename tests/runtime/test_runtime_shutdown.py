"""A host that ends in peace leaves nothing to be lived through again; so another program may go on, and only then."""

from __future__ import annotations

import asyncio
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.host import code_version, step_log
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.scheduler import RoundScheduler
from cim.model.errors import BadInput
from tests.worlds.chatter import MINUTE, START, chatterer
from tests.worlds.lives import Here, Moody, Result, clean, troupe_site

PV = chatterer("farm-a.pv", device=True, ticks=99)
AGR = chatterer("agr", greets=("dso", "farm-a.pv"), ticks=5)


def aged() -> Here:
    """Two agents with a past of some rounds, of which none is settled: all that was ever written is kept."""
    here = Here(AGR, PV)
    for k in range(5):
        here.work(*here.chat(f"text {k}", hops=1), settled=0)
        here.now += MINUTE
    return here


def end(here: Here) -> None:
    """In peace, as a runtime that is closed does it."""
    asyncio.run(here.host.close())


def test_after_an_end_in_peace_nothing_is_lived_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next life is as the last one was, without one event being handled for it; a killed one's needs them."""
    here = aged()
    heard = {name: here.heard(name) for name in ("agr", "farm-a.pv")}
    sent = asyncio.run(here.host.resume())
    end(here)
    with monkeypatch.context() as patched:
        patched.setattr(HostedAgent, "replay", lambda *_: pytest.fail("it lived through something again"))
        here.live()
    assert {name: here.heard(name) for name in heard} == heard
    assert [(o.number, o.mail) for o in asyncio.run(here.host.resume())] == [(o.number, o.mail) for o in sent]
    here.work(*here.chat("new"))
    lived: list[Any] = []
    with monkeypatch.context() as patched:
        replay = HostedAgent.replay
        patched.setattr(HostedAgent, "replay", lambda *what: (lived.append(what), replay(*what)))
        here.live()
    assert lived
    assert "dso new 0" in here.heard()


def test_another_program_goes_on_where_one_ended_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade between two lives: the states are taken as they were left, and later ends are its own."""
    here = aged()
    heard = here.heard()
    end(here)
    monkeypatch.setattr(step_log, "program", lambda: b"upgraded")
    here.live()
    assert here.heard() == heard
    here.work(*here.chat("new"))
    since = here.heard()
    assert "dso new 0" in since
    here.live()  # killed: it lives again through what it handled itself
    assert here.heard() == since


def test_another_program_does_not_live_through_what_the_killed_one_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """It might decide otherwise than what was sent: it says so, who, and what there is to do, and touches nothing."""
    here = aged()
    kept = here.store.entries.copy()
    former = here.heard()
    with monkeypatch.context() as patched:
        patched.setattr(step_log, "program", lambda: b"upgraded")
        with pytest.raises(
            BadInput, match=r"(agr|farm-a.pv) would have to live again through entry \d+, which another program"
        ):
            here.live()
    here.live()  # the former program still can
    assert here.heard() == former
    assert here.store.entries == kept


def test_an_end_while_the_journal_is_away_is_one_without_residences() -> None:
    """What cannot be written does not keep a host from ending; its next life reads the events instead."""
    here = Here(AGR, PV)
    here.store = Moody()
    here.live()
    here.work(*here.chat("text"))
    here.store.mood = ["away"] * 9
    end(here)
    here.store.mood = []
    here.live()
    assert here.heard()[-1] == "dso text 0"


def test_who_has_not_begun_begins_after_an_end_in_peace() -> None:
    """A host opened and closed before its first round leaves agents that still have to be started."""
    here = Here(AGR, PV)
    end(here)
    here.live()
    here.work()
    assert here.heard()[0] == "started"
    assert here.heard().count("started") == 1


def test_the_program_is_told_apart_by_its_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The same code gives the same mark, a changed line another; what decides nothing does not count."""
    (tmp_path / "deciding.py").write_text("LIMIT = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code_version, "_DECIDING", ("deciding",))
    mark = code_version.program.__wrapped__
    one = mark()
    assert mark() == one
    assert len(one) == 8
    (tmp_path / "other.py").write_text("LIMIT = 1\n")
    assert mark() == one
    (tmp_path / "deciding.py").write_text("LIMIT = 2\n")
    assert mark() != one


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.booleans()), max_size=6))
def test_ends_in_peace_and_power_cuts_in_any_row_change_nothing(ends: list[tuple[int, bool]]) -> None:
    """The site is stopped at these minutes, in peace or not, and goes on: same states, same ledger, same setpoints."""
    told = clean()[0]
    with TemporaryDirectory() as folder:
        site, heard = troupe_site(folder), list[Any]()

        async def live() -> Any:
            now = START
            for minute, peace in (*sorted(ends), (60, False)):
                runtime = site.runtime()
                await runtime.open(now)
                until = START + minute * MINUTE
                scheduler = RoundScheduler(runtime, site, now, until, lambda *what: heard.append(what))
                await scheduler.run()
                now = scheduler.now
                if peace:
                    for host in runtime.hosts.values():
                        host._step_log.close()
            return runtime

        runtime = asyncio.run(live())
        site.ledger_effects.close()
        other = Result(site, runtime, heard)
    assert other.bag() == told.bag()
    assert {len(w) for w in other.commands.values()} == {len(w) for w in told.commands.values()}


def test_states_that_are_too_much_for_one_entry_are_written_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server takes no entry of any size: a host of many agents ends in peace all the same."""
    monkeypatch.setattr(step_log, "_PART_BYTES", 1)
    here = aged()
    heard, before = here.heard(), len(here.store.entries)
    end(here)
    assert len(here.store.entries) == before + 2
    with monkeypatch.context() as patched:
        patched.setattr(HostedAgent, "replay", lambda *_: pytest.fail("it lived through something again"))
        here.live()
    assert here.heard() == heard


def test_a_journal_that_is_back_in_a_moment_or_was_emptied_still_takes_the_last_states() -> None:
    """What is in memory is not lost because the server was restarted, or emptied, just before the end."""
    for mood, kept in ((["away"], True), (["emptied"], True), (["away"] * 9, False)):
        here = Here(AGR, PV)
        here.store = store = Moody()
        here.live()
        here.work(*here.chat("text"))
        heard = here.heard()
        store.mood = list(mood)
        assert (asyncio.run(here.host.close()) is None) is kept
        store.mood = []
        here.live()
        assert here.heard() == heard
