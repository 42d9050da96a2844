"""A store's local step is the exact optimum of its problem, keeps to its bounds, and survives bounds nobody can keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Storable
from agents.planning.dispatch.storage_step import Store, best_response, stored
from cim.model.arrays import Floats

HOURS = 0.25


def battery(rng: np.random.Generator, size: int, eta: float = 0.95) -> Store:
    """A battery half-way through some plan of its own."""
    power = rng.uniform(2, 60)
    capacity = power * rng.uniform(0.5, 4)
    energy = rng.uniform(0, capacity)
    total = rng.uniform(-energy, capacity - energy) * min(1.0, size / 24) * 0.8
    full = np.full(size, power)
    bounds = (np.zeros(size), np.full(size, capacity))
    return Store(np.zeros(size), -full, full, *bounds, energy, total, eta, eta, 0.002, 2.0 * HOURS, HOURS)


def vehicle(rng: np.random.Generator, size: int) -> Store:
    """A vehicle that is there for a window and charges at once by plan."""
    top = rng.uniform(3.7, 22)
    high = np.where(np.arange(size) < rng.integers(size // 2, size + 1), top, 0.0)
    need = high.sum() * HOURS * rng.uniform(0.1, 0.95)
    plan = np.clip((need - np.concatenate([[0.0], np.cumsum(high)[:-1]]) * HOURS) / HOURS, 0.0, high)
    bounds = (np.zeros(size), np.full(size, need))
    return Store(plan, np.zeros(size), high, *bounds, 0.0, need, 1.0, 1.0, 0.02, 0.0, HOURS)


def room(rng: np.random.Generator, size: int) -> Store:
    """A heated room: its bounds move with the heat it loses."""
    plan = rng.uniform(0.3, 2.0, size)
    used = np.cumsum(plan) * HOURS
    width = rng.uniform(0.5, 4)
    bounds = (used - width * rng.uniform(0.2, 1), used + width * rng.uniform(0.2, 1))
    low, high = np.zeros(size), np.full(size, 4.0)
    return Store(plan, low, high, *bounds, 0.0, float(used[-1]), 1.0, 1.0, 0.05, 0.0, HOURS)


def priced(rng: np.random.Generator, store: Store) -> Store:
    """The store under a tariff of the hour: dear to buy, cheap to sell, with the turn anywhere."""
    size = len(store.plan_kw)
    buy = rng.uniform(10, 40, size)
    turn = rng.uniform(-0.6, 0.6, size) * float(store.high_kw.max())
    return replace(store, price_up=buy, price_down=-rng.uniform(-5, 10, size), turn_kw=turn)


MAKERS = {"battery": battery, "vehicle": vehicle, "room": room}


def objective(store: Store, power: Floats, target: Floats, rho: float) -> float:
    """What the store's problem minimises."""
    off = power - store.plan_kw - target
    return store.cost(power) + rho / 2 * float(off @ off)


def assert_keeps_bounds(store: Store, power: Floats) -> None:
    """Powers and energies within 1e-5 of their bounds, the total met."""
    path = store.energy_kwh + np.cumsum(stored(store, power))
    assert (power >= store.low_kw - 1e-5).all()
    assert (power <= store.high_kw + 1e-5).all()
    assert (path[:-1] >= store.floor_kwh[:-1] - 1e-5).all()
    assert (path[:-1] <= store.ceiling_kwh[:-1] + 1e-5).all()
    assert path[-1] == pytest.approx(store.energy_kwh + store.total_kwh, abs=1e-5)


