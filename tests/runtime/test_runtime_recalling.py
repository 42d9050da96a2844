"""Journals and agents are lost together: the site goes on from its ledger; one that never began begins as always."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import benches
import players
import pytest
from chatter import chatterer
from players import AHEAD, DAY, RULES

from agents.assembly.company import Company, Wire
from agents.roles.events import Recalled, Started
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import Shelf
from agents.runtime.journal.memory import MemoryJournal, MemoryStore
from agents.runtime.ledger_history import has_begun, recollect
from agents.runtime.local import LocalStage
from agents.runtime.scheduler import Conductor
from cim.codec.codec import decode
from devices.port.port import Port
from market.ledger.errors import NotALedger
from market.ledger.reader import LedgerReader
from market.settlement.payments import balance

START = AHEAD - timedelta(hours=3)
END = DAY.end + timedelta(hours=9)
LOSS = DAY.at(11, 37)


class Stage(LocalStage):
    """The local stage with fake devices, which outlive it."""

    def __init__(self, ports: dict[str, Any], ledger: Path, store: MemoryStore) -> None:
        company = Company(benches.specs(), RULES, ("test", 1), {"site": "test"})
        super().__init__(company, Wire(), ledger, journal=MemoryJournal(store))
        self.fakes = ports

    async def _ports(self) -> dict[str, Port]:
        return dict(self.fakes)


class World:
    """It stands still."""

    async def advance(self, to: Any) -> None:
        """Nothing moves."""


class Story:
    """A site's day in lives; `heard`: everything published, by topic."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "ledger.db"
        self.store = MemoryStore()
        self.ports = {spec.device: benches.port(spec) for spec in benches.specs() if spec.device is not None}
        self.heard: list[tuple[str, str, Any]] = []
        self.now = START

    def live(self, until: Any) -> Stage:
        """One life, up to an instant; then the process is gone."""

        async def life() -> Stage:
            stage = Stage(self.ports, self.ledger, self.store)
            await stage.open(self.now)
            sink = lambda now, *what: self.heard.append(what)  # noqa: E731
            conductor = Conductor(stage, World(), self.now, until, sink)
            await conductor.run()
            self.now = conductor.now
            self.health = await stage.health()
            await stage.close()
            return stage

        return asyncio.run(life())

    def told(self, topic: str) -> list[Any]:
        """Everything published under a topic."""
        return [value for _, heard, value in self.heard if heard == topic]

    def records(self) -> list[tuple[str, str, Any]]:
        """The ledger."""
        with LedgerReader(self.ledger) as reader:
            return [(r.kind, r.key, decode(r.body)) for r in reader.records()]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A day on which, before noon, the journal is emptied and all agents are killed."""
    told = Story(tmp_path_factory.mktemp("story"))
    told.live(LOSS)
    assert told.told("forgotten") == []
    told.store.empty()
    told.live(END)
    return told


def test_the_site_goes_on_from_its_ledger(story: Story) -> None:
    """No contract, order or settlement is made twice, every record is taken, money sums to zero."""
    records = story.records()
    kinds = Counter(kind for kind, _, _ in records)
    assert kinds["contract"] == 3
    assert kinds["flex-settlement"] == kinds["flex-settlement-response"] == 3
    assert kinds["metering"] == 2
    assert story.told("refusal") == story.told("breach") == story.told("parked") == []
    orders = [body for kind, _, body in records if kind == "flex-order"]
    assert orders
    settled = Counter(
        row.order_reference
        for kind, _, body in records
        if kind == "flex-settlement" and body.header.sender_domain == "dso.example"
        for row in body.order_settlements
    )
    assert set(settled.values()) <= {1}
    payments = [payment for kind, _, body in records if kind == "remuneration" for payment in body]
    assert payments
    assert sum(balance(payments).values()) == 0


def test_what_was_lost_is_in_the_agents_health(story: Story) -> None:
    """Each agent's account says what could not be rebuilt, the unmetered hours among it; and so does the news."""
    (account,) = story.health.values()
    assert {value["agent"] for value in story.told("forgotten")} == {agent.name for agent in account.agents}
    found = {agent.name: agent.forgotten for agent in account.agents}
    assert any(LOSS.isoformat()[:13] in sentence and "metered" in sentence for sentence in found["farm-a"])
    assert all(found.values())


