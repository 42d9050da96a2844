"""Who has lost its journal begins anew: its peers hear it, and it hears them."""

from __future__ import annotations

import asyncio
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents.runtime.envelope import ORDINARY, Envelope, Parcel, Task
from agents.runtime.journal.port import JournalEmptied
from tests.worlds import benches
from tests.worlds.chatter import END, HOSTS, MINUTE, START, Chat, chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.one_host import FaultAt, OneHost, Result, clean, small_site
from tests.worlds.players import RULES


@pytest.mark.parametrize("host", ["one", "two"])
@pytest.mark.parametrize("then", [False, True])
def test_who_begins_anew_is_not_taken_for_the_old_one(host: str, then: bool) -> None:
    """A host and its journal are gone, the site goes on: its peers hear it, and it hears them; also after a restart."""
    with TemporaryDirectory() as folder:
        site = small_site(folder)

        async def whole_run() -> Any:
            runtime = site.runtime()
            await runtime.open(START)
            scheduler = benches.RoundScheduler(runtime, site, START, START + MINUTE, lambda *_: None)
            await scheduler.run()
            site.stores[host] = MemoryStore()
            for _ in range(1 + then):
                runtime = site.runtime()
                await runtime.open(scheduler.now)
                scheduler = benches.RoundScheduler(
                    runtime, site, scheduler.now, scheduler.now + 5 * MINUTE, lambda *_: None
                )
                await scheduler.run()
            return runtime

        runtime = asyncio.run(whole_run())
        site.ledger_effects.close()
        left = Result(site, runtime, [])
    heard, whole = left.bag()[0], clean()[0].bag()[0]
    assert all(texts.count("started") == 1 for texts in heard.values())
    there, here = ("farm-a.pv", "agr") if host == "one" else ("agr", "farm-a")
    assert heard[there].count(f"{here} hello 1 2") == 2  # of the old one, and of the new one
    assert heard[here].count(f"{there} hello 1 1") == 1  # and the answer
    assert {"agr at tick 2 1", "agr limits -2"} & set(whole["farm-a.pv"]) <= set(heard["farm-a.pv"])
    new = [name for name, there in HOSTS.items() if there == host and name != "ledger"]
    first_rounds = {name: r.first_round for h in runtime.hosts.values() for name, r in h.hosted_agents.items()}
    assert all(first_rounds[name] > 1 for name in new)
    assert all(first == 0 for name, first in first_rounds.items() if HOSTS[name] != host)


def test_who_begins_anew_waits_for_gaps_of_channels_younger_than_itself() -> None:
    """Of an older channel it takes what comes; of a younger one it knows the first message when it sees it."""
    here = OneHost(chatterer("agr"))
    here.number = 6
    here.work()
    assert here.host.hosted_agents["agr"].first_round == 7
    old, young = 57, (9 << 24) + 1
    envelope = lambda sender, sequence: Envelope("agr", sender, ORDINARY, sequence, Chat(f"{sequence}"))  # noqa: E731
    assert here.work(envelope("dso", old)).handled == 1
    assert here.work(envelope("farm-b", young + 1)).handled == 0
    assert here.work(envelope("farm-b", young + 1), envelope("farm-b", young)).handled == 2


def test_who_begins_anew_takes_an_old_channel_up_only_where_nothing_earlier_can_come() -> None:
    """With a parcel missing on the way, the message after the missing one waits: otherwise the first would be lost."""
    here = OneHost(chatterer("agr"))
    here.number = 6
    here.work()
    first, second = here.chat("a", "b")
    late = Task(8, (Parcel("there", 5, (second,)),), 7, complete=False)
    assert asyncio.run(here.host.work(here.now, late)).taken == ()
    whole = Task(9, (Parcel("there", 5, (second,)), Parcel("there", 4, (first,))), 8)
    assert asyncio.run(here.host.work(here.now, whole)).handled == 2
    assert here.heard()[-2:] == ("dso a 0", "dso b 0")


def test_a_restart_keeps_the_first_round() -> None:
    """Who has a past begins at no round: a gap at the head of a channel stays a gap, whatever round it comes back in."""
    here = OneHost(chatterer("agr"), first_round=0)
    here.work()
    here.settings = {"first_round": 9}
    here.restart()
    assert here.host.hosted_agents["agr"].first_round == 0
    one, two = here.chat("a", "b")
    assert here.work(two).handled == 0
    assert here.work(one, two).handled == 2


def test_one_journal_emptied_and_host_dead_is_said() -> None:
    """What the journal knows to have lost is the host's trouble until it is rewritten."""
    here = OneHost(chatterer("agr"))
    here.work()

    class Damaged(MemoryJournal):
        def claim(self) -> tuple[tuple[int, bytes], ...]:
            super().claim()
            raise JournalEmptied("there were entries that are gone")

    journal = Damaged(here.store)
    from agents.runtime.host.host import Host

    host = Host(here.specs, RULES, {}, benches.inline, {"agr": "here"}, journal=journal)
    asyncio.run(host.open(START))
    assert host.health().trouble == "there were entries that are gone"
    here.store.empty()
    here.host = host
    here.work()
    assert (host.health().trouble, host.health().rewritten) == (None, 1)
    here.restart()
    assert here.heard() == ("started",)


def test_without_journals_nothing_differs() -> None:
    """A site run on hosts without journals is the same simulation."""
    with TemporaryDirectory() as folder:
        site = small_site(folder, durable=False)
        runtime = site.runtime(FaultAt())
        asyncio.run(benches.run(site, runtime, START, END))
        site.ledger_effects.close()
        assert benches.states(runtime) == clean()[0].states
