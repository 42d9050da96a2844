"""All pages in the order of the menu, and who sees which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cim.platform.access.principals import Role
from cim.platform.orchestrator.status import DataStatus
from portal.screens import (
    act,
    bills,
    book,
    community,
    connection,
    contracts,
    data,
    events,
    exchange,
    flexibility,
    forecasts,
    grid,
    island,
    ledger,
    market,
    now,
    operation,
    own,
    points,
    quality,
    settling,
    shift,
    supply,
    trading,
    works,
)
from portal.screens.page import ALL_ROLES, DSO_ROLES, MARKET_ROLES, Screen

AREAS: Final[Mapping[str, str]] = {"dso": "Grid operator", "market": "Market", "data": "Data"}
_STATUS_ROLES = frozenset({Role.ADMINISTRATOR})

_SCREENS: Final = (
    Screen("dso", "now", "Now", DSO_ROLES, now.make),
    Screen("dso", "grid", "Grid", DSO_ROLES, grid.make),
    Screen("dso", "points", "Congestion points", DSO_ROLES, points.make),
    Screen("dso", "exchange", "Coupling point and kinds", DSO_ROLES, exchange.make),
    Screen("dso", "forecasts", "Forecasts", DSO_ROLES, forecasts.make),
    Screen("dso", "connection", "One connection", DSO_ROLES, connection.make),
    Screen("dso", "flexibility", "Flexibility", DSO_ROLES, flexibility.make),
    Screen("dso", "trading", "Requests and orders", DSO_ROLES, trading.make),
    Screen("dso", "book", "Order book", DSO_ROLES, book.make),
    Screen("dso", "events", "Events", DSO_ROLES, events.make),
    Screen("dso", "act", "Act", DSO_ROLES, act.make),
    Screen("dso", "works", "Works", DSO_ROLES, works.make),
    Screen("dso", "settlements", "Settlements", DSO_ROLES, settling.make),
    Screen("dso", "ledger", "Ledger", DSO_ROLES, ledger.make),
    Screen("dso", "health", "Agents and devices", DSO_ROLES, operation.make_health),
    Screen("dso", "quality", "Data quality", DSO_ROLES, quality.make_quality),
    Screen("dso", "alarms", "Alarms", DSO_ROLES, operation.make_alarms),
    Screen("dso", "supply", "Interruptions", DSO_ROLES, supply.make),
    Screen("dso", "island", "Island", DSO_ROLES, island.make),
    Screen("dso", "shift", "Shift report", DSO_ROLES, shift.make),
    Screen("market", "assets", "Assets", MARKET_ROLES, market.assets),
    Screen("market", "templates", "Templates", MARKET_ROLES, contracts.templates),
    Screen("market", "contracts", "Contracts", MARKET_ROLES, contracts.contracts),
    Screen("market", "negotiations", "Negotiations", MARKET_ROLES, contracts.negotiations),
    Screen("market", "trading", "Offers and orders", MARKET_ROLES, trading.make),
    Screen("market", "book", "Order book", MARKET_ROLES, book.make),
    Screen("market", "settlements", "Settlements", MARKET_ROLES, settling.make),
    Screen("market", "money", "Money", MARKET_ROLES, settling.money_flows),
    Screen("market", "bills", "Bills", MARKET_ROLES, bills.make),
    Screen("market", "community", "Community", MARKET_ROLES, community.make),
    Screen("market", "devices", "Devices", MARKET_ROLES, own.devices),
    Screen("market", "works", "Works", MARKET_ROLES, works.make),
    Screen("market", "proofs", "Proofs", MARKET_ROLES, ledger.make),
    Screen("market", "consents", "Consents", MARKET_ROLES, own.consents),
    Screen("data", "search", "Search", ALL_ROLES, data.search),
    Screen("data", "queries", "Queries", ALL_ROLES, data.queries),
    Screen("data", "playground", "Playground", ALL_ROLES, data.playground),
    Screen("data", "accesses", "Accesses", ALL_ROLES, data.accesses),
)


def catalogue(look: Callable[[], DataStatus] | None) -> dict[str, Screen]:
    """Pages by their address.

    Args:
        look: how the data platform is; without it there is no page of it.
    """
    screens = list(_SCREENS)
    if look is not None:
        screens.append(Screen("data", "status", "Modules", _STATUS_ROLES, data.status_page(look)))
    return {screen.path: screen for screen in screens}
