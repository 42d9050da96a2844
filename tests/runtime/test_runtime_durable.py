"""What a host has answered is in its journal first, and the journal gives it back, however much of it was trimmed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.envelope import ORDINARY, Envelope, Outcome
from agents.runtime.host import pauses, snapshot_schedule
from agents.runtime.journal import JournalAway
from cim.model.devices import VehicleUnplugged
from cim.model.errors import BadInput
from tests.worlds.chatter import MINUTE, START, Chat, chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.one_host import FaultyStore, OneHost

PV = chatterer("farm-a.pv", device=True, ticks=99)
NEWS = [VehicleUnplugged(k, START) for k in range(9)]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "PAUSES_S", (0.0, 0.0))


def plain(outcome: Outcome) -> Any:
    """All of an outcome but the time it took and whether there is more to do."""
    return outcome.number, outcome.mail, outcome.taken, outcome.published, outcome.handled, outcome.next_timer


class ProbedRole(MemoryJournal):
    """A journal that writes down when it was appended to."""

    def __init__(self, store: MemoryStore, happened: list[str]) -> None:
        super().__init__(store)
        self.happened = happened

    def append(self, number: int, data: bytes, keep_from: int) -> None:
        """Keep it, and say so."""
        super().append(number, data, keep_from)
        self.happened.append("appended")


def test_the_entry_is_appended_before_anything_is_sent_or_carried_out() -> None:
    """Handled, appended, carried out, then the next step; the outcome (and with it all mail) comes last."""
    here, happened = OneHost(PV), list[str]()
    here.host._step_log._journal = ProbedRole(here.store, happened)
    here.host._step_log._journal.claim()  # type: ignore[attr-defined]
    write = here.ports["farm-a.pv"].command

    async def command(*what: Any) -> None:
        happened.append("commanded")
        await write(*what)

    here.ports["farm-a.pv"].command = command
    here.host._point = happened.append
    here.work()
    steps = "".join(f"handled appended appended {w}carried " for w in ("", "commanded "))
    assert " ".join(happened) == f"received {steps}handled appended appended finished"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_round_asked_for_twice_is_answered_twice_the_same(restarted: bool) -> None:
    """In the same run of the host or the next one: same mail, same parcels taken, nothing handled or written again."""
    here = OneHost(chatterer("agr", greets=("dso", "farm-b"), ticks=3, files=False), PV)
    for k in range(4):
        outcome = here.work(*here.chat(f"{k}", hops=1), settled=0)
        written = list(here.ports["farm-a.pv"].written)
        if restarted:
            here.restart()
        here.number -= 1
        assert plain(here.work(settled=0)) == plain(outcome)
        assert here.ports["farm-a.pv"].written == written
        here.now += MINUTE
    assert len(asyncio.run(here.host.resume())) == 5


@given(st.lists(st.integers(1, 4), min_size=30, max_size=60), st.data())
@settings(max_examples=15, deadline=None)
def test_journals_stay_short_and_any_cut_restores(rounds: list[int], data: st.DataObject) -> None:
    """Entries kept are bounded by the sweep, whoever is busy or idle; a restart at any round is the host that never died."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_schedule, "_WINDOW", 8)
        patch.setattr(snapshot_schedule, "_SMALL", 200)
        # farm-b never hears a word after the start, and must not keep the journal long.
        kin = (chatterer("agr", ticks=99), chatterer("dso"), chatterer("farm-b"), chatterer("farm-a"))
        here, whole = OneHost(*kin), OneHost(*kin)
        for messages in rounds:
            to = data.draw(st.sampled_from(("agr", "agr", "agr", "dso")))
            for site in (here, whole):
                site.work(*_to(site, to, messages))
                site.now += MINUTE
            assert len(here.store.entries) <= 8 + len(kin) + 3
            if data.draw(st.booleans()):
                here.restart()
        here.restart()
        for name, hosted_agent in whole.host.hosted_agents.items():
            other = here.host.hosted_agents[name]
            assert other.snapshot() == hosted_agent.snapshot(), name


