"""One run of a site, from its devices to its ledger: wire, runtime, scheduler, and what came of it."""

from __future__ import annotations

import asyncio
import gc
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agents.assembly.agents_of_site import agents_of_site, days_of_history
from agents.assembly.described import described
from agents.assembly.grid_of_site import usage_point
from agents.assembly.parted_world import parts_of_site
from agents.assembly.simulated_world import SimulatedWorld, open_world
from agents.assembly.site_agents import SiteAgents
from agents.assembly.site_runtime import JournalPlace, RuntimeChoice, end_of_operation, journal_server, make_runtime
from agents.runtime.revival import Revival
from agents.runtime.scheduler import RoundScheduler
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.platform.store import Store
from environment.physics.device_truth import DeviceTruth
from environment.profiles.library import load
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run.dispatch import ended_sessions
from experiments.run.dispatch.ended_sessions import DayByDay, EndedSessions
from experiments.run.grid import ByKind, Truth
from experiments.run.judging.operation import operations_of
from experiments.run.planted_copies import planted
from experiments.run.settings import RunSettings, Runtime, ScenarioName, WireKind
from experiments.run.wrong_copies import chosen
from market.mechanisms.registry import procuring
from market.rules import Control

if TYPE_CHECKING:
    from agents.assembly.processes.runtime import ProcessRuntime
    from agents.runtime.local import LocalRuntime
    from agents.runtime.ray.runtime import RayRuntime

Watch = Callable[["LocalRuntime | ProcessRuntime | RayRuntime", datetime], None]

OPENING_HOUR = (
    10  # local time on the day before the first: devices connect, contracts are made, then comes the forecast
)
_OBJECTS = 50_000  # made and not gone before cycles are looked for among the youngest


@dataclass
class RunResult:
    """What a run left behind.

    Attributes:
        truth: prosumer -> (active power, reactive power) of each ISP, whole watts and vars, as it really was.
        by_kind: kind of thing -> mean watts of each ISP.
        devices: what every unit did.
        ended_sessions: members' sides of the splits that came to an end, with their private models; for the auditor alone.
        seconds: where the time went.
        handled: events that each agent handled.
        revivals: each time a host died and was brought back.
    """

    site: Site
    site_agents: SiteAgents
    start: datetime
    end: datetime
    store: Store
    truth: Truth
    by_kind: ByKind
    devices: DeviceTruth
    ended_sessions: EndedSessions
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
        BadInput: site, date, mechanism or a device to lose.
    """
    procuring(settings.mechanism)
    site = load_site(settings.site)
    _judgeable(site, settings.scenario)
    first, last = span(site, settings)
    profiles = load(site.profiles)
    days_of_history(first, profiles)
    days_of_history(last, profiles)
    names = {p.device_name(d) for p in site.prosumers for d in p.devices} | set(site.meters)
    if settings.processes > 1:
        _shareable(settings, site)
    if settings.misread and settings.runtime != Runtime.LOCAL:
        raise BadInput(f"misread: with runtime {settings.runtime}; expected --runtime local")
    aggregators, meters = {party.name for party in site.aggregators} | {site.dso.name}, _told_meters(site)
    own = _elements(site)
    for wrong in chosen(settings.misread, own, settings.seed):
        if wrong.meter not in (meters if wrong.party in aggregators else own.get(wrong.party, ())):
            raise BadInput(
                f"misread: {wrong.party}:{wrong.meter}; expected an aggregator or the DSO and an element or EAN, or a "
                "member and an element of its own"
            )
    for device, _ in settings.lose:
        if device not in names:
            raise BadInput(f"lose: device {device!r} is unknown at {site.name}; expected for example {min(names)}")


def _judgeable(site: Site, scenario: str | None) -> None:
    """Whether the site file says what the scenario needs."""
    needed = {ScenarioName.ISLANDING.value: "islanding", ScenarioName.MARKET.value: "wholesale"}.get(scenario or "")
    if needed is not None and getattr(site, needed) is None:
        raise BadInput(f"scenario: {scenario!r} at {site.name}; expected a section `{needed}` in its site file")


def sells_balancing(site: Site, settings: RunSettings) -> bool:
    """Whether a run's column `market` sells balancing energy: the scenario is about that, and the site file says who buys."""
    return settings.scenario == ScenarioName.MARKET and site.balancing is not None


def _shareable(settings: RunSettings, site: Site) -> None:
    """Whether several processes can share the site, and are asked for nothing that only one can do."""
    if (settings.runtime, settings.wire) != (Runtime.LOCAL, WireKind.DIRECT):
        told = f"runtime {settings.runtime} and wire {settings.wire}"
        raise BadInput(f"processes: {settings.processes} with {told}; expected runtime local and wire direct")
    if settings.durable or settings.misread:
        told = "durable" if settings.durable else "misread"
        raise BadInput(f"processes: {settings.processes} with {told}; expected one process")
    parts_of_site(site, settings.processes)


