"""One living site, from start to stop: journal, devices, agents, clock and portal, in the order in which they need each other."""

from __future__ import annotations

import asyncio
import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agents.assembly.described import described
from agents.assembly.site_runtime import JournalPlace, RuntimeChoice, end_of_operation, journal_server, make_runtime
from agents.runtime.clocks import PacedClock
from agents.runtime.revival import Revival
from agents.runtime.scheduler import AgentRuntime, RoundScheduler
from cim.model.errors import BadInput
from cim.platform.broker.channel import BrokerServer
from cim.platform.mailbox.mailbox import Mailbox, mailbox_path
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.base import Publication
from cim.platform.publications.incidents import (
    ElementSuspended,
    HandlingFailed,
    MemoryLost,
    MessageLapsed,
    MetersDisagree,
    PointNotMetered,
    RuleBroken,
    SiteNotMetered,
    WorkFailed,
)
from cim.platform.publications.ledger import HeadRefused, HistorySplit, RecordRefused
from cim.platform.publications.trading import OrderRefused
from cim.platform.store import Store
from environment.sites import load_site
from environment.sites.connections import site_facts
from pilot.data_platform import data_platform
from pilot.elsewhere import Elsewhere
from pilot.full_disk import PatientWorld, until_kept
from pilot.ledger_parties import check_parties
from pilot.mailbox import with_host, with_mailbox
from pilot.messaging import messaging, read_mqtt
from pilot.portal_app import living_portal
from pilot.settings import UpSettings
from pilot.start_up import RealStartUp, SimulatedStartUp, SiteStart, StartUp
from pilot.view import LivingView
from portal.news import News
from portal.server import serve

_INCIDENTS = (
    ElementSuspended, HandlingFailed, HeadRefused, HistorySplit, MemoryLost, MessageLapsed, MetersDisagree, OrderRefused,
    PointNotMetered, RecordRefused, RuleBroken, SiteNotMetered, WorkFailed,
)  # fmt: skip
if TYPE_CHECKING:
    from agents.assembly.processes.runtime import ProcessRuntime
    from agents.runtime.local import LocalRuntime
    from agents.runtime.ray.runtime import RayRuntime

PATIENCE_S = 30.0  # how long the others wait for a host in one round
_FLUSH = timedelta(minutes=15)  # of the site's time: what was told is durable at least so often

_log = structlog.get_logger("iles")


