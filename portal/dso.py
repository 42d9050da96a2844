"""The DSO's page, made from what the store holds: no agent is asked and no role's state is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from cim.model.intervals import LocalDay, local_day_of
from cim.platform.publications.base import IspPower as IspPowerRow
from cim.platform.publications.grid import SafetyAnalysed
from cim.platform.publications.settlement import SettlementTold
from cim.platform.publications.site import SiteDescribed, WatchedPoint
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced, OrderRefused, PrognosisTaken
from cim.platform.store import Publications, latest, values
from portal.models import (
    AskedIsp,
    DsoState,
    GridPoint,
    IspPower,
    Offer,
    OfferedOption,
    Order,
    OrderStatus,
    Prognosis,
    Request,
    SettledOrder,
    Settlement,
)
from portal.views import ViewError

# How far back the page looks; all of it stays in the store.
TRADING = timedelta(days=2)  # analyses, offers; prognoses and requests whose day is not longer over
ORDERS = timedelta(days=8)
SETTLEMENTS = timedelta(days=31)


def dso_state(store: Publications, now: datetime) -> DsoState:
    """The grid and the market as the DSO has published them.

    Raises:
        ViewError: nobody has said yet what site this is.
    """
    described = values(store, SiteDescribed)
    if not described:
        raise ViewError("the site has not been described yet")
    site = described[-1]
    names = {party.domain: party.agent for party in site.parties}
    told = values(store, SettlementTold, now - SETTLEMENTS, {"buyer": site.dso})
    return DsoState(
        now=now,
        points=_points(store, site, now),
        prognoses=_prognoses(store, site, names, now),
        requests=_requests(store, site, now),
        offers=tuple(_offer(offer, names) for offer in values(store, FlexOffered, now - TRADING)),
        orders=_orders(store, site, names, now, {row.order_reference for each in told for row in each.orders}),
        settlements=tuple(_settlement(each, names) for each in told),
    )


def _points(store: Publications, site: SiteDescribed, now: datetime) -> tuple[GridPoint, ...]:
    analysed = {s.congestion_point: s for s in latest(store, SafetyAnalysed, "congestion_point", since=now - TRADING)}
    return tuple(_point(point, analysed.get(point.congestion_point)) for point in site.points)


def _point(point: WatchedPoint, seen: SafetyAnalysed | None) -> GridPoint:
    return GridPoint(
        id=point.congestion_point,
        branch=point.branch,
        limit_pct=point.limit_pct,
        period=None if seen is None else seen.period,
        loading_pct=() if seen is None else seen.loading_pct,
        need_w=() if seen is None else seen.need_w,
    )


def _prognoses(
    store: Publications, site: SiteDescribed, names: Mapping[str, str], now: datetime
) -> tuple[Prognosis, ...]:
    newest = latest(store, PrognosisTaken, "seller", "congestion_point", "period", since=now - TRADING)
    first = local_day_of(now, site.timezone).next(-1).day
    return tuple(
        Prognosis(
            reference=told.reference,
            seller=names.get(told.seller, told.seller),
            point=told.congestion_point,
            period=told.period,
            revision=told.revision,
            at=told.at,
            power_w=told.power_w,
        )
        for told in newest
        if told.period >= first
    )


def _requests(store: Publications, site: SiteDescribed, now: datetime) -> tuple[Request, ...]:
    first = local_day_of(now, site.timezone).next(-1).day
    return tuple(
        Request(
            reference=told.reference,
            point=told.congestion_point,
            period=told.period,
            revision=told.revision,
            at=told.at,
            expires=told.expires,
            isps=tuple(
                AskedIsp(
                    start=row.start,
                    disposition=row.disposition,
                    min_power_w=row.min_power_w,
                    max_power_w=row.max_power_w,
                    duration=row.duration,
                )
                for row in told.isps
            ),
        )
        for told in values(store, FlexRequested, now - TRADING)
        if told.period >= first
    )


def _offer(told: FlexOffered, names: Mapping[str, str]) -> Offer:
    return Offer(
        reference=told.reference,
        seller=names.get(told.seller, told.seller),
        point=told.congestion_point,
        period=told.period,
        at=told.at,
        expires=told.expires,
        request=told.request,
        for_people=told.for_people,
        currency=told.currency,
        options=tuple(
            OfferedOption(reference=option.reference, price=option.price_e4, isps=_isps(option.isps))
            for option in told.options
        ),
    )


def _orders(
    store: Publications, site: SiteDescribed, names: Mapping[str, str], now: datetime, settled: set[str]
) -> tuple[Order, ...]:
    refused = {told.order_reference for told in values(store, OrderRefused, now - ORDERS)}
    return tuple(
        Order(
            reference=told.order_reference,
            seller=names.get(told.seller, told.seller),
            point=told.congestion_point,
            period=told.period,
            at=told.at,
            isps=_isps(told.isps),
            price=told.price_e4,
            currency=told.currency,
            status=OrderStatus.SETTLED if told.order_reference in settled else _status(told, site, now),
        )
        for told in latest(store, OrderPlaced, "order_reference", since=now - ORDERS)
        if told.order_reference not in refused
    )


def _status(told: OrderPlaced, site: SiteDescribed, now: datetime) -> OrderStatus:
    day = LocalDay(told.period, site.timezone, site.isp_minutes)
    if now < min(day.isp_start(row.start) for row in told.isps):
        return OrderStatus.UPCOMING
    over = now >= max(day.isp_start(row.start + row.duration) for row in told.isps)
    return OrderStatus.DELIVERED if over else OrderStatus.ACTIVE


def _settlement(told: SettlementTold, names: Mapping[str, str]) -> Settlement:
    return Settlement(
        reference=told.reference,
        seller=names.get(told.seller, told.seller),
        period_start=told.period_start,
        period_end=told.period_end,
        revision=told.revision,
        currency=told.currency,
        orders=tuple(
            SettledOrder(
                order=row.order_reference,
                point=row.congestion_point,
                period=row.period,
                price=row.price_e4,
                penalty=row.penalty_e4,
                net=row.net_e4,
            )
            for row in told.orders
        ),
    )


def _isps(rows: tuple[IspPowerRow, ...]) -> tuple[IspPower, ...]:
    return tuple(IspPower(start=row.start, power_w=row.power_w, duration=row.duration) for row in rows)
