"""Far below zero, where burning energy would pay, a store of a day's dispatch charges or discharges, never both at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.storage_step import Store, best_response, energy_values, stored
from cim.model.arrays import Floats

HOURS, WEAR_CT_PER_KW, ETA = 0.25, 0.05, 0.95
POWER_KW, CAPACITY_KWH = 5.0, 10.0
NEARLY_NO_PENALTY = 1e-6


def battery(price_ct_per_kwh: Floats, energy_kwh: float = 5.0, total_kwh: float = 0.0) -> Store:
    """A battery whose every kWh, taken or given, has one price: `price_up` of more, minus that of less."""
    size = len(price_ct_per_kwh)
    full, none = np.full(size, POWER_KW), np.zeros(size)
    return Store(
        plan_kw=none, low_kw=-full, high_kw=full, floor_kwh=none, ceiling_kwh=none + CAPACITY_KWH, energy_kwh=energy_kwh,
        total_kwh=total_kwh, eta_in=ETA, eta_out=ETA, weight=0.02, wear=WEAR_CT_PER_KW, hours=HOURS,
        price_up=price_ct_per_kwh, price_down=-price_ct_per_kwh,
    )  # fmt: skip


def answered(store: Store) -> Floats:
    """Its best power at its own prices, nothing wished of it."""
    return best_response(store, np.zeros(len(store.plan_kw)), NEARLY_NO_PENALTY)


def cost(store: Store, power: Floats) -> float:
    """What it minimises."""
    return store.cost(power)


def least(store: Store) -> float:
    """The best of all 2^T ways to say when it charges, each a convex programme of its own (Clarabel)."""
    import cvxpy as cp

    size, best = len(store.plan_kw), np.inf
    price = np.asarray(store.price_up)
    for charges in product((0.0, 1.0), repeat=size):
        on = np.array(charges)
        into, out_of = cp.Variable(size, nonneg=True), cp.Variable(size, nonneg=True)
        path = store.energy_kwh + cp.cumsum(ETA * into - out_of / ETA) * HOURS
        rules = [into <= POWER_KW * on, out_of <= POWER_KW * (1 - on), path >= 0, path <= CAPACITY_KWH]
        rules += [path[-1] == store.energy_kwh + store.total_kwh]
        own = store.weight / 2 * (cp.sum_squares(into) + cp.sum_squares(out_of)) + store.wear * cp.sum(into + out_of)
        problem = cp.Problem(cp.Minimize(own + HOURS * price @ (into - out_of)), rules)
        problem.solve(solver=cp.CLARABEL)
        if problem.status == cp.OPTIMAL:
            best = min(best, float(problem.value))
    return best


def both_at_once_kw(store: Store) -> float:
    """How much the convex relaxation would charge and discharge at once: what the store must not do."""
    import cvxpy as cp

    size, price = len(store.plan_kw), np.asarray(store.price_up)
    into, out_of = cp.Variable(size, nonneg=True), cp.Variable(size, nonneg=True)
    path = store.energy_kwh + cp.cumsum(ETA * into - out_of / ETA) * HOURS
    rules = [into <= POWER_KW, out_of <= POWER_KW, path >= 0, path <= CAPACITY_KWH]
    rules += [path[-1] == store.energy_kwh + store.total_kwh]
    own = store.weight / 2 * (cp.sum_squares(into) + cp.sum_squares(out_of)) + store.wear * cp.sum(into + out_of)
    cp.Problem(cp.Minimize(own + HOURS * price @ (into - out_of)), rules).solve(solver=cp.CLARABEL)
    return float(np.minimum(into.value, out_of.value).max())


@pytest.mark.parametrize("price", [-10.0, -50.0])
@settings(max_examples=40, deadline=None)
@given(
    swings=st.lists(st.floats(-15, 15), min_size=2, max_size=96),
    energy_kwh=st.floats(0, CAPACITY_KWH),
    end=st.floats(-1, 1),
)
def test_its_net_power_alone_moves_its_energy_as_planned(
    price: float, swings: list[float], energy_kwh: float, end: float
) -> None:
    """Driven by one power an interval it keeps its bounds and ends where it must: with both at once it would end lower."""
    day = len(swings) * HOURS * POWER_KW * ETA
    total_kwh = float(np.clip(end * day / 2, -energy_kwh, CAPACITY_KWH - energy_kwh))
    store = battery(price + np.array(swings), energy_kwh, total_kwh)
    power = answered(store)
    path = store.energy_kwh + np.cumsum(stored(store, power))
    assert np.abs(power).max() <= POWER_KW + 1e-9
    assert path.min() >= -1e-6
    assert path.max() <= CAPACITY_KWH + 1e-6
    assert path[-1] == pytest.approx(energy_kwh + total_kwh, abs=1e-6)


@pytest.mark.parametrize("price", [-10.0, -50.0])
def test_it_is_near_the_best_of_all_ways_where_the_relaxation_burns(price: float) -> None:
    """Six intervals, 64 ways: the case is one in which burning pays; the answer is one of the ways, within 1 % of the best."""
    store = battery(price + np.array([0.0, 3.0, -4.0, 6.0, 1.0, -2.0]), energy_kwh=9.0)
    assert both_at_once_kw(store) > 0.5
    best, found = least(store), cost(store, answered(store))
    assert best - 1e-6 <= found <= best + 0.01 * abs(best)


@pytest.mark.parametrize("price", [-10.0, -50.0])
def test_full_and_with_nowhere_to_go_it_rests_or_cycles_and_gains_by_it(price: float) -> None:
    """A full battery at one price all day that must end full: what it does pays, or it does nothing."""
    store = battery(np.full(8, price), energy_kwh=CAPACITY_KWH)
    power = answered(store)
    assert cost(store, power) <= 1e-9
    assert (np.cumsum(stored(store, power)) <= 1e-9).all(), "it cannot begin by charging"


def test_the_value_of_its_energy_is_below_what_burning_costs_there() -> None:
    """At -50 ct stored energy is worth less than -2 wear / (1/eta - eta): the prices of this file are low enough to matter."""
    store = battery(np.full(6, -50.0), energy_kwh=9.0)
    free = replace(store, price_up=np.zeros(6), price_down=np.zeros(6))
    assert energy_values(free, np.full(6, 50.0)).min() < -2 * WEAR_CT_PER_KW / (1 / ETA - ETA)