class Pilot:
    """A site that lives.

    Args:
        say: called with a sentence at each runtime of the start.
        tick: called with each new instant of the site's time.
    """

    def __init__(self, settings: UpSettings, say: Callable[[str], None], tick: Callable[[datetime], None]) -> None:
        self._settings, self._say, self._tick = settings, say, tick
        self._scheduler: RoundScheduler | None = None
        self._flushed: datetime | None = None

    def stop(self) -> None:
        """End after the running instant; everything that matters is durable already."""
        if self._scheduler is not None:
            self._scheduler.stop()

    async def run(self) -> bool:
        """Live until stopped; True when the site came to the end of its days.

        Raises:
            BadInput, DeviceError, JournalError: one sentence each.
        """
        settings = self._settings
        start_up = _start_up(settings)
        async with AsyncExitStack() as cleanup:
            cleanup.enter_context(_alone(settings.folder))
            space = load_site(settings.site).name
            journal = cleanup.enter_context(journal_server(settings.folder / "journal", space))
            if settings.endpoints is None:
                self._say("starting the simulated devices")
            site_start = await start_up.prepare(cleanup)
            site_agents, clock, links = site_start.site_agents, site_start.clock, site_start.links
            elsewhere = None if settings.uftp is None else Elsewhere(settings.uftp, load_site(settings.site), settings)
            if elsewhere is not None:
                site_agents = elsewhere.without(site_agents)
            site_agents = with_mailbox(site_agents)
            site_start = replace(site_start, site_agents=site_agents)
            runtime = self._runtime(site_start, journal)
            cleanup.push_async_callback(_end, runtime)
            self._say(f"connecting {len(site_agents.devices)} devices")
            if site_start.expected_at is not None:
                self._say(
                    "those that dial in are expected at ws://{}:{}/ocpp/NAME or /s2/NAME".format(
                        *site_start.expected_at
                    )
                )
            await runtime.open(site_start.now)
            await _warn_of_start(runtime)
            # It ends after the store, so that what the store writes at its end is taken, too.
            cleanup.enter_context(
                data_platform(
                    settings.folder, load_site(settings.site), settings.runtime, journal, self._at(site_start)
                )
            )
            topics = messaging(
                ParquetStore(settings.folder, keep=True),
                settings.folder,
                BrokerServer(journal.url, journal.space),
                site_facts(load_site(settings.site)),
                self._at(site_start),
                settings.mqtt,
            )
            told = await cleanup.enter_async_context(topics)
            store = told.store
            store.put(load_site(settings.site).name, described(site_agents, site_start.now))
            # Where time went on meanwhile, the first instant is that at which the devices were there.
            now = clock.now() if links.real_time else site_start.now
            end = end_of_operation(site_agents.rules)
            rounds: AgentRuntime = runtime
            if elsewhere is not None:
                # Simulated time is where the agents are, however late that is.
                at = clock.now if links.real_time else self._at(site_start)
                rounds = await cleanup.enter_async_context(elsewhere.around(runtime, at))
                self._say(f"UFTP at {elsewhere.url}, with {elsewhere.peers} elsewhere")
            mailbox = Mailbox(mailbox_path(settings.folder))
            rounds = with_host(rounds, mailbox, site_agents.rules.domains, sealed=settings.runtime == "ray")
            news = News(self._at(site_start), ticks=True)
            scheduler = RoundScheduler(
                rounds,
                PatientWorld(site_start.world, self._is_stopped),
                now,
                end,
                _sink(store, news),
                self._ticked(store),
                clock,
                partial(until_kept, store, self._is_stopped),
            )
            self._scheduler = scheduler
            speed = None if links.real_time else settings.speed
            view = LivingView(site_agents, runtime, scheduler, store, speed, journal.trouble)
            app = living_portal(settings, site_agents, view, scheduler, told.streams, mailbox, news, self._say)
            portal = await cleanup.enter_async_context(serve(app, settings.host, settings.port, settings.tls))
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, self.stop)
            self._say(f"alive at {now.isoformat()}; portal at {portal.url}, its token in {settings.folder}")
            if isinstance(clock, PacedClock):
                clock.restart(now)
            await scheduler.run()
            return not scheduler.stopped

    def _is_stopped(self) -> bool:
        return self._scheduler is not None and self._scheduler.stopped

    def _at(self, site_start: SiteStart) -> Callable[[], datetime]:
        """The site's clock, also before its scheduler is there."""
        return lambda: site_start.now if self._scheduler is None else self._scheduler.now

    def _runtime(self, site_start: SiteStart, journal: JournalPlace) -> LocalRuntime | ProcessRuntime | RayRuntime:
        settings = self._settings
        ledger = settings.folder / "ledger.db"
        check_parties(ledger, site_start.site_agents.rules.keys, load_site(settings.site).meter_data_company)
        if settings.runtime == "ray":
            from agents.runtime.ray.start import start_ray

            self._say("starting Ray")
            start_ray(log=settings.folder / "ray.log")
        choice = RuntimeChoice(
            settings.runtime,
            settings.agents_per_actor,
            settings.place,
            dial_in_together=site_start.links.real_time,
            allow_missing=settings.allow_missing,
            patience_s=PATIENCE_S,
        )
        runtime = make_runtime(site_start.site_agents, site_start.links, ledger, choice, journal, _revived)
        if runtime.actors:
            self._say(f"starting {runtime.actors} actors")
        return runtime

    def _ticked(self, store: Store) -> Callable[[datetime], None]:
        def ticked(now: datetime) -> None:
            self._tick(now)
            if self._flushed is None or now - self._flushed >= _FLUSH:
                self._flushed = now
                store.flush()

        return ticked


def _sink(store: Store, news: News) -> Callable[[str, Publication], None]:
    def sink(agent: str, told: Publication) -> None:
        store.put(agent, told)
        news.tell(type(told).__name__)
        if isinstance(told, _INCIDENTS):
            _log.warning(type(told).__name__, agent=agent, at=told.at.isoformat(), what=str(told)[:500])

    return sink


def _revived(revival: Revival) -> None:
    _log.warning("revived", host=revival.host, seconds=round(revival.seconds, 1))


def _start_up(settings: UpSettings) -> StartUp:
    if settings.mqtt is not None:
        read_mqtt(settings.mqtt)  # what is wrong with it is told before anything has started
    return SimulatedStartUp(settings) if settings.endpoints is None else RealStartUp(settings)


async def _warn_of_start(runtime: LocalRuntime | ProcessRuntime | RayRuntime) -> None:
    """Tell which devices are missing, and what agents could not make of the journal."""
    for sentence in runtime.missing:
        _log.warning("device missing", reason=sentence)
    for host, health in (await runtime.health()).items():
        for sentence in health.recovery:
            _log.warning("not recovered as it was", host=host, what=sentence)


async def _end(runtime: LocalRuntime | ProcessRuntime | RayRuntime) -> None:
    for host, reason in (await runtime.close()).items():
        _log.warning("last states not kept", host=host, reason=reason, so="the next start handles recent events again")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two controllers of one site would fight over its devices."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(f"folder: {folder} is in use by another `iles up`; expected one for each site") from None
        yield
