"""What a battery earns against the market, and what it costs to hold a reserve meanwhile: exact over a grid of levels.

One backward pass over all quarter-hours (dynamic programming, compiled) finds the cheapest operation of the battery beside
the site's net load, where energy bought costs more than energy sold earns. Not being ready for an outage costs `unready`
ct in each quarter-hour: the chance that one begins, times the chance that it would not be served, times a price. That
price is the Lagrange multiplier of "served with this confidence over the whole span": the higher, the more is held, and
held where it is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from cim.model.arrays import Floats, Ints

ISP_H = 0.25
_LIKES_ENERGY_CT_PER_KWH = 1e-4  # of two operations that cost the same, the one that holds more


@dataclass(frozen=True, eq=False, slots=True)
class Exchange:
    """What the site exchanges with the grid beside its battery, and at what price; each [quarter-hours].

    Attributes:
        net_w: > 0 bought.
        buy_ct_per_kwh, sell_ct_per_kwh: for the site as one customer.
    """

    net_w: Floats
    buy_ct_per_kwh: Floats
    sell_ct_per_kwh: Floats


@dataclass(frozen=True, slots=True)
class Store:
    """The battery: most power either way, usable energy, efficiency each way, wear of what it gives, levels of the grid."""

    rated_w: float
    usable_wh: float
    efficiency: float
    wear_ct_per_kwh: float
    levels: int = 101

    @property
    def levels_wh(self) -> Floats:
        """[levels] usable energy, ascending from 0."""
        return np.linspace(0.0, self.usable_wh, self.levels)


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """One operation.

    Attributes:
        level: [quarter-hours + 1] index into the store's levels, at the beginning of each quarter-hour and at the end.
        cost_ct: of the whole site's exchange and the battery's wear; without what unreadiness was priced at.
    """

    level: Ints
    cost_ct: float


def cheapest(exchange: Exchange, store: Store, unready_ct: Floats, first_level: int | None = None) -> Held:
    """The cheapest operation.

    Args:
        unready_ct: [quarter-hours, levels] what it counts to begin each quarter-hour at each level; zeros: nothing is held.
        first_level: where it begins; half full otherwise. It may end anywhere, what is then stored being worth the mean
            price it would have been sold at.
    """
    steps = _steps(store)
    cost = _cost_table(exchange, store, steps)
    begin = store.levels // 2 if first_level is None else first_level
    worth = float(np.mean(exchange.sell_ct_per_kwh)) * store.efficiency * store.usable_wh / 1000.0 / (store.levels - 1)
    level = _solve(cost, steps, unready_ct, worth, begin, _LIKES_ENERGY_CT_PER_KWH * store.usable_wh / 1000.0)
    moved = np.searchsorted(steps, np.diff(level))
    paid = float(cost[np.arange(moved.size), moved].sum()) - worth * float(level[-1] - begin)
    return Held(level, paid)


def _steps(store: Store) -> Ints:
    """By how many levels it can move in a quarter-hour, ascending."""
    grain_wh = store.usable_wh / (store.levels - 1)
    up = min(store.levels - 1, int(store.rated_w * ISP_H * store.efficiency / grain_wh + 1e-9))
    down = min(store.levels - 1, int(store.rated_w * ISP_H / store.efficiency / grain_wh + 1e-9))
    return np.arange(-down, up + 1, dtype=np.int64)


def _cost_table(exchange: Exchange, store: Store, steps: Ints) -> Floats:
    """[quarter-hours, steps] ct of the site's exchange and of wear when the battery moves by so many levels."""
    inside_kwh = steps * (store.usable_wh / (store.levels - 1)) / 1000.0
    outside_kwh = np.where(inside_kwh > 0, inside_kwh / store.efficiency, inside_kwh * store.efficiency)
    net_kwh = exchange.net_w[:, None] * ISP_H / 1000.0 + outside_kwh[None, :]
    prices = np.where(net_kwh > 0, exchange.buy_ct_per_kwh[:, None], exchange.sell_ct_per_kwh[:, None])
    wear_ct = store.wear_ct_per_kwh * np.maximum(0.0, -outside_kwh)
    return np.asarray(net_kwh * prices + wear_ct[None, :], dtype=np.float64)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _solve(cost: Floats, steps: Ints, unready_ct: Floats, worth: float, begin: int, likes: float) -> Ints:
    """[quarter-hours + 1] the levels of the cheapest operation."""
    count, levels = unready_ct.shape
    value = np.empty(levels)
    following = np.empty(levels)
    choice = np.empty((count, levels), dtype=np.int16)
    for k in range(levels):
        following[k] = -worth * k
    for q in range(count - 1, -1, -1):
        for k in range(levels):
            best, chosen = np.inf, 0
            for s in range(steps.size):
                to = k + steps[s]
                if 0 <= to < levels:
                    total = cost[q, s] + following[to]
                    if total < best:
                        best, chosen = total, s
            value[k] = best + unready_ct[q, k] - likes * k / levels
            choice[q, k] = chosen
        following[:] = value
    found = np.empty(count + 1, dtype=np.int64)
    found[0] = begin
    for q in range(count):
        found[q + 1] = found[q] + steps[choice[q, found[q]]]
    return found


def served_share(level: Ints, chance: Floats, weight: Floats) -> float:
    """How likely an outage is served that begins anywhere in the span, by the likelihood `weight` [quarter-hours] of each."""
    total = float(weight.sum())
    if total <= 0:
        return 1.0
    return float((chance[np.arange(weight.size), level[:-1]] * weight).sum()) / total


@dataclass(frozen=True, eq=False, slots=True)
class Priced:
    """An operation that is served with a confidence, and what the reserve in it costs.

    Attributes:
        price_ct: what an outage not served was counted at.
        share: how likely an outage is served, as it was measured (`hold_for`).
        cost_ct: what the site pays more than with nothing held.
    """

    held: Held
    price_ct: float
    share: float
    cost_ct: float


def hold_for(
    exchange: Exchange,
    store: Store,
    chance: Floats,
    weight: Floats,
    confidence: float,
    *,
    free: Held | None = None,
    share_of: Callable[[Ints], float] | None = None,
) -> Priced:
    """The cheapest operation that is served with this confidence over the whole span.

    Args:
        chance: [quarter-hours, levels] of being served.
        weight: [quarter-hours] likelihood that an outage begins, of those that could be served at all.
        free: the operation with nothing held, if it is known.
        share_of: says of levels what share is served, on outages to calibrate on; by `chance` otherwise.
    """

    def measured(level: Ints) -> float:
        return served_share(level, chance, weight) if share_of is None else share_of(level)

    share_of_all = weight / max(float(weight.sum()), 1e-300)
    free = free or cheapest(exchange, store, np.zeros_like(chance))
    found = Priced(free, 0.0, measured(free.level), 0.0)
    if found.share >= confidence:
        return found
    missed = (1.0 - chance) * share_of_all[:, None]

    def at(price_ct: float) -> Priced:
        held = cheapest(exchange, store, missed * price_ct)
        return Priced(held, price_ct, measured(held.level), held.cost_ct - free.cost_ct)

    low, high = 0.0, 1_000.0
    found = at(high)
    while found.share < confidence and high < 1e12:
        low, high = high, high * 8
        found = at(high)
    for _ in range(14):
        if high - low < 0.02 * high:
            break
        middle = (low * high) ** 0.5 if low > 0 else high / 8
        tried = at(middle)
        if tried.share >= confidence:
            found, high = tried, middle
        else:
            low = middle
    return found