def _to(site: OneHost, to: str, messages: int) -> tuple[Envelope, ...]:
    """Messages on a channel that counts for itself."""
    channels: dict[str, int] = site.__dict__.setdefault("channels", {})
    first = channels.get(to, 0) + 1
    channels[to] = first + messages - 1
    return tuple(
        Envelope(to, "dso" if to != "dso" else "agr-2", ORDINARY, first + k, Chat(f"{k}")) for k in range(messages)
    )


MOODS = st.lists(st.sampled_from(("away", "unanswered", "full", "emptied", "well")), max_size=6)


@given(st.lists(MOODS, min_size=4, max_size=12), st.sets(st.integers(0, 11)))
@settings(deadline=None)
def test_a_host_waits_for_its_journal_and_then_goes_on(moods: list[list[str]], restarts: set[int]) -> None:
    """Away, full, emptied, answers lost, in any order: each round ends, and a later restart is the host that never died."""
    kin = (chatterer("agr", ticks=99), PV, chatterer("dso", greets=("agr",)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pauses, "PAUSES_S", (0.0, 0.0))
        here, whole = OneHost(*kin), OneHost(*kin)
        here.store = FaultyStore()
        here.restart()
        for k, mood in enumerate(moods):
            here.store.moods = mood  # type: ignore[attr-defined]
            for site in (here, whole):
                site.work(*_to(site, "agr", 2))
                site.now += MINUTE
            here.store.moods = []  # type: ignore[attr-defined]
            assert here.host.health().trouble is None
            if k in restarts:
                here.restart()
        here.restart()
        for name, hosted_agent in whole.host.hosted_agents.items():
            assert here.host.hosted_agents[name].snapshot() == hosted_agent.snapshot(), name
        assert here.host._step_log.own_mail() == whole.host._step_log.own_mail()
        assert here.ports["farm-a.pv"].written == whole.ports["farm-a.pv"].written


def test_an_emptied_journal_is_rewritten_with_all_that_is_not_settled() -> None:
    """Also mail of earlier rounds that its receivers do not have yet; `rewritten` counts it."""
    here = OneHost(chatterer("agr", greets=("dso",), ticks=9))
    first = here.work(settled=0)
    here.store.empty()
    here.now += MINUTE
    second = here.work(settled=0)
    assert here.host.health().rewritten == 1
    here.restart()
    kept = [e for outcome in asyncio.run(here.host.resume()) for mail in outcome.mail.values() for e in mail]
    assert kept == [e for outcome in (first, second) for mail in outcome.mail.values() for e in mail]


def test_a_start_waits_for_a_journal_that_is_restarting_too() -> None:
    """Some tries; one that is not there at all is said so."""
    here = OneHost(chatterer("agr"))
    here.work(*here.chat("a"))
    here.store = _as_faulty(here.store, ["away"] * 5)
    here.restart()
    assert here.heard() == ("started", "dso a 0")
    here.store.moods = ["away"] * 50  # type: ignore[attr-defined]
    with pytest.raises(JournalAway, match="told to be away"):
        here.restart()


def _as_faulty(store: MemoryStore, moods: list[str]) -> FaultyStore:
    moody = FaultyStore()
    moody.entries, moody.life, moody.last, moody._lives = store.entries, store.life, store.last, store._lives
    moody.moods = moods
    return moody


def test_a_journal_of_other_agents_is_one_sentence() -> None:
    """The placement was changed between two runs: no agent is mixed up with another, or forgotten."""
    here = OneHost(chatterer("agr"), chatterer("dso"))
    here.work()
    here.specs = (chatterer("agr"),)
    with pytest.raises(BadInput, match=r"journal: entry 1 keeps 'dso', who does not live in this host; expected"):
        here.restart()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_disarmed_timer_wakes_nobody(restarts: bool) -> None:
    """Neither when its instant comes nor after a restart; to disarm it again is nothing."""
    here = OneHost(chatterer("agr", ticks=1))
    assert here.work().next_timer == START + MINUTE
    assert here.work(*here.chat("calm", "calm")).next_timer is None
    if restarts:
        here.restart()
    here.now += MINUTE
    assert here.work().next_timer is None
    assert here.heard() == ("started", "dso calm 0", "dso calm 0")
