"""Requests, offers and orders in every state."""

from __future__ import annotations

from datetime import date, datetime

from cim.model.intervals import LocalDay
from cim.platform.publications.base import IspPower
from cim.platform.publications.settlement import SettlementTold
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced, OrderRefused
from cim.platform.store import latest, values
from portal.screens.markup import (
    Figure,
    Html,
    figures,
    kw,
    lately,
    mark,
    money,
    section,
    short,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen

TONES = {"settled": "good", "active": "warn", "refused": "bad", "revoked": "bad", "ordered": "good", "open": "warn"}


def make(seen: Seen) -> Parts:
    """The page of the market with the DSO."""
    return _counts(seen), _requests(seen), _offers(seen), _orders(seen)


def concerns(seen: Seen, *domains: str) -> bool:
    """Whether the visitor may see what is between these parties."""
    return seen.visitor.party is None or seen.visitor.party in domains


def orders_with_state(seen: Seen) -> list[tuple[OrderPlaced, str]]:
    """Each order that the visitor may see with where it is now, oldest first."""
    refused = {one.order_reference for one in values(seen.store, OrderRefused, seen.since)}
    settled = {row.order_reference for told in values(seen.store, SettlementTold, seen.since) for row in told.orders}
    found = []
    for one in latest(seen.store, OrderPlaced, "order_reference", since=seen.since):
        if not concerns(seen, one.buyer, one.seller):
            continue
        begin, end = span_of(seen, one)
        state = "active" if begin <= seen.now < end else "upcoming" if seen.now < begin else "delivered"
        if one.order_reference in refused:
            state = "refused"
        elif one.order_reference in settled:
            state = "settled"
        found.append((one, state))
    return found


def span_of(seen: Seen, order: OrderPlaced) -> tuple[datetime, datetime]:
    """When an order begins and ends, UTC."""
    day = LocalDay(order.period, seen.site.timezone, seen.site.isp_minutes)
    begin = min(day.isp_start(row.start) for row in order.isps)
    return begin, max(day.isp_start(row.start + row.duration) for row in order.isps)


def _span(seen: Seen, day: LocalDay, rows: tuple[IspPower, ...]) -> str:
    begin = seen.local(day.isp_start(min(row.start for row in rows)))
    end = seen.local(day.isp_start(max(row.start + row.duration for row in rows)))
    return f"{begin:%H:%M}–{end:%H:%M}"


def span_words(seen: Seen, period: date, rows: tuple[IspPower, ...]) -> str:
    """From when to when rows of a local day are."""
    return _span(seen, LocalDay(period, seen.site.timezone, seen.site.isp_minutes), rows)


def _day(seen: Seen, order: FlexRequested | FlexOffered | OrderPlaced) -> LocalDay:
    return LocalDay(order.period, seen.site.timezone, seen.site.isp_minutes)


def _counts(seen: Seen) -> Html:
    orders = orders_with_state(seen)
    states = {state: sum(1 for _, found in orders if found == state) for _, state in orders}
    return section(
        "Trading",
        figures(
            Figure(
                "requests",
                sum(
                    1 for one in values(seen.store, FlexRequested, seen.since) if concerns(seen, one.buyer, one.seller)
                ),
            ),
            Figure(
                "offers",
                sum(1 for one in values(seen.store, FlexOffered, seen.since) if concerns(seen, one.buyer, one.seller)),
            ),
            Figure("orders", len(orders)),
            *(Figure(f"orders {state}", count) for state, count in states.items()),
        ),
        lately(seen.since),
        name="counts",
    )


def _requests(seen: Seen) -> Html:
    offered = {one.request for one in values(seen.store, FlexOffered, seen.since)}
    rows = []
    for one in reversed(values(seen.store, FlexRequested, seen.since)):
        if not concerns(seen, one.buyer, one.seller):
            continue
        wanted = [isp for isp in one.isps if isp.disposition == "Requested"]
        most = max((min(abs(isp.min_power_w), abs(isp.max_power_w)) for isp in wanted), default=0)
        state = "answered" if one.reference in offered else "open" if one.expires > seen.now else "expired unanswered"
        rows.append(
            (
                seen.local(one.at),
                seen.name(one.seller),
                seen.title(one.congestion_point),
                one.period,
                mark(state, "good" if state == "answered" else ""),
                sum(isp.duration for isp in wanted),
                kw(most),
                seen.local(one.expires),
                short(one.reference),
            )
        )
    head = ("at (local)", "to", "point", "day", "state", "ISPs asked", "most needed, kW", "expires", "reference")
    return section(
        "Requests",
        table("FlexRequests, newest first", head, rows, f"The DSO has asked for nothing{seen.yet}.", seen.rows),
        name="requests",
    )


def _offers(seen: Seen) -> Html:
    taken = {one.offer for one in values(seen.store, OrderPlaced, seen.since)}
    rows = []
    for one in reversed(values(seen.store, FlexOffered, seen.since)):
        if not concerns(seen, one.buyer, one.seller):
            continue
        state = "ordered" if one.reference in taken else "open" if one.expires > seen.now else "expired"
        low, high = min(o.price_e4 for o in one.options), max(o.price_e4 for o in one.options)
        power = max(abs(isp.power_w) for o in one.options for isp in o.isps)
        rows.append(
            (
                seen.local(one.at),
                seen.name(one.seller),
                seen.title(one.congestion_point),
                one.period,
                mark(state, TONES.get(state, "")),
                len(one.options),
                kw(power),
                money(low, one.currency),
                money(high, one.currency),
                short(one.reference),
            )
        )
    head = (
        "at (local)",
        "from",
        "point",
        "day",
        "state",
        "options",
        "most, kW",
        "lowest price",
        "highest price",
        "reference",
    )
    return section(
        "Offers",
        table("FlexOffers, newest first", head, rows, f"Nobody has offered anything{seen.yet}.", seen.rows),
        name="offers",
    )


def _orders(seen: Seen) -> Html:
    rows = [
        (
            seen.local(one.at),
            seen.name(one.seller),
            seen.title(one.congestion_point),
            one.period,
            mark(state, TONES.get(state, "")),
            _span(seen, _day(seen, one), one.isps),
            kw(max((isp.power_w for isp in one.isps), key=abs)),
            money(one.price_e4, one.currency),
            short(one.order_reference),
        )
        for one, state in reversed(orders_with_state(seen))
    ]
    head = (
        "at (local)",
        "seller",
        "point",
        "day",
        "state",
        "from–to (local)",
        "highest power, kW",
        "price",
        "reference",
    )
    return section(
        "Orders",
        table("FlexOrders, newest first", head, rows, f"Nothing has been ordered{seen.yet}.", seen.rows),
        name="orders",
    )


def domain_of(seen: Seen, agent: str) -> str:
    """The domain under which the market knows an agent."""
    return next((party.domain for party in seen.site.parties if party.agent == agent), agent)
