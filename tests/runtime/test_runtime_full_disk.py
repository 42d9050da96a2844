"""A host whose ledger has no room waits, says so, and then has each record once; without a journal the run ends instead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents.roles.effects import Append, Effect
from agents.roles.events import Event, Recorded
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host import pauses
from agents.runtime.host.effects import EffectRunner
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.scheduler import RoundScheduler
from cim.codec.codec import encode
from market.ledger.errors import NotRecorded
from market.ledger.reader import LedgerReader
from tests.market.ledgers import PARTIES, START, record
from tests.worlds import benches, chatter
from tests.worlds.one_host import FaultAt, clean, small_site

WANTED = [("ledger", Append(number, (record(number),))) for number in range(3)]


class FullLedger(LedgerEffects):
    """Has room for so many effects before its disk is full, a few times, then for all."""

    def __init__(self, place: Path, room: int, times: int) -> None:
        super().__init__(place, {party.name: party.public for party in PARTIES}, {"site": "test"})
        self._room, self._times = room, times
        self.seen: list[str | None] = []

    def carry_out(self, effects: Sequence[tuple[str, Effect]], now: datetime) -> Iterator[tuple[str, Event]]:
        """As the real one, but for the disk."""
        self._times -= 1
        for number, told in enumerate(super().carry_out(effects, now)):
            if number == self._room and self._times >= 0:
                raise NotRecorded("ledger: it took nothing (database or disk is full); try again")
            yield told


def test_a_ledger_without_room_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is there once, and each outcome is told once, though the disk was full in the middle three times."""
    monkeypatch.setattr(pauses, "PAUSES_S", (0.0, 0.0))
    ledger = FullLedger(tmp_path / "ledger.db", room=1, times=3)
    runner = EffectRunner({}, chatter.twice, ledger, None)
    runner.patient = True
    told = asyncio.run(runner.carry_out(list(WANTED), START, {}))
    ledger.close()
    assert told == [("ledger", Recorded(number)) for number in range(3)]
    assert runner.trouble is None
    with LedgerReader(tmp_path / "ledger.db") as found:
        assert len(list(found.records(kind="order"))) == 3


def test_meanwhile_the_host_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trouble stands in the host's health as long as it lasts."""
    monkeypatch.setattr(pauses, "PAUSES_S", (0.001, 0.001))
    ledger = FullLedger(tmp_path / "ledger.db", room=0, times=3)
    runner, seen = EffectRunner({}, chatter.twice, ledger, None), set[str | None]()
    runner.patient = True

    async def watched() -> None:
        working = asyncio.create_task(runner.carry_out(list(WANTED), START, {}))
        while not working.done():
            await asyncio.sleep(0)
            seen.add(runner.trouble)

    asyncio.run(watched())
    ledger.close()
    assert seen == {None, "ledger: it took nothing (database or disk is full); try again"}


def test_a_run_without_a_journal_ends_with_the_sentence(tmp_path: Path) -> None:
    """Nobody would come back to it, so it does not wait for ever."""
    ledger = FullLedger(tmp_path / "ledger.db", room=1, times=9)
    runner = EffectRunner({}, chatter.twice, ledger, None)
    with pytest.raises(NotRecorded, match="try again"):
        asyncio.run(runner.carry_out(list(WANTED), START, {}))
    ledger.close()


def test_no_round_begins_before_what_the_last_one_told_is_kept() -> None:
    """So whoever is killed on the full disk tells it again; once it is kept all goes on as if nothing had been."""
    heard, begun, meanwhile = list[Any](), list[int](), list[int]()
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime = site.runtime(FaultAt())
        work = runtime.work

        async def watched(now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
            begun.append(len(heard))
            return await work(now, tasks)

        async def kept() -> bool:
            if len(heard) >= 5 and not meanwhile:
                before = len(begun)
                for _ in range(100):
                    await asyncio.sleep(0)
                meanwhile.append(len(begun) - before)
            return True

        runtime.work = watched  # type: ignore[method-assign]
        asyncio.run(benches.run(site, runtime, chatter.START, chatter.END, lambda *what: heard.append(what), kept=kept))
        site.ledger_effects.close()
    assert meanwhile == [0]
    assert [encode(what) for what in heard] == clean()[0].published


def test_a_site_that_is_stopped_on_a_full_disk_begins_no_further_round() -> None:
    """It ends where it stands: what was not kept is told again by the next start."""
    begun = list[datetime]()
    with TemporaryDirectory() as folder:
        site = small_site(folder)
        runtime = site.runtime(FaultAt())
        work = runtime.work

        async def watched(now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
            begun.append(now)
            return await work(now, tasks)

        async def whole_run() -> None:
            async def kept() -> bool:
                if len(begun) == 3:
                    scheduler.stop()
                return not scheduler.stopped

            await runtime.open(chatter.START)
            scheduler = RoundScheduler(runtime, site, chatter.START, chatter.END, lambda *_: None, kept=kept)
            await scheduler.run()

        runtime.work = watched  # type: ignore[method-assign]
        asyncio.run(whole_run())
        site.ledger_effects.close()
    assert len(begun) == 3
