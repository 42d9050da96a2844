"""One run of a site, from its devices to its ledger: wire, runtime, scheduler, and what came of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.assembly.agents_of_site import agents_of_site, known_days
from agents.assembly.simulated_world import InProcessWorld, SimulatedWorld, TcpWorld
from agents.assembly.site_agents import DeviceLinks, SiteAgents
from agents.roles.ledger_keeper import CLOSING
from agents.runtime.scheduler import RoundScheduler
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.platform.memory_store import MemoryStore
from cim.platform.store import Store
from environment.profiles.library import load
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run.settings import RunSettings

if TYPE_CHECKING:
    from agents.runtime.local import LocalRuntime
    from agents.runtime.ray.reviving import Revival
    from agents.runtime.ray.runtime import RayRuntime

Watch = Callable[[Any, datetime], None]

OPENING_HOUR = (
    10  # local time on the day before the first: devices connect, contracts are made, then comes the forecast
)


@dataclass
class RunResult:
    """What a run left behind.

    Attributes:
        truth: prosumer -> (active power, reactive power) of each ISP, whole watts and vars, as it really was.
        by_kind: kind of thing -> mean watts of each ISP.
        snapshots: prosumer -> its role's state at the end.
        seconds: where the time went.
        handled: events that each agent handled.
        revivals: each time a host died and was brought back.
    """

    site: Site
    site_agents: SiteAgents
    start: datetime
    end: datetime
    store: Store
    truth: dict[str, Any]
    by_kind: dict[str, Any]
    snapshots: dict[str, bytes]
    seconds: dict[str, float]
    ray_actors: int
    messages: int
    missing: tuple[str, ...] = ()
    startup_s: float = 0.0
    handled: dict[str, int] = field(default_factory=dict)
    revivals: tuple[Revival, ...] = ()


def span(site: Site, settings: RunSettings) -> tuple[LocalDay, LocalDay]:
    """The first and last local day of a run."""
    first = LocalDay(settings.day or site.default_day, site.timezone, site.isp_minutes)
    return first, first.next(settings.days - 1)


def check(settings: RunSettings) -> None:
    """Everything that can be said to be wrong before anything is started.

    Raises:
        BadInput: site, date or a device to lose.
    """
    site = load_site(settings.site)
    first, last = span(site, settings)
    profiles = load(site.profiles)
    known_days(first, profiles)
    known_days(last, profiles)
    names = {p.device_name(d) for p in site.prosumers for d in p.devices} | {p.meter for p in site.prosumers}
    for device, _ in settings.lose:
        if device not in names:
            raise BadInput(f"lose: device {device!r} is unknown at {site.name}; expected for example {min(names)}")


def run_site(
    settings: RunSettings,
    ledger: Path,
    store: Store,
    flexibility: bool,
    progress: Callable[[datetime], None],
    watch: Watch | None = None,
) -> RunResult:
    """Run a site in simulated time to its last block.

    Args:
        store: where everything published goes; closed in the end.
        watch: called with the runtime at each instant, before it is worked off.

    Raises:
        BadInput, DeviceError, JournalError: one sentence saying what does not fit or does not answer.
    """
    return asyncio.run(_run(settings, ledger, store, flexibility, progress, watch))


async def _run(
    settings: RunSettings,
    ledger: Path,
    store: Store,
    flexibility: bool,
    progress: Callable[[datetime], None],
    watch: Watch | None,
) -> RunResult:
    begun = time.perf_counter()
    site = load_site(settings.site)
    profiles = load(site.profiles)
    first, last = span(site, settings)
    site_agents = agents_of_site(site, profiles, first.day, settings.days, settings.seed, flexibility=flexibility)
    start = first.next(-1).at(OPENING_HOUR)
    async with AsyncExitStack() as cleanup:
        world = await open_world(settings, start)
        cleanup.push_async_callback(world.close)
        journal = cleanup.enter_context(journal_of(settings, ledger.parent))
        runtime = make_runtime(settings, site_agents, world.wire(site_agents), ledger, journal)
        cleanup.push_async_callback(runtime.close)
        field = FaultyWorldClock(world, first, settings.lose)
        await field.lose_before(start)
        await runtime.open(start)
        startup = time.perf_counter() - begun
        cleanup.callback(store.close)

        def instant(now: datetime) -> None:
            progress(now)
            if watch is not None:
                watch(runtime, now)

        finish = last.end + CLOSING + timedelta(minutes=30)
        scheduler = RoundScheduler(runtime, field, start, finish, store.put, instant)
        await scheduler.run()
        names = [spec.name for spec in site_agents.agents if spec.role == "prosumer"]
        snapshots = {name: await runtime.snapshot(name) for name in names}
        truth = await world.truth(first.start, last.end)
        kinds = await world.truth_by_kind(first.start, last.end)
        health = await runtime.health()
    return RunResult(
        site, site_agents, first.start, last.end, store, truth, kinds, snapshots, scheduler.seconds,
        getattr(runtime, "actors", 0), scheduler.messages, runtime.missing, startup,
        {agent.name: agent.handled for host in health.values() for agent in host.agents},
        tuple(getattr(runtime, "revivals", ())),
    )  # fmt: skip


@contextmanager
def journal_of(settings: RunSettings, folder: Path) -> Iterator[tuple[str, str] | None]:
    """(URL, space) of the run's journal: the server of `REDIS_URL`, or one of its own that ends with the run."""
    if not settings.durable:
        yield None
        return
    space = f"run-{secrets.token_hex(6)}"
    url = os.environ.get("REDIS_URL")
    if url:
        yield url, space
        return
    from agents.runtime.journal.embedded import EmbeddedRedis

    with tempfile.TemporaryDirectory(prefix=".journal-", dir=folder) as own, EmbeddedRedis(Path(own)) as server:
        server.keep_alive()
        yield server.url, space


