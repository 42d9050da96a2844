"""The portal that `iles bench portal` measures: 10,000 agents' state, told anew all the time, in a process with one core."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from cim.platform.memory_store import MemoryStore
from cim.platform.publications.grid import ExchangeForecast, SafetyAnalysed
from cim.platform.publications.measured import DeviceLost
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import PrognosisTaken
from pilot.page_sources import sources_of
from portal.app import create_app
from portal.dso import dso_state
from portal.market import MarketRows
from portal.models import AgentHealth, DsoState, Health, JournalHealth, Mode, Status
from portal.news import News
from portal.server import serve

TOKEN = "b" * 43
AGENTS, AGGREGATORS, POINTS = 10_000, 20, 50
_ISPS = 96
_SEEN = 12  # of so many publications one is an alarm that says when it was told, in milliseconds: `seen-MILLISECONDS`


class BenchSite:
    """A `portal.views.SiteView` of a district that is asked for all it has: newest prognoses of every seller and point."""

    def __init__(self) -> None:
        self.store = MemoryStore(keep_readings=False)
        self.started = datetime.now(UTC)
        self._revision = 0
        parties = [Party("dso", "dso.bench")] + [Party(f"agr-{n}", f"agr-{n}.bench") for n in range(AGGREGATORS)]
        parties += [Party(f"home-{n}", f"home-{n}.bench") for n in range(AGENTS)]
        points = tuple(WatchedPoint(f"point-{n}", f"line-{n}", 99.0) for n in range(POINTS))
        self.store.put("iles", SiteDescribed(self.started, "bench", "UTC", 15, "dso.bench", tuple(parties), points))
        self.store.put("iles", ExchangeForecast(self.started, self.today, tuple(range(_ISPS))))
        for _ in range(AGGREGATORS * POINTS):
            self.publish()

    @property
    def today(self) -> date:
        """The day of the bench."""
        return self.started.date()

    def publish(self) -> str:
        """One prognosis more, and now and then an analysis; the name of what it was."""
        number = self._revision
        self._revision += 1
        now, power = datetime.now(UTC), tuple((number * 37 + isp) % 900 - 450 for isp in range(_ISPS))
        seller, point = f"agr-{number % AGGREGATORS}.bench", f"point-{number // AGGREGATORS % POINTS}"
        if number % _SEEN == _SEEN - 1:
            lost = DeviceLost(now, f"seen-{now.timestamp() * 1000:.0f}", "bench")
            self.store.put("home-1", lost)
            return type(lost).__name__
        if number % 10:
            told = PrognosisTaken(now, f"p-{number}", seller, point, self.today, number + 1, power)
            self.store.put("dso", told)
            return type(told).__name__
        loading = tuple(60.0 + isp % 30 for isp in range(_ISPS))
        self.store.put("dso", SafetyAnalysed(now, point, self.today, tuple([0] * _ISPS), loading))
        return SafetyAnalysed.__name__

    async def health(self) -> Health:
        """All agents alive."""
        return agents_health(datetime.now(UTC))

    async def dso_state(self) -> DsoState:
        """Made from the store, as of a living site."""
        return await asyncio.to_thread(dso_state, self.store, datetime.now(UTC))

    async def market_rows(self) -> MarketRows:
        """The store."""
        return MarketRows(self.store)


def agents_health(now: datetime) -> Health:
    """10,000 prosumers, all alive."""
    agents = tuple(
        AgentHealth.model_construct(
            name=f"home-{n}", role="prosumer", host=f"host-{n % 64}", alive=True, handled=n, waiting=0, failed_events=0,
            last_at=now, restarts=0, device=None, device_fault=None, forgotten=(),
        )
        for n in range(AGENTS)
    )  # fmt: skip
    journal = JournalHealth(state="synced", detail="bench", lag=0)
    return Health.model_construct(
        status=Status.OK, site="bench", now=now, mode=Mode.WALL_CLOCK, speed=1.0, agents=agents, journal=journal, failed_events=()
    )  # fmt: skip


def serve_bench(folder: Path, line: Connection, per_second: int) -> None:
    """Serve it until the other end of the line closes; the address is sent there first. In a process of its own."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(folder, line, per_second))


async def _serve(folder: Path, line: Connection, per_second: int) -> None:
    site = BenchSite()
    news = News(lambda: datetime.now(UTC), ticks=True)
    app = create_app(site, TOKEN, sources=sources_of(folder, None, "The bench has no network"), news=news)
    async with serve(app, port=0) as server:
        line.send(server.url)
        until = datetime.now(UTC) + timedelta(minutes=30)
        while datetime.now(UTC) < until:
            for _ in range(max(1, per_second // 10)):
                news.tell(site.publish())
            await asyncio.sleep(0.1)
            if line.poll():
                return