def by_cvxpy(store: Store, target: Floats, rho: float) -> tuple[float, float]:
    """(optimum of the convex relaxation, most power that charges and discharges at once in it)."""
    import cvxpy as cp

    size = len(target)
    into, out_of = cp.Variable(size, nonneg=True), cp.Variable(size, nonneg=True)
    power = into - out_of
    path = store.energy_kwh + cp.cumsum(into * store.eta_in - out_of / store.eta_out) * store.hours
    cost: Any = store.weight / 2 * cp.sum_squares(power - store.plan_kw)
    cost += store.wear * (cp.sum(into + out_of) - float(np.abs(store.plan_kw).sum()))
    up, down, turn = (np.zeros(size) + x for x in (store.price_up, store.price_down, store.turn_kw))
    moved = power - store.plan_kw - turn
    cost += store.hours * (cp.sum(cp.multiply(up + down, cp.pos(moved)) - cp.multiply(down, moved)))
    cost -= store.hours * float(up @ np.maximum(-turn, 0) + down @ np.maximum(turn, 0))
    cost += rho / 2 * cp.sum_squares(power - store.plan_kw - target)
    rules = [power >= store.low_kw, power <= store.high_kw, path[-1] == store.energy_kwh + store.total_kwh]
    rules += [path[:-1] >= store.floor_kwh[:-1], path[:-1] <= store.ceiling_kwh[:-1]]
    problem = cp.Problem(cp.Minimize(cost), rules)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert problem.status == cp.OPTIMAL
    both = np.minimum(into.value, out_of.value) if store.eta_in < 1 else np.zeros(size)
    return float(problem.value), float(both.max())


@pytest.mark.parametrize("tariff", [False, True])
@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("size", [2, 9, 96])
@pytest.mark.parametrize("seed", range(4))
def test_the_local_step_is_the_exact_optimum(kind: str, size: int, seed: int, tariff: bool) -> None:
    """Same objective as an interior-point solver to 1e-6, all bounds kept, for every kind of store, horizon and tariff."""
    rng = np.random.default_rng([seed, size, len(kind)])
    store = MAKERS[kind](rng, size)
    store = priced(rng, store) if tariff else store
    scale = float(store.high_kw.max())
    target = (rng.normal(size=size) * 0.3 + np.cumsum(rng.normal(size=size)) * 0.1) * scale
    rho = float(rng.choice([0.01, 0.1, 1.0]))
    power = best_response(store, target, rho)
    assert_keeps_bounds(store, power)
    optimum, both = by_cvxpy(store, target, rho)
    found = objective(store, power, target, rho)
    if both < 1e-4:  # else the relaxation burns energy, which no store of ours does: it is only a bound
        assert found == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    else:
        assert found >= optimum - 1e-6


def test_a_battery_that_could_gain_by_burning_energy_does_not_and_stays_feasible() -> None:
    """Full and asked to take more all day: it stays within its bounds, close to the relaxation that burns."""
    size = 24
    full = np.full(size, 10.0)
    bounds = (np.zeros(size), np.full(size, 20.0))
    store = Store(np.zeros(size), -full, full, *bounds, 19.0, 0.0, 0.9, 0.9, 0.002, 0.1, HOURS)
    target = np.where(np.arange(size) % 6 < 4, 8.0, 1.0)
    power = best_response(store, target, 0.2)
    assert_keeps_bounds(store, power)
    optimum, both = by_cvxpy(store, target, 0.2)
    assert both > 0.1  # the case is what it says
    assert objective(store, power, target, 0.2) <= 1.15 * optimum


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(MAKERS)),
    seed=st.integers(0, 10_000),
    size=st.integers(1, 96),
    rho=st.floats(1e-3, 1e3),
    scale=st.floats(0, 1e4),
)
def test_feasible_bounds_are_kept_whatever_is_asked(kind: str, seed: int, size: int, rho: float, scale: float) -> None:
    """Targets of any size, penalties over six decades and any tariff never drive a store out of its bounds."""
    rng = np.random.default_rng(seed)
    store = MAKERS[kind](rng, max(size, 2))
    store = priced(rng, store) if seed % 2 else store
    power = best_response(store, rng.normal(size=len(store.plan_kw)) * scale, rho)
    assert_keeps_bounds(store, power)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 48))