def test_what_was_forgotten_outlives_a_restart(tmp_path: Path) -> None:
    """The sentences are part of an agent's state; a restart with its journal is no new loss."""
    told = Story(tmp_path)
    told.live(DAY.start + timedelta(hours=1))
    told.store.empty()
    told.live(DAY.start + timedelta(hours=2))
    first, said = told.health, len(told.told("forgotten"))
    told.live(DAY.start + timedelta(hours=3))
    assert len(told.told("forgotten")) == said
    sentences = lambda health: [agent.forgotten for host in health.values() for agent in host.agents]  # noqa: E731
    assert sentences(told.health) == sentences(first)


def test_a_site_without_a_record_begins_as_always(tmp_path: Path) -> None:
    """A ledger that holds nothing is no past: agents begin, and remember no loss; also when they died at once."""
    told = Story(tmp_path)
    told.live(START)
    told.store.empty()
    told.live(START + timedelta(hours=1))
    assert told.told("forgotten") == []
    assert any(kind == "contract" for kind, _, _ in told.records())
    assert all(agent.forgotten == () for host in told.health.values() for agent in host.agents)


def test_one_host_is_lost_and_the_others_have_their_past() -> None:
    """Only who has no memory is recalled; a role that knows no recalling begins as always."""
    specs = (chatterer("dso"), *(spec for spec in benches.specs() if spec.name == "agr"))
    host = Host(specs, RULES, {}, benches.inline, {"agr": "here", "dso": "here"}, journal=MemoryJournal())
    asyncio.run(host.open(AHEAD))
    assert host.fresh == ("agr", "dso")
    event = Recalled((), (), START, AHEAD)
    host.recall({"agr": event, "dso": event})
    assert host._own == {"agr": [event], "dso": [Started()]}


def test_each_agent_is_handed_its_own_part(story: Story) -> None:
    """Its own records, those signed or addressed to it, and all heads; of others' affairs nothing."""
    names = ("farm-a", "dso", "ledger", "farm-a.pv")
    past = recollect(story.ledger, names, RULES.domains, END)
    kinds = {name: Counter(record.kind for record in past[name].records) for name in names}
    assert kinds["farm-a"]["contract"] == 1
    assert kinds["farm-a"]["metering"] == 1
    assert "flex-order" not in kinds["farm-a"]
    assert kinds["dso"]["metering"] == 2
    assert "member-order" not in kinds["dso"]
    assert not kinds["ledger"]
    assert not kinds["farm-a.pv"]
    assert [head.number for head, _ in past["ledger"].heads] == [1, 2]
    assert past["dso"].began < LOSS


def test_of_old_days_only_contracts_and_limits_on_them_are_read(story: Story) -> None:
    """A year's ledger costs a restart no more than two weeks of it."""
    past = recollect(story.ledger, ("dso", "agr"), RULES.domains, END + timedelta(days=60))
    assert {record.kind for record in past["dso"].records} == {"contract"}
    assert {record.kind for record in past["agr"].records} <= {"contract", "member-order"}


def test_where_there_is_no_ledger_nothing_is_recalled(tmp_path: Path) -> None:
    """No file, an empty one, a device, and a ledger without records are no past; another file is refused."""
    empty = tmp_path / "empty.db"
    empty.touch()
    tables = tmp_path / "tables.db"
    Shelf(tables, RULES.keys, {"site": "test"}).close()
    for path in (tmp_path / "none.db", empty, Path(os.devnull), tables):
        assert not has_begun(path)
        assert recollect(path, players.FARMS, RULES.domains, AHEAD) == {}
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE notes (text TEXT)")
    database.close()
    with pytest.raises(NotALedger, match="other tables"):
        has_begun(other)
