"""The DSO's page from a store alone: no agent runs, none is imported, and no role's state is read."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cim.platform.memory_store import MemoryStore
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.grid import SafetyAnalysed
from cim.platform.publications.settlement import SettledOrder, SettlementTold
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import (
    AskedIsp,
    FlexOffered,
    FlexRequested,
    OfferedOption,
    OrderPlaced,
    OrderRefused,
    PrognosisTaken,
)
from cim.platform.store import Store
from portal.dso import dso_state
from portal.market import MarketRows
from portal.models import DsoState, Health, OrderStatus
from portal.views import ViewError
from tests.worlds.doubles import BEARER, get, healthy

DAY = date(2026, 5, 20)
MIDNIGHT = datetime(2026, 5, 19, 22, tzinfo=UTC)  # of that day in Vienna
POINT, DSO, EAST = "ean.rural1", "dso.example", "east.example"


def at(hours: float) -> datetime:
    """An instant so many hours into the day."""
    return MIDNIGHT + timedelta(hours=hours)


def order(reference: str, first_isp: int, told_at: datetime = MIDNIGHT) -> OrderPlaced:
    """An order of one hour."""
    return OrderPlaced(told_at, reference, DSO, EAST, POINT, DAY, 30_000, "EUR", (IspPower(first_isp, -4_000, 4),))


SITE = SiteDescribed(
    at(-14), "strem", "Europe/Vienna", 15, DSO, (Party("dso", DSO), Party("agr-east", EAST)),
    (WatchedPoint(POINT, "trafo-1", 97.0), WatchedPoint("ean.rural2", "trafo-2", 97.0)),
)  # fmt: skip
TOLD: tuple[tuple[str, Publication], ...] = (
    ("strem", SITE),
    ("dso", PrognosisTaken(at(-12), "p-1", EAST, POINT, DAY, 1, (7,) * 96)),
    ("dso", PrognosisTaken(at(-11), "p-2", EAST, POINT, DAY, 2, (8,) * 96)),
    ("dso", SafetyAnalysed(at(-11), POINT, DAY, (0,) * 96, (90.0,) * 96)),
    ("dso", SafetyAnalysed(at(-10), POINT, DAY, (-4_000,) * 96, (120.0,) * 96)),
    ("dso", FlexRequested(at(-10), "r-1", DSO, EAST, POINT, DAY, 1, at(-9), (AskedIsp(45, "Requested", -9, -4),))),
    ("dso", FlexOffered(at(-9.5), "f-1", DSO, EAST, POINT, DAY, at(-9), "r-1", "EUR",
                        (OfferedOption("o", 30_000, (IspPower(45, -4_000, 4),)),))),
    *(("dso", order(f"o-{isp}", isp)) for isp in (25, 37, 45, 57, 69)),
    ("dso", OrderRefused(at(1), "o-69", EAST, "no longer possible")),
    ("agr-east", SettlementTold(at(11), "s-0", EAST, "farm.example", DAY, DAY, 1, "EUR", ())),
    ("dso", SettlementTold(at(11), "s-1", DSO, EAST, DAY, DAY, 1, "EUR",
                           (SettledOrder("o-25", POINT, DAY, 30_000, 500, 29_500, ()),))),
)  # fmt: skip


def filled(store: Store) -> Store:
    """A store that was told all of it."""
    for agent, told in TOLD:
        store.put(agent, told)
    return store


def test_the_page_is_made_from_publications_alone() -> None:
    """The newest analysis and prognosis, requests, offers, and orders by where they are at noon; a refused one is none."""
    page = dso_state(filled(MemoryStore()), at(12))
    first, second = page.points
    assert (first.branch, first.limit_pct, first.need_w[0], first.loading_pct[0]) == ("trafo-1", 97.0, -4_000, 120.0)
    assert (second.id, second.period, second.need_w) == ("ean.rural2", None, ())
    assert [(p.reference, p.seller, p.power_w[0]) for p in page.prognoses] == [("p-2", "agr-east", 8)]
    assert [(r.reference, r.isps[0].min_power_w) for r in page.requests] == [("r-1", -9)]
    assert [(o.reference, o.options[0].price) for o in page.offers] == [("f-1", 30_000)]
    assert {o.reference: o.status for o in page.orders} == {
        "o-25": OrderStatus.SETTLED, "o-37": OrderStatus.DELIVERED, "o-45": OrderStatus.DELIVERED,
        "o-57": OrderStatus.UPCOMING,
    }  # fmt: skip
    assert [(s.reference, s.seller, s.orders[0].net) for s in page.settlements] == [("s-1", "agr-east", 29_500)]
    statuses = {o.reference: o.status for o in dso_state(filled(MemoryStore()), at(11.5)).orders}
    assert statuses["o-45"] is OrderStatus.ACTIVE


def test_the_page_after_a_kill_is_the_page_before(tmp_path: Path) -> None:
    """A process that died without closing its store leaves what the next one shows."""
    before = ParquetStore(tmp_path)
    page = dso_state(filled(before), at(12))
    before._log._file.close()  # nothing else is done: it is dead
    after = ParquetStore(tmp_path, keep=True)
    assert dso_state(after, at(12)) == page
    after.close()
    closed = ParquetStore(tmp_path, keep=True)
    assert dso_state(closed, at(12)) == page
    closed.close()


def test_what_is_long_past_is_not_shown_but_kept() -> None:
    """Weeks later the page is empty but for the points; the store still has every order."""
    store = filled(MemoryStore())
    page = dso_state(store, at(24 * 40))
    assert (page.prognoses, page.requests, page.offers, page.orders, page.settlements) == ((), (), (), (), ())
    assert [point.period for point in page.points] == [None, None]
    assert len(store.told(OrderPlaced)) == 5


def test_a_site_nobody_described_is_one_sentence() -> None:
    """Without a description there is no calendar to read orders by."""
    with pytest.raises(ViewError, match="has not been described yet"):
        dso_state(MemoryStore(), at(12))


class StoreSite:
    """A site of which there is a store, and no agent."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def health(self) -> Health:
        """Whatever it is."""
        return healthy()

    async def dso_state(self) -> DsoState:
        """What the store holds at noon."""
        return dso_state(self._store, at(12))

    async def market_rows(self) -> MarketRows:
        """What the store holds of the market."""
        return MarketRows(self._store)


def test_the_route_shows_what_the_store_holds() -> None:
    """Over HTTP it is the same page, whole."""
    store = filled(MemoryStore())
    answer = asyncio.run(get("/dso/state", BEARER, StoreSite(store)))
    assert answer.status_code == 200
    assert DsoState.model_validate_json(answer.text) == dso_state(store, at(12))


def test_the_portal_imports_no_agent() -> None:
    """With all of the portal imported, no module of agents or market is: their states cannot break a page."""
    code = (
        "import pkgutil, sys, importlib, portal\n"
        "for found in pkgutil.walk_packages(portal.__path__, 'portal.'): importlib.import_module(found.name)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in {'agents', 'market', 'devices', 'environment'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
