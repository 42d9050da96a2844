"""Fake devices, and a site whose hosts, journals and ledger a test can kill and bring back as it likes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import agents.assembly.wire_types  # noqa: F401 - what journals keep must be readable
from agents.assembly.roles import agent_spec
from agents.assembly.site_agents import SiteAgents
from agents.planning.elements.element import ElementConfig
from agents.roles.aggregator import Member
from agents.roles.dso.config import GridConnection
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.iles_manager import IlesConfig
from agents.runtime import local
from agents.runtime.agent_spec import AgentSpec
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.scheduler import RoundScheduler
from cim.model.devices import DeviceKind, Nameplate, News, Setpoint, WeatherForecast
from cim.model.readings import Kind, Reading
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.tells import NewsBox, OnNews
from environment.feeder import Limits
from experiments.faults.local_cluster import FaultInjector, Faults, LocalCluster
from tests.worlds import players, terms
from tests.worlds.memory_journal import MemoryJournal, MemoryStore

inline = local.inline(SiteAgents.jobs)
# The device of each kind of agent that has one.
DEVICES = {
    "prosumer": DeviceKind.METER,
    "iles": DeviceKind.WEATHER,
    "generator": DeviceKind.PV,
    "chatterer": DeviceKind.PV,
}


class FakePort:
    """A device that does as it is told, unless it is `lost` or `refuses`; it outlives its host, the news box does not."""

    def __init__(self, name: str, kind: DeviceKind, generation_w: int = 0) -> None:
        self.name = name
        self.plate = Nameplate(kind, "Maker", "Model", name, generation_w)
        self.lost = self.refuses = False
        self.written: list[tuple[Setpoint | None, datetime | None]] = []
        self.box = NewsBox()

    def listen(self, on_news: OnNews) -> None:
        """A new life of the host: what the old one had in memory is gone."""
        self.box = NewsBox()
        self.box.on_news = on_news

    def tell(self, news: News) -> None:
        """The device says something by itself."""
        self.box.put(news)

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate."""
        if self.lost:
            raise DeviceUnreachable(f"{self.name}: no answer; expected a device")
        if self.plate.kind is DeviceKind.WEATHER:
            sun = tuple(float(x) for x in np.full(192, 0.9))
            start = players.DAY.next(-1).start
            self.tell(WeatherForecast(start, start, 900, sun))
        return self.plate

    async def sync(self, now: datetime) -> None:
        """Nothing to do."""

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Half its rating, and counters that stand."""
        await asyncio.sleep(0)
        if self.lost:
            raise DeviceUnreachable(f"{self.name}: no answer; expected a device")
        power = Reading(self.name, Kind.POWER, -self.plate.max_generation_w / 2, now)
        counters = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
        return (power, *(Reading(self.name, kind, 5.0, now) for kind in counters))

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Keep it."""
        if self.refuses:
            raise DeviceFault(f"{self.name}: refused; expected an answer")
        self.written.append((setpoint, valid_until))

    async def release(self, now: datetime) -> None:
        """Let go."""
        self.written.append((None, None))

    def drain(self) -> tuple[News, ...]:
        """Its news."""
        return self.box.drain()

    async def close(self) -> None:
        """Nothing to let go of."""


def specs(rated_w: int = 20_000) -> tuple[AgentSpec, ...]:
    """The whole market of two farms behind a line that cannot take what they make."""
    flat = (np.zeros(96),)
    found = []
    for name in players.FARMS:
        element = ElementConfig(f"{name}.pv", DeviceKind.PV, rated_w)
        config = terms.prosumer_config(name, players.POINT, "agr", (element,), flat)
        found.append(agent_spec(name, "prosumer", players.key(name), config, f"{name}.meter"))
        pv = f"{name}.pv"
        found.append(agent_spec(pv, "generator", players.key(pv), name, pv))
    members = tuple(Member(name, f"ean.{name}", players.POINT) for name in players.FARMS)
    found.append(agent_spec("agr", "aggregator", players.key("agr"), terms.aggregator_config(members)))
    connections = tuple(
        GridConnection(f"ean.{name}", "n1", players.POINT, "agr", rated_w, flat) for name in players.FARMS
    )
    dso_config = terms.dso_config(
        players.NETWORK, Limits(0.5, 1.5), players.dso().part(TradingRounds).config.points[:1], connections, ("agr",)
    )
    found.append(agent_spec("dso", "dso", players.key("dso"), dso_config))
    iles = IlesConfig("weather", players.FARMS, "ledger", "dso")
    found.append(agent_spec("iles", "iles", players.key("iles"), iles, "weather"))
    found.append(agent_spec("ledger", "ledger-keeper", players.key("ledger"), ("dso", "agr")))
    return tuple(found)


