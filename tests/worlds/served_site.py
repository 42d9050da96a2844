"""A site that is served over real HTTP by a thread: a played day of four homes, with ledger, readings, documents and users."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from argon2 import PasswordHasher

from cim.model.arrays import Floats
from cim.model.readings import Kind, Reading
from cim.platform.access.principals import Role
from cim.platform.memory_store import MemoryStore
from cim.platform.orchestrator.filing import file_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.site_data import Connection, SiteFacts, readings_place
from environment.feeder import Feeder
from pilot.feeder_plan import feeder_plan
from pilot.page_sources import LedgerFile
from portal.actions import ActionSite
from portal.app import create_app
from portal.auth.log_in import LogIn
from portal.live_data import LiveData
from portal.market import MarketRows
from portal.models import DsoState, Health
from portal.news import News
from portal.server import serve
from portal.sources import Drawing, DrawnBranch, DrawnNode, GridFlow, PageSources
from tests.worlds import players
from tests.worlds.doubles import TOKEN, healthy
from tests.worlds.miniature import NETWORK, Miniature
from tests.worlds.physics import HOMES
from tests.worlds.undisturbed import undisturbed

PASSWORD = "a long password for tests"
DSO_USER, HOME_USER = "ada", "bob"
AFTERNOON = players.DAY.at(16)
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class LineGrid:
    """A `portal.sources.GridSource` of the miniature's one line."""

    def __init__(self) -> None:
        plan = feeder_plan(NETWORK)
        self.drawing = Drawing(
            tuple(DrawnNode(node.name, *plan[node.name], node.nominal_v) for node in NETWORK.nodes),
            (DrawnBranch("line-1", "n0", "n1", "line", 38_105.0),),
            dict.fromkeys(HOMES, "n1"),
            dict.fromkeys(HOMES, (players.POINT,)),
            {home: f"{home}.meter" for home in HOMES},
            {f"{home}.{kind}": name for home in HOMES for kind, name in (("pv", "pv"), ("bat", "battery"))},
            {players.POINT: "line-1"},
            {players.POINT: "low-voltage grid"} | {home: home.replace("-", " ") for home in HOMES},
            0.9,
            1.1,
            100.0,
        )
        self._feeder = Feeder(NETWORK)

    def flow(
        self,
        power_w: Mapping[str, Floats],
        reactive_var: Mapping[str, Floats],
        more_w: Mapping[str, Floats] = MappingProxyType({}),
    ) -> GridFlow:
        """All homes hang at one node."""
        total = sum(power_w.values()) + sum(more_w.values())
        p_w = self._feeder.flow(_columns(total))
        return GridFlow(p_w.voltage_pu, p_w.loading_pct, p_w.slack_p_w, p_w.losses_w)


def _columns(total: Floats | int) -> Floats:
    import numpy as np

    row = np.atleast_1d(np.asarray(total, dtype=np.float64))
    return np.stack([np.zeros_like(row), row], axis=1)


class LivingSite:
    """A `portal.views.SiteView` whose store a test may add to, at an instant of the played day."""

    def __init__(self, store: MemoryStore, now: datetime) -> None:
        self.store, self.now = store, now

    async def health(self) -> Health:
        """As of a running site."""
        return healthy().model_copy(update={"now": self.now, "site": "mini"})

    async def dso_state(self) -> DsoState:
        """Not asked for by pages."""
        raise NotImplementedError

    async def market_rows(self) -> MarketRows:
        """The store."""
        return MarketRows(self.store)


class Served:
    """What a test knows of a served site."""

    def __init__(self, url: str, site: LivingSite, news: News, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.url, self.site, self.news, self.loop, self.folder = url, site, news, loop, folder

    def publish(self, agent: str, publication: object) -> None:
        """Put a publication into the store, as a living site does."""

        def put() -> None:
            self.site.store.put(agent, publication)  # type: ignore[arg-type]
            self.news.tell(type(publication).__name__)

        self.loop.call_soon_threadsafe(put)


def _played(folder: Path, market: Miniature | None) -> LivingSite:
    if market is None:
        market = undisturbed(players.DAY.end + timedelta(hours=8), folder / "ledger.db")
        market.ledger.close()
    store, files = MemoryStore(keep_readings=False), ParquetStore(folder)
    parties = tuple(Party(name, domain) for name, domain in market.rules.domains.items())
    points = (WatchedPoint(players.POINT, "line-1", 99.0),)
    about = SiteDescribed(market.start, "mini", "Europe/Vienna", 15, "dso.example", parties, points)
    for kept in (store, files):
        kept.put("iles", about)
        for agent, publication in market.published:
            if not isinstance(publication, ReadingsTaken):
                kept.put(agent, publication)
    for step in range(97):
        at = players.DAY.start + timedelta(minutes=15 * step)
        for number, home in enumerate(HOMES):
            power = 400.0 * (number + 1) - (6_000.0 if 40 <= step < 64 else 0.0)
            counters = {
                Kind.ENERGY_IMPORT: 100.0 * (number + 1) * step,
                Kind.ENERGY_EXPORT: 1500.0 * min(max(step - 40, 0), 24),
            }
            rows = [Reading(f"{home}.meter", Kind.POWER, power, at)]
            rows += [Reading(f"{home}.meter", kind, value, at) for kind, value in counters.items()]
            files.put(home, ReadingsTaken(at, tuple(rows)))
    files.close()
    connections = [Connection(home, "prosumer", "agr", players.POINT, {f"{home}.meter": "meter"}) for home in HOMES]
    domains = {f"{home}.example": home for home in HOMES} | {"agr.example": "agr", "dso.example": "dso"}
    now = players.DAY.end + timedelta(hours=8)
    file_run(folder, SiteFacts("mini", "Europe/Vienna", connections, domains, "dso"), now)
    return LivingSite(store, AFTERNOON)


@contextmanager
def served_site(
    folder: Path, market: Miniature | None = None, actions: ActionSite | None = None, now: datetime = AFTERNOON
) -> Iterator[Served]:
    """The site, while it is served.

    Args:
        market: what was played already, in the same folder; its ledger stays open. Else a whole day is played.
        actions: whom people may ask.
        now: the site's time.
    """
    site = _played(folder, market)
    site.now = now
    log_in = LogIn(folder, QUICK)
    log_in.users.add(DSO_USER, Role.DSO, "dso.example", PASSWORD, one_time=False)
    log_in.users.add(HOME_USER, Role.PROSUMER, "home-a.example", PASSWORD, one_time=False)
    started, found = threading.Event(), list[Served]()
    over: list[asyncio.Event] = []

    async def run() -> None:
        news = News(lambda: site.now)
        sources = PageSources(readings_place(folder), LineGrid(), LedgerFile(folder / "ledger.db"))
        data = LiveData(folder, lambda: site.now, make_index=True)
        app = create_app(
            site, TOKEN, fresh_s=0.1, data=data, log_in=log_in, sources=sources, news=news, actions=actions
        )
        over.append(asyncio.Event())
        async with serve(app, port=0) as server:
            found.append(Served(server.url, site, news, asyncio.get_running_loop(), folder))
            started.set()
            await over[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(60), "the site was not served within a minute"
    yield found[0]
    found[0].loop.call_soon_threadsafe(over[0].set)
    thread.join(20)
