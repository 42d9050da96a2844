"""The same work on our hosts: in one process, in Ray actors, and with every step in the journal."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import agents.assembly.wire_types  # noqa: F401 - the closed list of what may cross between hosts
from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.device_links import SocketLinks
from agents.assembly.roles import agent_spec
from agents.assembly.site_agents import SiteAgents
from agents.roles.echo import Ball, EchoConfig
from agents.runtime.agent_spec import AgentSpec
from agents.runtime.envelope import ORDINARY, Envelope, Parcel, Task
from agents.runtime.host.host import Host
from agents.runtime.local import inline
from agents.runtime.placement import Placement
from agents.runtime.scheduler import AgentRuntime, RoundScheduler
from environment.profiles.library import load
from environment.sites import load_site
from experiments.faults.local_cluster import FaultInjector, Faults, LocalCluster
from market.rules import Control, MarketRules

NOW = datetime(2016, 5, 20, tzinfo=UTC)
RULES = MarketRules("UTC", 15, "EUR", 300, date(2016, 5, 20), 1, Control.MARKET, {}, {}, "bench")
VALUES = np.arange(96.0)


class Nowhere:
    """There is no world behind these agents."""

    async def advance(self, to: datetime) -> None:
        """Nothing moves."""


def team(agents: int, balls: int, hops: int, waves: int) -> tuple[AgentSpec, ...]:
    """Pairs of agents: each throws `balls` messages to the other, in each of the `waves`."""
    half = agents // 2

    def spec(side: str, other: str, k: int) -> AgentSpec:
        return agent_spec(f"{side}{k:06}", "echo", bytes(32), EchoConfig(f"{other}{k:06}", balls, hops, VALUES, waves))

    return (*(spec("a", "b", k) for k in range(half)), *(spec("b", "a", k) for k in range(half)))


async def _play(runtime: AgentRuntime, waves: int) -> list[float]:
    """Messages a second in each wave."""
    marks: list[tuple[float, int]] = []

    def mark(_: datetime) -> None:
        marks.append((time.perf_counter(), scheduler.messages))

    last = NOW + timedelta(seconds=waves - 1)
    scheduler = RoundScheduler(runtime, Nowhere(), NOW, last, lambda *_: None, mark)
    await scheduler.run()
    mark(last)
    return [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(marks)]


def local_rate(agents: int, balls: int) -> float:
    """Messages a second between the agents of one host; each agent throws its messages, nobody answers."""
    specs = team(agents, balls, 1, 1)
    host_of = dict.fromkeys((spec.name for spec in specs), "one")

    async def build(_: str, point: Callable[[str], None]) -> Host:
        return Host(specs, RULES, {}, inline(SiteAgents.jobs), host_of)

    async def run() -> float:
        runtime = LocalCluster(host_of, build, FaultInjector(0, Faults()))
        await runtime.open(NOW)
        return (await _play(runtime, 1))[0]

    return asyncio.run(run())


def hosts_rates(agents: int, balls: int, hops: int, waves: int) -> list[float]:
    """Messages a second between two hosts in Ray actors, both ways at once; the first wave comes while they are cold."""
    from agents.runtime.ray.runtime import RayRuntime

    site_agents = SiteAgents(team(agents, balls, hops, waves), RULES, {})

    async def run() -> list[float]:
        runtime = RayRuntime(site_agents, SocketLinks(), Path(os.devnull), Placement(agents // 2))
        runtime.start()
        try:
            await runtime.open(NOW)
            return await _play(runtime, waves)
        finally:
            await runtime.close()

    return asyncio.run(run())


def startup_s(agents: int) -> float:
    """Seconds from nothing until `agents` agents of Strem live, an actor each, with their config but not their wires."""
    from agents.runtime.ray.runtime import RayRuntime

    strem = load_site("strem")
    site_agents = agents_of_site(strem, load(strem.profiles), strem.default_day, 1, 1)
    # Every k-th, so that all roles are there.
    step = len(site_agents.agents) / agents
    some = [site_agents.agents[int(k * step)] for k in range(agents)]
    site_agents = replace(site_agents, agents=tuple(replace(spec, device=None) for spec in some))

    async def run() -> float:
        begun = time.perf_counter()
        runtime = RayRuntime(site_agents, SocketLinks(), Path(os.devnull), Placement(1))
        runtime.start()
        try:
            await runtime.open(NOW)
            return time.perf_counter() - begun
        finally:
            await runtime.close()

    return asyncio.run(run())


def durable(agents: int, batch: int, batches: int) -> dict[str, float]:
    """Messages a second through a host whose every step is in a synced append, and how long a message waits for it."""
    from agents.assembly.journal_server.embedded import EmbeddedRedis
    from agents.runtime.journal.redis_journal import RedisJournal

    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as server:
        fsync = _fsync_ms(Path(folder))
        waits = asyncio.run(_durable(RedisJournal(server.url, "bench", "one"), agents, batch, batches))
    total = sum(waits)
    return {
        "durable_per_s": batch * batches / total,
        "durable_p50_ms": 1000 * statistics.median(waits),
        "durable_p99_ms": 1000 * float(np.quantile(waits, 0.99)),
        "fsync_ms": fsync,
    }


async def _durable(journal: Any, agents: int, batch: int, batches: int) -> list[float]:
    specs = tuple(agent_spec(f"a{k:06}", "echo", bytes(32), EchoConfig("", 0, 0, VALUES)) for k in range(agents))
    names = [spec.name for spec in specs]
    neighbours = {**dict.fromkeys(names, "one"), "peer": "two"}
    host = Host(specs, RULES, {}, inline(SiteAgents.jobs), neighbours, journal=journal)
    await host.open(NOW)
    number = (await host.work(NOW, Task(1))).number
    sequences = dict.fromkeys(names, 0)
    waits: list[float] = []
    for k in range(batches):
        envelopes = []
        for j in range(batch):
            name = names[(k * batch + j) % agents]
            sequences[name] += 1
            envelopes.append(Envelope(name, "peer", ORDINARY, sequences[name], Ball(2, VALUES)))
        number += 1
        begun = time.perf_counter()
        outcome = await host.work(NOW, Task(number, (Parcel("two", number, tuple(envelopes)),), number - 2))
        waits.append(time.perf_counter() - begun)
        if outcome.handled != batch or len(outcome.mail["two"]) != batch:
            raise RuntimeError("the host did not answer every message")
    await host.close()
    return waits


def _fsync_ms(folder: Path) -> float:
    """What the disk itself takes for one synced append of a few kilobytes, milliseconds (median)."""
    waits = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - begun)
    return 1000 * statistics.median(waits)