def port(spec: AgentSpec) -> FakePort:
    """The fake device of an agent."""
    assert spec.device is not None
    kind = DEVICES[spec.kind]
    return FakePort(spec.device, kind, 20_000 if kind is DeviceKind.PV else 0)


class Site:
    """Agents on hosts in one process: what outlives a host is here (journals, ledger, devices).

    Args:
        durable: False: hosts without journals.
        settings: of every host.
    """

    def __init__(
        self,
        everybody: tuple[AgentSpec, ...],
        host_of: Mapping[str, str],
        ledger: Path,
        executor: Any = inline,
        durable: bool = True,
        **settings: Any,
    ) -> None:
        self.everybody, self.host_of, self.path = everybody, host_of, ledger
        self._executor, self._settings = executor, settings
        self.stores = {host: MemoryStore() for host in sorted(set(host_of.values()))} if durable else {}
        self.ports = {spec.device: port(spec) for spec in everybody if spec.device is not None}
        self.ledger_effects = LedgerEffects(ledger, players.RULES.keys, {"site": "test"})
        self.lives = 0

    async def build(self, name: str, point: Callable[[str], None] | None = None) -> Host:
        """A new life of a host, on its journal."""
        self.lives += 1
        here = tuple(spec for spec in self.everybody if self.host_of[spec.name] == name)
        ports: dict[str, Any] = {spec.device: self.ports[spec.device] for spec in here if spec.device is not None}
        keeper = self.ledger_effects if self.host_of.get("ledger") == name else None
        journal = MemoryJournal(self.stores[name]) if self.stores else None
        return Host(
            here, players.RULES, ports, self._executor, self.host_of,
            ledger_effects=keeper, journal=journal, point=point, **self._settings,
        )  # fmt: skip

    def runtime(self, injector: FaultInjector | None = None) -> LocalCluster:
        """All hosts, with the faults of `injector`."""
        return LocalCluster(self.host_of, self.build, injector or FaultInjector(0, Faults()))

    async def advance(self, to: datetime) -> None:
        """The world stands still."""

    def records(self) -> list[Any]:
        """All of the ledger, in an order that depends on nothing but what was recorded."""
        database = sqlite3.connect(self.path)
        columns = "kind, key, at, leaf, entry, salt, body"
        rows = database.execute(
            f"SELECT {columns} FROM records LEFT JOIN bodies USING (sequence) ORDER BY kind, key"
        ).fetchall()
        database.close()
        return rows


def states(runtime: LocalCluster) -> dict[str, bytes]:
    """Every agent's state."""
    return {
        name: hosted_agent.role.snapshot()
        for host in runtime.hosts.values()
        for name, hosted_agent in host.hosted_agents.items()
    }


def commands(site: Site) -> dict[str, list[Any]]:
    """What was written to each device; a setpoint that is written again in a row counts once."""
    return {
        name: [w for k, w in enumerate(port.written) if k == 0 or w != port.written[k - 1]]
        for name, port in site.ports.items()
    }


async def run(
    site: Site, runtime: Any, start: datetime, end: datetime, sink: Callable[..., None] = lambda *_: None, **more: Any
) -> RoundScheduler:
    """Open a runtime and run it over a span."""
    await runtime.open(start)
    scheduler = RoundScheduler(runtime, site, start, end, sink, **more)
    await scheduler.run()
    return scheduler


async def market(
    hosts: int, ledger: Path, start: datetime, end: datetime, injector: FaultInjector | None = None
) -> tuple[Site, LocalCluster, RoundScheduler, list[Any]]:
    """The market dealt out over some hosts, over a span; the last is what was published."""
    everybody = specs()
    site = Site(everybody, {spec.name: f"h{k % hosts}" for k, spec in enumerate(everybody)}, ledger)
    runtime = site.runtime(injector)
    heard: list[Any] = []
    scheduler = await run(site, runtime, start, end, lambda *what: heard.append(what))
    return site, runtime, scheduler, heard
