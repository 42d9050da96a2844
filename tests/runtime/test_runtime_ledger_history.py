"""Journals and agents are lost together: the site goes on from its ledger; one that never began begins as always."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.assembly.device_links import SocketLinks
from agents.assembly.device_ports import SocketPorts
from agents.assembly.site_agents import SiteAgents
from agents.roles.events import Recalled, Started
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.ledger_history import has_begun, recollect
from agents.runtime.local import LocalRuntime
from agents.runtime.scheduler import RoundScheduler
from cim.codec.codec import decode
from cim.platform.publications.base import Publication
from cim.platform.publications.incidents import HandlingFailed, MemoryLost, RuleBroken
from cim.platform.publications.ledger import HeadRefused, RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.contracts.templates import PUBLISHED_TEMPLATE
from market.ledger.errors import NotALedger
from market.ledger.reader import LedgerReader
from market.settlement.payments import balance
from tests.worlds import benches, players
from tests.worlds.chatter import chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.players import AHEAD, DAY, RULES

START = AHEAD - timedelta(hours=3)
END = DAY.end + timedelta(hours=9)
LOSS = DAY.at(11, 37)


@dataclass(frozen=True)
class FakeLinks(SocketLinks):
    """To devices that are made already."""

    fakes: dict[str, Any] = field(default_factory=dict)

    def ports(self, devices: tuple[str, ...]) -> Any:
        """All of them."""
        return FakePorts(self.fakes)


class FakePorts(SocketPorts):
    """Ports that are made already."""

    def __init__(self, fakes: dict[str, Any]) -> None:
        super().__init__({}, None, {}, {}, ("127.0.0.1", 0), False)
        self.port = fakes.__getitem__


class AgentRuntime(LocalRuntime):
    """The local runtime with fake devices, which outlive it."""

    def __init__(self, ports: dict[str, Any], ledger: Path, store: MemoryStore) -> None:
        site_agents = SiteAgents(benches.specs(), RULES, {"site": "test"})
        super().__init__(site_agents, FakeLinks(fakes=ports), ledger, journal=MemoryJournal(store))


class World:
    """It stands still."""

    async def advance(self, to: Any) -> None:
        """Nothing moves."""


class SimulationRun:
    """A site's day in several runs; `heard`: everything published: (agent, publication)."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "ledger.db"
        self.store = MemoryStore()
        self.ports = {spec.device: benches.port(spec) for spec in benches.specs() if spec.device is not None}
        self.heard: list[tuple[str, Publication]] = []
        self.now = START

    def run(self, until: Any) -> AgentRuntime:
        """One run, up to an instant; then the process is gone."""

        async def one_run() -> AgentRuntime:
            runtime = AgentRuntime(self.ports, self.ledger, self.store)
            await runtime.open(self.now)
            sink = lambda *what: self.heard.append(what)  # noqa: E731
            scheduler = RoundScheduler(runtime, World(), self.now, until, sink)
            await scheduler.run()
            self.now = scheduler.now
            self.health = await runtime.health()
            await runtime.close()
            return runtime

        return asyncio.run(one_run())

    def told(self, *families: type[Publication]) -> list[Any]:
        """Everything published of some families."""
        return [publication for _, publication in self.heard if isinstance(publication, families)]

    def records(self) -> list[tuple[str, str, Any]]:
        """The ledger."""
        with LedgerReader(self.ledger) as reader:
            return [(r.kind, r.key, decode(r.body)) for r in reader.records()]


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> SimulationRun:
    """A day on which, before noon, the journal is emptied and all agents are killed."""
    told = SimulationRun(tmp_path_factory.mktemp("simulation"))
    told.run(LOSS)
    assert told.told(MemoryLost) == []
    told.store.empty()
    told.run(END)
    return told


def test_the_site_goes_on_from_its_ledger(simulation: SimulationRun) -> None:
    """No contract, order or settlement is made twice, every record is taken, money sums to zero."""
    records = simulation.records()
    kinds = Counter(kind for kind, _, _ in records)
    assert kinds["contract"] == 4  # two members', the DSO's option and framework
    assert kinds["flex-settlement"] == kinds["flex-settlement-response"] == 3
    assert kinds["metering"] == 2
    assert simulation.told(OrderRefused, RecordRefused, RuleBroken, HeadRefused, HandlingFailed) == []
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


def test_what_was_lost_is_in_the_agents_health(simulation: SimulationRun) -> None:
    """Each agent's account says what could not be rebuilt, the unmetered hours among it; and so does the news."""
    (account,) = simulation.health.values()
    assert {value.agent for value in simulation.told(MemoryLost)} == {agent.name for agent in account.agents}
    found = {agent.name: agent.forgotten for agent in account.agents}
    assert any(LOSS.isoformat()[:13] in sentence and "metered" in sentence for sentence in found["farm-a"])
    assert all(found.values())


def test_what_was_forgotten_outlives_a_restart(tmp_path: Path) -> None:
    """The sentences are part of an agent's state; a restart with its journal is no new loss."""
    told = SimulationRun(tmp_path)
    told.run(DAY.start + timedelta(hours=1))
    told.store.empty()
    told.run(DAY.start + timedelta(hours=2))
    first, said = told.health, len(told.told(MemoryLost))
    told.run(DAY.start + timedelta(hours=3))
    assert len(told.told(MemoryLost)) == said
    sentences = lambda health: [agent.forgotten for host in health.values() for agent in host.agents]  # noqa: E731
    assert sentences(told.health) == sentences(first)


def test_a_site_without_a_record_begins_as_always(tmp_path: Path) -> None:
    """A ledger that holds nothing is no past: agents begin, and remember no loss; also when they died at once."""
    told = SimulationRun(tmp_path)
    told.run(START)
    told.store.empty()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    told.run(START + timedelta(hours=1))
    assert told.told(MemoryLost) == []
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


def test_each_agent_is_handed_its_own_part(simulation: SimulationRun) -> None:
    """Its own records, those signed or addressed to it, and all heads; of others' affairs nothing."""
    names = ("farm-a", "dso", "ledger", "farm-a.pv")
    past = recollect(simulation.ledger, names, RULES.domains, END)
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


def test_of_old_days_only_contracts_units_and_orders_are_read(simulation: SimulationRun) -> None:
    """A year's ledger costs a restart no more than two weeks of it."""
    past = recollect(simulation.ledger, ("dso", "agr"), RULES.domains, END + timedelta(days=60))
    kept = {"contract", "register", "flex-order", "flex-order-refusal"}
    assert {"contract", "register", "flex-order"} <= {record.kind for record in past["dso"].records} <= kept
    assert {record.kind for record in past["agr"].records} <= {*kept, "member-order", PUBLISHED_TEMPLATE}


def test_where_there_is_no_ledger_nothing_is_recalled(tmp_path: Path) -> None:
    """No file, an empty one, a device, and a ledger without records are no past; another file is refused."""
    empty = tmp_path / "empty.db"
    empty.touch()
    tables = tmp_path / "tables.db"
    LedgerEffects(tables, RULES.keys, {"site": "test"}).close()
    for path in (tmp_path / "none.db", empty, Path(os.devnull), tables):
        assert not has_begun(path)
        assert recollect(path, players.FARMS, RULES.domains, AHEAD) == {}
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE notes (text TEXT)")
    database.close()
    with pytest.raises(NotALedger, match="other tables"):
        has_begun(other)