def test_bounds_nobody_can_keep_still_get_an_answer_within_the_ratings(seed: int, size: int) -> None:
    """Random, mostly contradictory energy bounds: a finite answer within the power bounds, and no endless search."""
    rng = np.random.default_rng(seed)
    low, high = -rng.uniform(0, 5, size), rng.uniform(0, 5, size)
    floor = rng.uniform(-20, 20, size)
    bounds = (floor, floor + rng.uniform(-5, 5, size))
    total = float(rng.uniform(-50, 50))
    store = Store(np.zeros(size), low, high, *bounds, float(rng.uniform(-20, 20)), total, 0.9, 0.9, 0.01, 0.1, HOURS)
    power = best_response(store, rng.normal(size=size) * 5, 0.1)
    assert np.isfinite(power).all()
    assert (power >= low).all()
    assert (power <= high).all()


def test_a_total_out_of_reach_is_approached_at_full_power() -> None:
    """More energy than there is time for: charge at the limit throughout; the same downwards."""
    size = 4
    full = np.full(size, 2.0)
    bounds = (np.full(size, -100.0), np.full(size, 100.0))
    for total, expected in ((50.0, 2.0), (-50.0, -2.0)):
        store = Store(np.zeros(size), -full, full, *bounds, 0.0, total, 1.0, 1.0, 0.01, 0.1, HOURS)
        np.testing.assert_allclose(best_response(store, np.zeros(size), 0.1), expected)


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(list(MAKERS)), seed=st.integers(0, 10_000))
def test_the_answer_is_a_proximal_step(kind: str, seed: int) -> None:
    """Firm non-expansiveness, |p(v) - p(w)|^2 <= <p(v) - p(w), v - w>: what ADMM's convergence rests on."""
    rng = np.random.default_rng(seed)
    store = MAKERS[kind](rng, 24) if kind != "battery" else battery(rng, 24, eta=1.0)  # with losses only nearly convex
    store = priced(rng, store) if seed % 2 else store
    one, two = rng.normal(size=(2, 24)) * float(store.high_kw.max())
    moved = best_response(store, one, 0.3) - best_response(store, two, 0.3)
    assert float(moved @ moved) <= float(moved @ (one - two)) * (1 + 1e-9) + 1e-9


def test_no_wish_leaves_a_feasible_plan_where_it_is() -> None:
    """With nothing asked for, the plan itself is the answer and costs nothing."""
    rng = np.random.default_rng(5)
    for maker in (vehicle, room):
        s = maker(rng, 96)
        names = ("plan_kw", "low_kw", "high_kw", "floor_kwh", "ceiling_kwh", "energy_kwh", "total_kwh")
        values = [getattr(s, name) for name in names]
        model = Storable("x", *values, s.eta_in, s.eta_out, s.weight, s.wear, s.hours)
        deviation = model.respond(np.zeros(96), 0.3)
        np.testing.assert_allclose(deviation, 0.0, atol=1e-9)
        assert model.cost(deviation) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("isps", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("stored_kwh", [0.1, 0.216, 1 / 3])
def test_a_store_that_must_take_all_it_can_is_not_lost_to_rounding(isps: int, stored_kwh: float) -> None:
    """Where the plan charges at full power throughout, its end leaves nothing to choose, by a bit more or less: it stays."""
    full, day = np.full(isps, 3.0), np.ones(isps)
    ends = {float((0.95 * full * 0.25).sum()), float(np.cumsum(0.95 * full * 0.25)[-1]), 0.95 * 3.0 * 0.25 * isps}
    for total_kwh in (end for e in ends for end in (np.nextafter(e, 0), e, np.nextafter(e, 99))):
        store = Storable(
            "b", full, -full, full, 0 * day, 20 * day, stored_kwh, float(total_kwh), 0.95, 0.95, 0.002, 0.0528,
            0.25, 15.2 * day, -4.12 * day, 7 * day,
        )  # fmt: skip
        np.testing.assert_allclose(store.respond(0 * day, 0.3), 0.0, atol=1e-6)