def _elements(site: Site) -> dict[str, tuple[str, ...]]:
    """By member, the names of its elements."""
    return {p.name: tuple(p.device_name(d) for d in p.devices) for p in site.prosumers}


def _told_meters(site: Site) -> set[str]:
    """The names under which meter data is told: elements, and connections by their EAN."""
    elements = {element for own in _elements(site).values() for element in own}
    return elements | {usage_point(site, p.name) for p in site.prosumers}


def run_site(
    settings: RunSettings,
    ledger: Path,
    store: Store,
    control: Control,
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
    found: list[RunResult] = []

    async def keep() -> None:
        # A task's own result would be put into words, arrays and all, when asyncio hands back the interrupt signal: seconds.
        found.append(await _run(settings, ledger, store, control, progress, watch))

    with _cycles_seldom_sought():
        asyncio.run(keep())
    return found[0]


@contextmanager
def _cycles_seldom_sought() -> Iterator[None]:
    """A run makes objects by the million, hardly any of them in a cycle: to look for cycles as often as Python does by
    itself was a twelfth of a day's CPU time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _run(
    settings: RunSettings,
    ledger: Path,
    store: Store,
    control: Control,
    progress: Callable[[datetime], None],
    watch: Watch | None,
) -> RunResult:
    begun = time.perf_counter()
    site = load_site(settings.site)
    profiles = load(site.profiles)
    first, last = span(site, settings)
    operations = (
        operations_of(settings, site, _with_the_day_before(first, settings.days)) if control is Control.MARKET else {}
    )
    site_agents = agents_of_site(
        site,
        profiles,
        first.day,
        settings.days,
        settings.seed,
        control=control,
        mechanism=settings.mechanism,
        operations=operations,
        balancing=control is Control.MARKET and sells_balancing(site, settings),
    )
    start = first.next(-1).at(OPENING_HOUR)
    async with AsyncExitStack() as cleanup:
        world = await open_world(
            settings.site,
            start,
            settings.seed,
            wire=settings.wire,
            runtime=settings.runtime,
            base_port=settings.base_port,
            processes=settings.processes,
        )
        cleanup.push_async_callback(world.close)
        journal = cleanup.enter_context(_journal(settings, ledger.parent))
        choice = RuntimeChoice(
            settings.runtime,
            settings.agents_per_actor,
            settings.place,
            allow_missing=settings.allow_missing,
            processes=settings.processes,
        )
        cleanup.enter_context(planted(chosen(settings.misread, _elements(site), settings.seed)))
        runtime = make_runtime(site_agents, world.links(site_agents), ledger, choice, journal)
        cleanup.push_async_callback(runtime.close)
        clock = FaultyWorldClock(world, first, settings.lose)
        await clock.lose_before(start)
        await runtime.open(start)
        startup = time.perf_counter() - begun
        cleanup.callback(store.close)
        store.put(site.name, described(site_agents, start))

        def instant(now: datetime) -> None:
            progress(now)
            if watch is not None:
                watch(runtime, now)

        finish = end_of_operation(site_agents.rules)
        ended: EndedSessions = {}
        members = tuple(spec.name for spec in site_agents.agents if spec.kind == "prosumer")
        read_sessions = partial(ended_sessions.read, ended, members, runtime.snapshot)
        by_day = DayByDay(clock, first.next(-1), read_sessions)
        scheduler = RoundScheduler(runtime, by_day, start, finish, store.put, instant)
        await scheduler.run()
        await read_sessions()
        truth = await world.truth(first.start, last.end)
        kinds = await world.truth_by_kind(first.start, last.end)
        devices = await world.device_truth(first.start, last.end)
        health = await runtime.health()
    return RunResult(
        site, site_agents, first.start, last.end, store, truth, kinds, devices, ended, scheduler.seconds,
        runtime.actors, scheduler.messages, runtime.missing, startup,
        {agent.name: agent.handled for host in health.values() for agent in host.agents},
        tuple(runtime.revivals),
    )  # fmt: skip


def _with_the_day_before(first: LocalDay, days: int) -> tuple[LocalDay, ...]:
    return tuple(first.next(number) for number in range(-1, days))


@contextmanager
def _journal(settings: RunSettings, folder: Path) -> Iterator[JournalPlace | None]:
    """The journal of a durable run; what it writes ends with it."""
    if not settings.durable:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix=".journal-", dir=folder) as own,
        journal_server(Path(own), f"run-{secrets.token_hex(6)}") as place,
    ):
        yield place


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
