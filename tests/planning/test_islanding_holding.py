"""The battery's operation against prices, with and without a reserve: against hand-worked cases and a linear programme."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from agents.planning.islanding.holding import Exchange, Held, Store, cheapest, hold_for, served_share
from cim.model.arrays import Floats

STORE = Store(
    rated_w=4_000, usable_wh=4_000, efficiency=1.0, wear_ct_per_kwh=0.0, levels=5
)  # a level: a kWh, one a quarter-hour


def exchange(net_kw: list[float], buy: list[float], sell: list[float] | None = None) -> Exchange:
    """Net load and prices by quarter-hour."""
    return Exchange(np.array(net_kw) * 1000, np.array(buy), np.array(sell if sell is not None else buy))


def nothing(of: Exchange) -> Floats:
    """No reserve."""
    return np.zeros((of.net_w.size, STORE.levels))


def test_it_sells_dear_and_buys_cheap() -> None:
    """From two levels: charge at 10 ct, give at 30 ct, and end with what is worth the mean price."""
    of = exchange([0, 0, 0, 0], [30, 10, 10, 30])
    held = cheapest(of, STORE, nothing(of))
    assert held.level.tolist() == [2, 1, 2, 3, 2]
    assert held.cost_ct == pytest.approx(-30 + 10 + 10 - 30)


def test_losses_and_wear_keep_it_still() -> None:
    """A spread below losses and wear moves nothing."""
    of = exchange([0] * 4, [10, 11, 10, 11])
    store = Store(4_000, 4_000, 0.9, 2.0, 5)
    assert np.diff(cheapest(of, store, nothing(of)).level).tolist() == [0, 0, 0, 0]


def test_own_use_is_worth_the_retail_price() -> None:
    """Where a kWh bought costs 20 and one sold earns 5, surplus is stored for the evening."""
    of = exchange([-4, 4], [20, 20], [5, 5])
    held = cheapest(of, STORE, nothing(of), first_level=0)
    assert held.level.tolist() == [0, 1, 0]
    assert held.cost_ct == pytest.approx(0.0)


def test_a_priced_level_is_held_until_its_hour_is_over() -> None:
    """Being at level 0 in quarter-hour 2 counts 100 ct: so the kWh is not sold at 30 ct before."""
    of = exchange([0, 0, 0, 0], [30, 30, 8, 8])
    unready = nothing(of)
    free = cheapest(of, STORE, unready, first_level=1)
    assert free.level[2] == 0
    unready[2, 0] = 100.0
    held = cheapest(of, STORE, unready, first_level=1)
    assert held.level[2] >= 1
    assert held.cost_ct > free.cost_ct


def lp_cost(of: Exchange, store: Store, begin_wh: float) -> float:
    """The same by a linear programme, in which energy is continuous: a lower bound."""
    n = of.net_w.size
    kwh = of.net_w * 0.25 / 1000
    worth = float(np.mean(of.sell_ct_per_kwh)) * store.efficiency
    # charge, discharge, import, export
    cost = np.concatenate([np.zeros(n), np.full(n, store.wear_ct_per_kwh), of.buy_ct_per_kwh, -of.sell_ct_per_kwh])
    cost[:n] -= worth * store.efficiency
    cost[n : 2 * n] += worth / store.efficiency
    eye, lower = np.eye(n), np.tril(np.ones((n, n)))
    balance = np.hstack([-eye, eye, eye, -eye])
    energy = np.hstack([lower * store.efficiency, -lower / store.efficiency, np.zeros((n, 2 * n))])
    room = np.concatenate([np.full(n, (store.usable_wh - begin_wh) / 1000), np.full(n, begin_wh / 1000)])
    most = store.rated_w * 0.25 / 1000
    bounds = [(0, most)] * (2 * n) + [(0, None)] * (2 * n)
    found = linprog(cost, A_ub=np.vstack([energy, -energy]), b_ub=room, A_eq=balance, b_eq=kwh, bounds=bounds)
    return float(found.fun)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_near_the_linear_programme_and_never_below(seed: int) -> None:
    """On random days: at least the continuous optimum, and close to it with fine levels."""
    rng = np.random.default_rng(seed)
    sell = rng.uniform(2, 20, 24)
    of = Exchange(rng.uniform(-5_000, 5_000, 24), sell + rng.uniform(0, 10), sell)
    store = Store(4_000, 8_000, 0.95, 1.0, 401)
    found = cheapest(of, store, np.zeros((24, store.levels)))
    bound = lp_cost(of, store, 4_000)
    kwh = float(np.abs(of.net_w).sum()) * 0.25 / 1000
    assert bound - 1e-6 <= found.cost_ct <= bound + 0.02 * 20 * kwh


def chances(quarters: int, need_levels: list[int]) -> Floats:
    """Served from so many levels on, in each quarter-hour."""
    return np.array([[float(level >= need_levels[q]) for level in range(STORE.levels)] for q in range(quarters)])


def test_a_reserve_is_held_where_it_is_cheapest() -> None:
    """Half of the outages must be served: the level is kept in the hour in which selling earns least."""
    of = exchange([0] * 4, [20, 20, 40, 12], [20, 20, 40, 12])
    chance, weight = chances(4, [0, 0, 1, 1]), np.array([0.0, 0.0, 1.0, 1.0])
    priced = hold_for(of, STORE, chance, weight, 0.5)
    assert priced.share >= 0.5
    assert priced.cost_ct >= -1e-9


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.99))
def test_the_confidence_is_kept_and_costs_never_less_for_more(seed: int, confidence: float) -> None:
    """What is asked for is reached wherever the battery can; a higher confidence costs at least as much."""
    rng = np.random.default_rng(seed)
    price = rng.uniform(2, 30, 32)
    of = Exchange(np.zeros(32), price, price)
    chance = chances(32, rng.integers(0, 4, 32).tolist())
    weight = rng.random(32)
    low, high = (hold_for(of, STORE, chance, weight, share) for share in (confidence * 0.8, confidence))
    reachable = served_share(cheapest(of, STORE, (1 - chance) * 1e9).level, chance, weight)
    assert high.share >= min(confidence, reachable) - 1e-9
    assert -1e-6 <= low.cost_ct <= high.cost_ct + 1e-6 or low.share >= high.share


def test_what_is_there_anyway_costs_nothing() -> None:
    """Where the free operation is ready, the reserve has no price."""
    of = exchange([0] * 4, [10] * 4)
    priced = hold_for(of, STORE, chances(4, [0] * 4), np.ones(4), 0.99)
    assert (priced.cost_ct, priced.price_ct, priced.share) == (0.0, 0.0, 1.0)


def test_it_may_be_calibrated_on_something_else() -> None:
    """What is said of the levels counts, not the chances by which it is held."""
    price = [20.0, 30.0, 10.0, 30.0]
    of = exchange([0] * 4, price)
    chance, weight = chances(4, [3, 3, 3, 3]), np.ones(4)
    priced = hold_for(of, STORE, chance, weight, 0.9, share_of=lambda level: float((level[1:] >= 3).mean()))
    assert (priced.held.level[1:] >= 3).mean() >= 0.9
    assert priced.share == (priced.held.level[1:] >= 3).mean()


def test_a_served_share_goes_by_likelihood() -> None:
    """Three in four outages begin in a quarter-hour that is ready."""
    chance, weight = chances(2, [0, 4]), np.array([3.0, 1.0])
    assert served_share(Held(np.array([2, 2, 2]), 0.0).level, chance, weight) == pytest.approx(0.75)
    assert served_share(np.array([2, 2, 2]), chance, np.zeros(2)) == 1.0
