"""Fake ports, and a stage that spreads agents over hosts in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import players

from agents.planning.home import ElementConfig
from agents.planning.jobs import run
from agents.roles.aggregator import AggregatorConfig, Member
from agents.roles.dso import DsoConfig
from agents.roles.dso.state import GridConnection
from agents.roles.iles import IlesConfig
from agents.roles.prosumer import ProsumerConfig
from agents.runtime.casting import AgentSpec
from agents.runtime.conductor import Conductor
from agents.runtime.envelope import Envelope, Outcome
from agents.runtime.host import Host
from agents.runtime.shelf import Shelf
from cim.model.readings import Kind, Reading
from devices.port import DeviceFault, DeviceKind, DeviceUnreachable, Nameplate, News, Setpoint, WeatherForecast
from environment.feeder import Limits


class FakePort:
    """A device that does as it is told, unless it is `lost` or `refuses`."""

    def __init__(self, name: str, kind: DeviceKind, generation_w: int = 0) -> None:
        self.name = name
        self.plate = Nameplate(kind, "Maker", "Model", name, generation_w)
        self.lost = self.refuses = False
        self.written: list[tuple[Setpoint | None, datetime | None]] = []
        self.news: list[News] = []
        self.calls: list[str] = []

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate."""
        if self.lost:
            raise DeviceUnreachable(f"{self.name}: no answer; expected a device")
        if self.plate.kind is DeviceKind.WEATHER:
            sun = tuple(float(x) for x in np.full(192, 0.9))
            self.news.append(WeatherForecast(now, players.DAY.next(-1).start, 900, sun))
        return self.plate

    async def sync(self, now: datetime) -> None:
        """Nothing to do."""

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """Half its rating, and counters that stand."""
        self.calls.append("measure")
        await asyncio.sleep(0)
        if self.lost:
            raise DeviceUnreachable(f"{self.name}: no answer; expected a device")
        power = Reading(self.name, Kind.POWER, -self.plate.max_generation_w / 2, now)
        counters = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
        return (power, *(Reading(self.name, kind, 5.0, now) for kind in counters))

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Keep it."""
        self.calls.append("command")
        if self.refuses:
            raise DeviceFault(f"{self.name}: refused; expected an answer")
        self.written.append((setpoint, valid_until))

    async def release(self, now: datetime) -> None:
        """Let go."""
        self.calls.append("release")
        self.written.append((None, None))

    def drain(self) -> tuple[News, ...]:
        """Its news."""
        news, self.news = tuple(self.news), []
        return news

    async def close(self) -> None:
        """Nothing to let go of."""


class Notes:
    """A durable journal that keeps all it is given, by agent."""

    durable = True

    def __init__(self) -> None:
        self.kept: dict[str, list[tuple[bytes, tuple[Envelope, ...]]]] = {}

    def load(self, agent: str) -> bytes | None:
        """The last state."""
        return self.kept[agent][-1][0] if agent in self.kept else None

    def append(self, agent: str, state: bytes, outbox: tuple[Envelope, ...]) -> None:
        """Keep it."""
        self.kept.setdefault(agent, []).append((state, outbox))


async def inline(job: str, arguments: tuple[Any, ...]) -> Any:
    """Do a job at once."""
    return run(job, arguments)


def specs(rated_w: int = 20_000) -> tuple[AgentSpec, ...]:
    """The whole market of two farms behind a line that cannot take what they make."""
    flat = (np.zeros(96),)
    found = []
    for name in players.FARMS:
        element = ElementConfig(f"{name}.pv", DeviceKind.PV, rated_w)
        papers = ProsumerConfig(
            f"{name}.meter", f"ean.{name}", players.POINT, "agr", "dso", "iles", "ledger", (element,), flat, 800, 1800
        )
        found.append(AgentSpec(name, "prosumer", players.key(name), papers, f"{name}.meter", DeviceKind.METER))
        pv = f"{name}.pv"
        found.append(AgentSpec(pv, "generator", players.key(pv), name, pv, DeviceKind.PV))
    members = tuple(Member(name, f"ean.{name}", players.POINT) for name in players.FARMS)
    found.append(AgentSpec("agr", "aggregator", players.key("agr"), AggregatorConfig("dso", "iles", "ledger", members)))
    connections = tuple(
        GridConnection(f"ean.{name}", "n1", players.POINT, "agr", rated_w, flat) for name in players.FARMS
    )
    papers_dso = DsoConfig(
        "iles", "ledger", players.NETWORK, Limits(0.5, 1.5), players.dso().config.points[:1], connections, ("agr",)
    )
    found.append(AgentSpec("dso", "dso", players.key("dso"), papers_dso))
    iles = IlesConfig("weather", players.FARMS, "ledger")
    found.append(AgentSpec("iles", "iles", players.key("iles"), iles, "weather", DeviceKind.WEATHER))
    found.append(AgentSpec("ledger", "ledger-keeper", players.key("ledger"), ("dso", "agr")))
    return tuple(found)


def port(spec: AgentSpec) -> FakePort:
    """The fake device of an agent."""
    assert spec.device is not None
    assert spec.device_kind is not None
    return FakePort(spec.device, spec.device_kind, 20_000 if spec.device_kind is DeviceKind.PV else 0)


class SpreadStage:
    """The market's agents dealt out over some hosts, in one process."""

    def __init__(self, hosts: int, ledger: Path) -> None:
        everybody = specs()
        self.host_of: Mapping[str, str] = {s.name: f"h{k % hosts}" for k, s in enumerate(everybody)}
        self.notes = Notes()
        self.shelf = Shelf(ledger, players.RULES.keys, {"site": "test"})
        self.ports: dict[str, FakePort] = {s.device: port(s) for s in everybody if s.device is not None}
        self.hosts = {
            name: Host(
                tuple(s for s in everybody if self.host_of[s.name] == name),
                players.RULES,
                dict(self.ports),
                inline,
                self.shelf if self.host_of["ledger"] == name else None,
                self.notes,
            )
            for name in sorted(set(self.host_of.values()))
        }

    async def open(self, now: datetime) -> None:
        """All hosts."""
        for host in self.hosts.values():
            await host.open(now)

    async def work(self, now: datetime, inboxes: Mapping[str, tuple[Envelope, ...]]) -> dict[str, Outcome]:
        """Side by side."""
        names = sorted(inboxes)
        outcomes = await asyncio.gather(*(self.hosts[name].work(now, inboxes[name]) for name in names))
        return dict(zip(names, outcomes, strict=True))

    async def advance(self, to: datetime) -> None:
        """The world stands still."""


async def play(hosts: int, ledger: Path, start: datetime, end: datetime) -> tuple[SpreadStage, Conductor, list[Any]]:
    """Run the market over a span; returns (stage, conductor, what was published)."""
    stage = SpreadStage(hosts, ledger)
    heard: list[Any] = []
    conductor = Conductor(stage, stage, start, end, lambda *what: heard.append(what))
    await stage.open(start)
    await conductor.run()
    stage.shelf.close()
    return stage, conductor, heard