class FaultyWorldClock:
    """The world, less the devices that are to be lost: each at its instant."""

    def __init__(self, world: SimulatedWorld, first: LocalDay, lose: tuple[tuple[str, int | None], ...]) -> None:
        self._world = world
        opening = first.next(-1).start
        self._due = sorted(
            (opening if minute is None else first.at(minute // 60, minute % 60), device) for device, minute in lose
        )

    async def lose_before(self, instant: datetime) -> None:
        """Lose what is due by `instant`."""
        while self._due and self._due[0][0] <= instant:
            await self._world.silence(self._due.pop(0)[1], True)

    async def advance(self, to: datetime) -> None:
        """Move on; a device lost at `to` is gone before anybody reads it there."""
        await self._world.advance(to)
        await self.lose_before(to)


def make_runtime(
    settings: RunSettings, site_agents: SiteAgents, wire: DeviceLinks, ledger: Path, journal: tuple[str, str] | None
) -> LocalRuntime | RayRuntime:
    """The runtime that was asked for."""
    if settings.runtime == "local":
        from agents.runtime.journal.redis_journal import RedisJournal
        from agents.runtime.local import HOST, LocalRuntime

        kept = None if journal is None else RedisJournal(*journal, HOST)
        return LocalRuntime(site_agents, wire, ledger, settings.allow_missing, kept)
    from agents.runtime.placement import Placement
    from agents.runtime.ray.runtime import RayRuntime

    placement = Placement(settings.agents_per_actor, settings.place)
    runtime = RayRuntime(site_agents, wire, ledger, placement, settings.allow_missing, journal)
    runtime.start()
    return runtime


async def open_world(settings: RunSettings, start: datetime) -> SimulatedWorld:
    """The simulated site: in this process, in a Ray actor, or in a process of its own behind sockets."""
    if settings.wire == "tcp":
        return await TcpWorld.open(settings.site, start, settings.seed, settings.base_port)
    if settings.runtime == "ray":
        from agents.assembly.ray_world import RayWorld

        return RayWorld(settings.site, start, settings.seed)
    return InProcessWorld(settings.site, start, settings.seed)


def run_without_flexibility(settings: RunSettings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The comparison: the same days, devices and agents, but the DSO asks for nothing. Returns truth and kinds.

    It runs in one process without sockets: the outcome depends on neither runtime nor wire.
    """
    from dataclasses import replace

    with tempfile.TemporaryDirectory(prefix="iles-") as folder:
        quiet = replace(settings, runtime="local", wire="direct", durable=False)
        result = run_site(quiet, Path(folder) / "ledger.db", MemoryStore(keep_readings=False), False, lambda _: None)
    return result.truth, result.by_kind
