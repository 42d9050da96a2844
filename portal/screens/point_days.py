"""A congestion point day by day: what was expected, ordered, delivered and limited there."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from cim.platform.publications.grid import FeedInAccounted, FeedInLimited, SafetyAnalysed
from cim.platform.publications.settlement import SettlementTold, last_revisions
from cim.platform.publications.site import WatchedPoint
from cim.platform.publications.trading import OrderPlaced, OrderRefused
from cim.platform.store import values
from portal.screens.markup import Cell, Html, link, note, section, table
from portal.screens.seen import AHEAD, LATELY, Seen


def days_section(seen: Seen, point: WatchedPoint) -> Html:
    """Each day that is known of a point, newest first; a month of them, unless all are asked for."""
    name, hours = point.congestion_point, seen.site.isp_minutes / 60
    first = None if not seen.rows else seen.today.next(1 - LATELY)
    since = None if first is None else first.start - AHEAD
    analysed = {one.period: one for one in values(seen.store, SafetyAnalysed, since) if one.congestion_point == name}
    ordered_kwh, delivered_kwh = _ordered(seen, name, hours, since), _delivered(seen, name, hours, since)
    taken_kwh = _taken(seen, name, since)
    rows: list[tuple[Cell, ...]] = []
    known = {*analysed, *ordered_kwh, *delivered_kwh, *taken_kwh}
    for period in sorted((one for one in known if first is None or one >= first.day), reverse=True):
        told = analysed.get(period)
        rows.append(
            (
                Html(link(str(period), "", point=name, day=str(period))),
                None if told is None else max(told.loading_pct),
                None if told is None else sum(1 for pct in told.loading_pct if pct > point.limit_pct),
                None if told is None else sum(map(abs, told.need_w)) * hours / 1000,
                ordered_kwh.get(period),
                delivered_kwh.get(period),
                taken_kwh.get(period),
            )
        )
    return section(
        "Day by day",
        table(
            f"{seen.title(name)}, newest first",
            (
                "day",
                "highest expected loading, %",
                "ISPs expected above the limit",
                "needed by the last analysis, kWh",
                "ordered, kWh",
                "delivered, kWh",
                "taken by the DSO's limits, kWh",
            ),
            rows,
            "No day of this point has been analysed yet.",
            0,
        ),
        note("" if first is None else Html(f"The last {LATELY} days; {link('all', '', point=name, rows='all')}.")),
        note(
            "Expected and needed: by the last analysis of the day, after what was bought. Ordered and delivered: orders of the DSO "
            "at this point that were not refused, without sign. Limits: of the plants that were limited for this point's sake."
        ),
        name="days",
    )


def _ordered(seen: Seen, point: str, hours: float, since: datetime | None) -> dict[date, float]:
    refused = {one.order_reference for one in values(seen.store, OrderRefused, since)}
    found: defaultdict[date, float] = defaultdict(float)
    for one in values(seen.store, OrderPlaced, since):
        if (one.buyer, one.congestion_point) == (seen.site.dso, point) and one.order_reference not in refused:
            found[one.period] += sum(abs(isp.power_w) * isp.duration for isp in one.isps) * hours / 1000
    return dict(found)


def _delivered(seen: Seen, point: str, hours: float, since: datetime | None) -> dict[date, float]:
    found: defaultdict[date, float] = defaultdict(float)
    for told in last_revisions(values(seen.store, SettlementTold, since, {"buyer": seen.site.dso})):
        for order in told.orders:
            if order.congestion_point == point:
                power_w = sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in order.isps)
                found[order.period] += power_w * hours / 1000
    return dict(found)


def _taken(seen: Seen, point: str, since: datetime | None) -> dict[date, float]:
    why: defaultdict[tuple[str, date], set[str]] = defaultdict(set)
    for limit in values(seen.store, FeedInLimited, since):
        why[limit.usage_point, limit.period].add(limit.congestion_point)
    found: defaultdict[date, float] = defaultdict(float)
    for one in values(seen.store, FeedInAccounted, since):
        if point in why[one.usage_point, one.period]:
            found[one.period] += one.curtailed_wh / 1000
    return dict(found)
