"""What the DSO pays for the offers that it chooses, by the market's mechanism: pay-as-bid, uniform price, VCG, posted price.

Offers are profiles over several ISPs, ordered in part or not at all, so a mechanism's rule is applied to them as they are:
the choice is always the cheapest mix (of what accepts a posted price, where there is one), and the payment is the rule's.

A job (see `agents.planning.jobs`): it uses a solver, so it is never called inside a role.
"""

from __future__ import annotations

import numpy as np

from agents.planning.grid_safety.offer_selection import select
from cim.model.arrays import Floats
from cim.model.errors import ProgrammingFault
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import Vcg

Priced = tuple[tuple[int, int], ...]


def choose_and_price(
    mechanism: str,
    posted_e4_per_kwh: int,
    hours: float,
    need_kw: Floats,
    options: tuple[Floats, ...],
    prices: tuple[int, ...],
    minimum_pct: tuple[int, ...],
    offers: tuple[int, ...],
    outside_e4_per_kw: Floats,
) -> Priced:
    """(activation factor in whole percent, price) of each option; (0, 0) of one that is not ordered.

    Args:
        mechanism: its name.
        posted_e4_per_kwh: the price that was posted, for that mechanism.
        hours: length of an ISP.
        need_kw, options, prices, minimum_pct, offers, outside_e4_per_kw: as of `offer_selection.select`.

    Returns:
        Prices in ten-thousandths, never below what was offered.
    """
    energy = [float(np.abs(option).sum()) * hours for option in options]
    if mechanism == PostedPrice.name:
        paid = [round(posted_e4_per_kwh * kwh) for kwh in energy]
        accepting = [place for place, price in enumerate(prices) if price <= paid[place]]
        chosen = _select_of(accepting, need_kw, options, tuple(paid), minimum_pct, offers, outside_e4_per_kw)
        return tuple((factor, round(paid[place] * factor / 100)) for place, factor in enumerate(chosen))
    everything = list(range(len(options)))
    factors = _select_of(everything, need_kw, options, prices, minimum_pct, offers, outside_e4_per_kw)
    offered = [round(price * factor / 100) for price, factor in zip(prices, factors, strict=True)]
    if mechanism == PayAsBid.name:
        return tuple(zip(factors, offered, strict=True))
    if mechanism == UniformPrice.name:
        moved = [kwh * factor / 100 for kwh, factor in zip(energy, factors, strict=True)]
        dearest = max((price / kwh for price, kwh in zip(offered, moved, strict=True) if kwh > 0), default=0.0)
        pairs = zip(factors, offered, moved, strict=True)
        return tuple((factor, max(round(dearest * kwh), price) if factor else 0) for factor, price, kwh in pairs)
    if mechanism != Vcg.name:
        raise ProgrammingFault(f"mechanism {mechanism!r} serves no single buyer; the run should have been refused")

    def cost(of: tuple[int, ...]) -> float:
        return _cost_e4(of, need_kw, options, prices, outside_e4_per_kw)

    found = []
    for factor, price, seller in zip(factors, offered, offers, strict=True):
        if factor:
            others = [place for place in everything if offers[place] != seller]
            without = _select_of(others, need_kw, options, prices, minimum_pct, offers, outside_e4_per_kw)
            price = max(round(price + cost(without) - cost(factors)), price)  # noqa: PLW2901 - what it is worth to the DSO
        found.append((factor, price))
    return tuple(found)


def _select_of(
    places: list[int],
    need_kw: Floats,
    options: tuple[Floats, ...],
    prices: tuple[int, ...],
    minimum_pct: tuple[int, ...],
    offers: tuple[int, ...],
    outside_e4_per_kw: Floats,
) -> tuple[int, ...]:
    """Factors of all options when only those at these places may be ordered."""
    found = select(
        need_kw,
        tuple(options[place] for place in places),
        tuple(prices[place] for place in places),
        tuple(minimum_pct[place] for place in places),
        tuple(offers[place] for place in places),
        outside_e4_per_kw,
    )
    chosen = dict(zip(places, found, strict=True))
    return tuple(chosen.get(place, 0) for place in range(len(options)))


def _cost_e4(
    factors: tuple[int, ...], need_kw: Floats, options: tuple[Floats, ...], prices: tuple[int, ...], outside: Floats
) -> float:
    """What a choice costs: the offers ordered, and other means for what they leave uncovered."""
    paid = sum(price * factor / 100 for price, factor in zip(prices, factors, strict=True))
    moved = np.sum([option * factor / 100 for option, factor in zip(options, factors, strict=True)], axis=0)
    uncovered = np.maximum(np.abs(need_kw) - np.sign(need_kw) * moved, 0.0)
    return paid + float(np.where(need_kw != 0, outside, 0.0) @ uncovered)
