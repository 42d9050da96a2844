"""A site to look at that is none, and a client for the portal without a socket."""

from __future__ import annotations

from datetime import UTC, date, datetime

import httpx
from fastapi import FastAPI

from cim.platform.memory_store import MemoryStore
from portal.app import create_app
from portal.market import MarketRows
from portal.models import (
    AgentHealth,
    DsoState,
    FailedEvent,
    GridPoint,
    Health,
    IspPower,
    JournalHealth,
    Mode,
    Order,
    OrderStatus,
    Status,
)
from portal.views import SiteView

TOKEN = "t" * 43
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOON = datetime(2025, 6, 21, 12, tzinfo=UTC)


def agent(name: str, alive: bool = True, **changes: object) -> AgentHealth:
    """One agent's health."""
    values = {
        "name": name, "role": "battery", "host": name, "alive": alive, "handled": 7, "waiting": 2, "failed_events": 0,
        "last_at": NOON, "restarts": 0, "device": f"{name}.device", "device_fault": None,
    }  # fmt: skip
    return AgentHealth.model_validate({**values, **changes})


def healthy(status: Status = Status.OK) -> Health:
    """A site with two agents, one of which failed_events a message."""
    agents = (agent("farm-1.battery"), agent("farm-2.battery", alive=False, failed_events=1))
    failed_events = (FailedEvent(agent="farm-2.battery", at=NOON, kind="home.DeviceSchedule", error="KeyError: 'x'"),)
    journal = JournalHealth(state="ok", detail="synced", lag=0)
    return Health(
        status=status,
        site="strem",
        now=NOON,
        mode=Mode.SIMULATED,
        speed=60,
        agents=agents,
        journal=journal,
        failed_events=failed_events,
    )


def trading() -> DsoState:
    """One congestion point with one order."""
    point = GridPoint(
        id="ean.1", branch="line-1", limit_pct=100, period=date(2025, 6, 21), loading_pct=(80.5,), need_w=(-500,)
    )
    order = Order(
        reference="o-1", seller="aggregator", point="ean.1", period=date(2025, 6, 21), at=NOON,
        isps=(IspPower(start=48, power_w=-4000),), price=-800, currency="EUR", status=OrderStatus.UPCOMING,
    )  # fmt: skip
    return DsoState(now=NOON, points=(point,), prognoses=(), requests=(), offers=(), orders=(order,), settlements=())


class FakeSite:
    """Answers what it is told to, or raises it; counts how often it was asked."""

    def __init__(self, health: Health | Exception | None = None, dso: DsoState | Exception | None = None) -> None:
        self._health, self._dso = health or healthy(), dso or trading()
        self.asked = 0
        self.store = MemoryStore(keep_readings=False)

    async def health(self) -> Health:
        """As told."""
        self.asked += 1
        if isinstance(self._health, Exception):
            raise self._health
        return self._health

    async def dso_state(self) -> DsoState:
        """As told."""
        self.asked += 1
        if isinstance(self._dso, Exception):
            raise self._dso
        return self._dso

    async def market_rows(self) -> MarketRows:
        """What was put into its store."""
        self.asked += 1
        return MarketRows(self.store)


def client(app: FastAPI) -> httpx.AsyncClient:
    """Calls the app without a socket; an exception that escapes it escapes here too."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal.test")


async def get(path: str, headers: dict[str, str] | None = None, site: SiteView | None = None) -> httpx.Response:
    """One GET at the portal of a site."""
    async with client(create_app(site or FakeSite(), TOKEN)) as caller:
        return await caller.get(path, headers=headers)
