"""What the DSO ordered, and what became of it: delivered, and by which cause not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from agents.assembly.grid_of_site import usage_point
from agents.assembly.providers import aggregator_of
from cim.platform.publications.grid import FeedInAccounted
from cim.platform.publications.incidents import PointNotMetered
from cim.platform.publications.settlement import SettledIsp, SettlementTold, last_revisions
from cim.platform.publications.trading import OrderPlaced, OrderRefused
from cim.platform.store import Store, values
from environment.sites.schema import Site
from experiments.run.columns.models import Undelivered


class Place(NamedTuple):
    """An ISP (from 1) of a day, of a seller (its domain) at a congestion point."""

    seller: str
    point: str
    period: date
    isp: int


@dataclass(slots=True)
class Ordered:
    """What the DSO ordered at a place, mean watts without sign, and its settlement there.

    Attributes:
        settled: a row for each order.
        metered: whether all meters there saw it.
        limited_w: what the DSO's own limits took of the feed-in there.
    """

    ordered_w: int = 0
    settled: list[SettledIsp] = field(default_factory=list)
    metered: bool = True
    limited_w: int = 0


def ordered_of_dso(site: Site, store: Store) -> dict[Place, Ordered]:
    """Every ISP in which the DSO ordered something, of the settlements that count; orders that were refused are none."""
    found = dict[Place, Ordered]()
    for place, watts in _placed(site.dso.domain, store):
        found.setdefault(place, Ordered()).ordered_w += watts
    for place, row in _settled(site.dso.domain, store):
        if place in found:
            found[place].settled.append(row)
    for lost in values(store, PointNotMetered):
        for isp in lost.isps:
            if (place := Place(lost.seller, lost.congestion_point, lost.period, isp)) in found:
                found[place].metered = False
    for place, watts in _limited(site, store):
        if place in found:
            found[place].limited_w += watts
    return found


def _placed(dso: str, store: Store) -> Iterator[tuple[Place, int]]:
    refused = {one.order_reference for one in values(store, OrderRefused)}
    for order in values(store, OrderPlaced):
        for asked in order.isps if order.buyer == dso and order.order_reference not in refused else ():
            for isp in range(asked.start, asked.start + asked.duration):
                yield Place(order.seller, order.congestion_point, order.period, isp), abs(asked.power_w)


def _settled(dso: str, store: Store) -> Iterator[tuple[Place, SettledIsp]]:
    for told in last_revisions(values(store, SettlementTold)):
        for order in told.orders if told.buyer == dso else ():
            for row in order.isps:
                for isp in range(row.start, row.start + row.duration):
                    yield Place(told.seller, order.congestion_point, order.period, isp), row


def _limited(site: Site, store: Store) -> Iterator[tuple[Place, int]]:
    domains = {party.name: party.domain for party in site.aggregators}
    homes = {usage_point(site, one.name): one for one in site.prosumers}
    for account in values(store, FeedInAccounted):
        for isp, taken_w in zip(account.isps, account.taken_w, strict=True):
            home = homes[account.usage_point]
            seller = domains[aggregator_of(site, home.name, account.period)]
            yield Place(seller, home.congestion_point, account.period, isp), taken_w


def ordered_and_delivered(found: Mapping[Place, Ordered], hours: float) -> dict[str, int]:
    """`ordered_wh`, `delivered_wh` and `deficiency_wh` of what the DSO ordered of its sellers."""
    rows = [row for one in found.values() for row in one.settled]
    return {
        "ordered_wh": round(sum(one.ordered_w for one in found.values()) * hours),
        "delivered_wh": round(sum(abs(row.delivered_flex_power_w) for row in rows) * hours),
        "deficiency_wh": round(sum(row.power_deficiency_w for row in rows) * hours),
    }


def undelivered_of(found: Iterable[Ordered], hours: float) -> Undelivered:
    """What was ordered and not delivered, by cause.

    Args:
        hours: length of an ISP.
    """
    not_metered = own_limit = held = missing = beside = 0
    for one in found:
        lacks = [abs(row.ordered_flex_power_w) - abs(row.delivered_flex_power_w) for row in one.settled]
        lack_w = one.ordered_w - sum(abs(row.delivered_flex_power_w) for row in one.settled)
        fined_w = sum(min(row.power_deficiency_w, lack) for row, lack in zip(one.settled, lacks, strict=True))
        beside += sum(row.power_deficiency_w for row in one.settled) - fined_w
        missing += fined_w
        if not one.metered:
            not_metered += lack_w - fined_w
            continue
        wished_w = sum(lack for row, lack in zip(one.settled, lacks, strict=True) if row.ordered_flex_power_w < 0)
        limited_w = min(wished_w, one.limited_w, lack_w - fined_w)
        own_limit += limited_w
        held += lack_w - fined_w - limited_w
    return Undelivered(
        not_metered_wh=round(not_metered * hours),
        own_limit_wh=round(own_limit * hours),
        level_held_wh=round(held * hours),
        missing_wh=round(missing * hours),
        fined_beside_wh=round(beside * hours),
    )
