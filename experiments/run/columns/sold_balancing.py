"""What a column's balancing energy came to: what was bid, called and delivered, and what it earned and was fined.

Delivered balancing energy is no imbalance: it is taken out of what came otherwise than expected, and settled at the day-ahead
price with the premium beside it (`market.balancing.clearing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.settlement import SettlementTold, last_revisions
from environment.sites.schema import Site


@dataclass(frozen=True)
class SoldBalancing:
    """What the site sold to the TSO: one row for each quarter-hour of the days, in a row.

    Attributes:
        delivered_kw: [T] + = more consumption.
        called_kw: [T] likewise.
        offered_kwh: in the needed direction, whether it was called or not.
        earned, fined: premiums and penalties, in the currency unit.
        worth: the premiums of all that was called, had it been delivered wholly.
        calls, failed: how many quarter-hours, and of how many less than half came.
    """

    delivered_kw: Floats
    called_kw: Floats
    offered_kwh: float
    earned: float
    fined: float
    worth: float
    calls: int
    failed: int


class BalancingFigures(NamedTuple):
    """What it comes down to; energies are sums without sign."""

    balancing_earned_eur: float
    balancing_fined_eur: float
    balancing_offered_kwh: float
    balancing_called_kwh: float
    balancing_delivered_kwh: float
    balancing_calls: int
    balancing_failed: int


def sold_balancing(
    site: Site, days: Sequence[LocalDay], cleared: Sequence[BalancingCleared], told: Sequence[SettlementTold]
) -> SoldBalancing | None:
    """What the TSO cleared and settled; None where it cleared nothing, because there is none."""
    if site.balancing is None or not cleared:
        return None
    hours, offsets, first = site.isp_minutes / 60, dict[object, int](), 0
    for day in days:
        offsets[day.day] = first
        first += day.count
    delivered, called, worth = np.zeros(first), np.zeros(first), 0.0
    for one in cleared:
        if one.period in offsets:
            called[offsets[one.period] + one.isp - 1] += one.called_w / 1000
            worth += abs(one.called_w) / 1000 * hours * (one.premium_e4_per_kwh or 0) / 1e4
    price = penalty = calls = failed = 0
    for settlement in last_revisions(told):
        for order in settlement.orders if settlement.buyer == site.balancing.domain else ():
            price, penalty = price + order.price_e4, penalty + order.penalty_e4
            for isp in order.isps:
                delivered[offsets[order.period] + isp.start - 1] += isp.delivered_flex_power_w / 1000
                calls += 1
                failed += 2 * abs(isp.delivered_flex_power_w) < abs(isp.ordered_flex_power_w)
    offered = sum(one.offered_w for one in cleared if one.period in offsets) / 1000 * hours
    return SoldBalancing(delivered, called, offered, price / 1e4, penalty / 1e4, worth, calls, failed)


def known_before(sold: SoldBalancing) -> SoldBalancing:
    """What who knows every call earns by the same calls at most: all premiums, at no cost and without moving anything."""
    nothing = np.zeros_like(sold.delivered_kw)
    return replace(sold, delivered_kw=nothing, earned=sold.worth, fined=0.0, failed=0)


def balancing_figures(sold: SoldBalancing, hours: float) -> BalancingFigures:
    """The named figures."""
    return BalancingFigures(
        balancing_earned_eur=round(sold.earned, 4),
        balancing_fined_eur=round(sold.fined, 4),
        balancing_offered_kwh=round(sold.offered_kwh, 3),
        balancing_called_kwh=round(float(np.abs(sold.called_kw).sum()) * hours, 3),
        balancing_delivered_kwh=round(float(np.abs(sold.delivered_kw).sum()) * hours, 3),
        balancing_calls=sold.calls,
        balancing_failed=sold.failed,
    )
