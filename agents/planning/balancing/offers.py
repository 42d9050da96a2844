"""From what a portfolio could give to what it bids for one quarter-hour.

Nothing is bid twice: what has been ordered since the members told what they could give is taken off first, and beyond what the
DSO leaves free at the congestion point nothing is bid at all. What a store gives it must have back, so that is in its premium.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from agents.planning.instance.bands import BothWays, FlexBand
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.billing.hourly_prices import HourlyPrices

_E4_PER_CT = 100
_COMES_BACK_ISPS = 8  # of the day are left at least where a store is bid: what it gives must have time to come back


@wire("plan.BalancingTerms")
@dataclass(frozen=True)
class BalancingTerms:
    """How a portfolio bids.

    Attributes:
        prices: day-ahead, at which what comes back of a store is bought and sold.
        spread_ct_per_kwh: by which that is dearer, or earns less, on the day itself.
        one_way_efficiency: of any store; a bound where a store is better.
        margin_pct: added to what the members ask.
        gate_min: before its quarter-hour a bid must be with the TSO.
        highest_premium_e4_per_kwh: more may not be asked for.
    """

    prices: HourlyPrices
    spread_ct_per_kwh: float
    one_way_efficiency: float
    margin_pct: int
    gate_min: int
    highest_premium_e4_per_kwh: int


@wire("plan.BalancingStep")
@dataclass(frozen=True, slots=True)
class BalancingStep:
    """So many watts (a magnitude) towards more consumption or towards less, at a premium."""

    more: bool
    power_w: int
    premium_e4_per_kwh: int


def rebound_ct_per_kwh(more: bool, price_ct: Floats, isp: int, terms: BalancingTerms) -> float:
    """What a store's owner loses per kWh by what comes back of it later, the energy itself at the day-ahead price; >= 0.

    Later is the mean of the rest of the day; of the last interval, its own price. What is given is bought back with the losses
    of both ways and the spread; what is taken is sold later without them.

    Args:
        price_ct: [T] of the day.
        isp: from 1.
    """
    now, rest = float(price_ct[isp - 1]), price_ct[isp:]
    later, both = float(rest.mean()) if len(rest) else now, terms.one_way_efficiency**2
    if more:
        return max(now - both * (later - terms.spread_ct_per_kwh), 0.0)
    return max((later + terms.spread_ct_per_kwh) / both - now, 0.0)


def steps(
    gives: BothWays,
    isp: int,
    *,
    moved_kw: Sequence[Floats],
    room_w: tuple[float, float],
    price_ct: Floats,
    terms: BalancingTerms,
    hours: float,
) -> tuple[BalancingStep, ...]:
    """What is bid for one interval if it alone is called, the cheapest first in each direction.

    Args:
        gives: told before each of `moved_kw`.
        moved_kw: [T] each, by what members have been ordered to deviate since, rebound included.
        room_w: how far the DSO leaves the point free to move, down (<= 0) and up (>= 0).
        price_ct: [T] day-ahead, per kWh.
    """
    found: list[BalancingStep] = []
    for more, bands, free_w in ((True, gives.up, room_w[1]), (False, gives.down, -room_w[0])):
        sign = 1.0 if more else -1.0
        rows = [sign * row for row in moved_kw]
        gone_w = sum(max(float(row[isp - 1]), 0.0) for row in rows) * 1000
        gone_wh = sum(max(float(np.cumsum(row).max()), 0.0) for row in rows) * 1000 * hours
        left_w = max(free_w, 0.0)
        for band in sorted(bands, key=lambda band: _premium(band, more, price_ct, isp, terms)):
            once_w = float(band.power_w[isp - 1])
            if band.room_wh and isp > len(band.power_w) - _COMES_BACK_ISPS:
                continue
            if band.room_wh:
                once_w = min(once_w, max(band.room_wh[isp - 1] - gone_wh, 0.0) / hours)
            taken_w = min(once_w, gone_w)  # what is ordered already was the cheapest of it
            gone_w, once_w = gone_w - taken_w, once_w - taken_w
            power_w, premium = int(min(once_w, left_w)), _premium(band, more, price_ct, isp, terms)
            if power_w > 0 and premium <= terms.highest_premium_e4_per_kwh:
                found.append(BalancingStep(more, power_w, premium))
                left_w -= power_w
    return tuple(found)


def _premium(band: FlexBand, more: bool, price_ct: Floats, isp: int, terms: BalancingTerms) -> int:
    rebound_ct = rebound_ct_per_kwh(more, price_ct, isp, terms) if band.room_wh else 0.0
    return ceil(band.price_e4_per_kwh * (100 + terms.margin_pct) / 100 + rebound_ct * _E4_PER_CT)
