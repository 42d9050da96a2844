"""What a device says by itself is kept before the device has its answer, and handled exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.runtime.envelope import Outcome
from agents.runtime.host import pauses
from cim.model.devices import VehicleUnplugged
from tests.worlds.chatter import MINUTE, START, chatterer
from tests.worlds.one_host import FaultyStore, OneHost

PV = chatterer("farm-a.pv", device=True, ticks=99)
NEWS = [VehicleUnplugged(k, START) for k in range(9)]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "PAUSES_S", (0.0, 0.0))


def measured(here: OneHost) -> list[str]:
    """The news that the device's agent has handled, a text for each reading."""
    return [text for text in here.heard("farm-a.pv") if text.startswith("measured")]


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_news_comes_out_exactly_once(away: bool, restarts: int) -> None:
    """Told between two readings, kept before the device has its answer, measured once however often the host dies."""
    here = OneHost(PV)
    here.work()
    here.store.away = away
    here.ports["farm-a.pv"].tell(NEWS[0])
    assert (here.host.health().trouble is not None) == away
    here.store.away = False
    if away:  # then it is in the next entry, whatever that is about
        here.work(*here.chat("a", to="farm-a.pv"))
    for _ in range(restarts):
        here.restart()
    here.ports["farm-a.pv"].tell(NEWS[1])
    here.now += MINUTE
    here.work()
    assert measured(here) == ["measured ", "measured VehicleUnplugged VehicleUnplugged "]
    here.restart()
    here.now += MINUTE
    here.work()
    assert measured(here)[2:] == ["measured "]
    assert here.host.health().trouble is None


def test_news_that_the_device_repeats_is_one() -> None:
    """It got no answer, as the host died; the host had kept it all the same."""
    here = OneHost(PV)
    here.work()
    here.ports["farm-a.pv"].tell(NEWS[0])
    here.restart()
    here.ports["farm-a.pv"].tell(NEWS[0])
    here.now += MINUTE
    here.work()
    assert measured(here)[1:] == ["measured VehicleUnplugged "]


def test_news_outlives_trimming() -> None:
    """The journal moves on, agent_snapshot after agent_snapshot, but not beyond news that no reading has brought yet."""
    here = OneHost(PV)
    here.work()
    here.ports["farm-a.pv"].tell(NEWS[0])
    for k in range(300):
        here.work(*here.chat(f"{k}" * 40, to="farm-a.pv"))
    here.restart()
    here.now += MINUTE
    here.work()
    assert measured(here)[1:] == ["measured VehicleUnplugged "]
    for k in range(300):
        here.work(*here.chat(f"{k}" * 40, to="farm-a.pv"))
    assert len(here.store.entries) < 300


def test_news_outlives_an_emptied_journal() -> None:
    """Rewritten with everything that is not measured; and what is measured does not come again."""
    here = OneHost(PV)
    here.work()
    here.ports["farm-a.pv"].tell(NEWS[0])
    here.now += MINUTE
    here.work()
    here.ports["farm-a.pv"].tell(NEWS[1])
    here.store.empty()
    here.ports["farm-a.pv"].tell(NEWS[2])
    here.work(*here.chat("a", to="farm-a.pv"))
    here.restart()
    here.now += MINUTE
    here.work()
    assert measured(here)[1:] == ["measured VehicleUnplugged ", "measured VehicleUnplugged VehicleUnplugged "]
    here.restart()
    here.now += MINUTE
    here.work()
    assert measured(here)[3:] == ["measured "]


@pytest.mark.parametrize("moods", [["away"], ["unanswered"], ["emptied"], ["unanswered", "away", "well"]])
def test_news_during_an_append_does_not_come_between_it_and_its_repetition(moods: list[str]) -> None:
    """The journal is away, the host waits, and in this moment a device speaks: both are kept, once."""
    here = OneHost(PV, chatterer("agr"))
    here.store = FaultyStore()
    here.restart()
    here.work()

    async def both() -> Outcome:
        here.store.moods = moods  # type: ignore[attr-defined]
        working = asyncio.ensure_future(here.host.work(here.now, _task(here)))
        while not here.host._step_log._appending and not working.done():  # noqa: ASYNC110 - the host tells nobody
            await asyncio.sleep(0)
        here.ports["farm-a.pv"].tell(NEWS[0])
        return await working

    assert asyncio.run(both()).handled == 1
    here.restart()
    here.now += MINUTE
    here.work()
    assert here.heard()[-1] == "dso a 0"
    assert measured(here)[1:] == ["measured VehicleUnplugged "]


def _task(here: OneHost) -> Any:
    from agents.runtime.envelope import Parcel, Task

    here.number += 1
    return Task(here.number, (Parcel("there", here.number, here.chat("a")),), 0)
