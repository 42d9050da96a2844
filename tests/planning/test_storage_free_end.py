"""A store whose end is free: its step is exact, no split is cheaper than its bound, and nothing is gained by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.dispatch import central
from agents.planning.dispatch.bound import least_at, lower_bound
from agents.planning.dispatch.flexibility import Storable
from agents.planning.dispatch.storage_step import Store, best_response, stored
from agents.planning.elements.battery import Battery
from agents.planning.elements.element import ElementConfig
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind
from tests.worlds import portfolios
from tests.worlds.elements import priced, window

SIZE, HOURS = 24, 0.25
BURNT: list[bool] = []


def free_end(seed: int, size: int = SIZE) -> Store:
    """A battery in the middle of a plan, under a tariff, whose end is worth something and may only be lower."""
    rng = np.random.default_rng(seed)
    power, end = rng.uniform(2, 60), float(rng.uniform(0, 30))
    capacity = power * rng.uniform(0.5, 4)
    energy, full, plan = capacity * rng.uniform(0.2, 1), np.full(size, power), np.zeros(size)
    floor, ceiling = np.zeros(size), np.full(size, capacity)
    ceiling[-1] = energy
    prices = rng.uniform(10, 40, size), -rng.uniform(0, 9, size), rng.uniform(-0.5, 0.5, size) * power
    return Store(plan, -full, full, floor, ceiling, energy, 0.0, 0.95, 0.95, 0.002, 0.5, HOURS, *prices, end)


def by_cvxpy(store: Store, target: Floats, rho: float) -> tuple[float, float]:
    """The least of the relaxed problem by an interior point, and the most power that charges and discharges at once in it."""
    import cvxpy as cp

    size = len(target)
    into, out_of = cp.Variable(size, nonneg=True), cp.Variable(size, nonneg=True)
    power, end = into - out_of, store.end_ct_per_kwh
    assert end is not None
    path = store.energy_kwh + cp.cumsum(into * store.eta_in - out_of / store.eta_out) * HOURS
    moved = power - store.turn_kw
    cost = store.weight / 2 * cp.sum_squares(power) + store.wear * cp.sum(into + out_of)
    both = cp.multiply(store.price_up + store.price_down, cp.pos(moved)) - cp.multiply(store.price_down, moved)
    cost += HOURS * cp.sum(both) + rho / 2 * cp.sum_squares(power - target) - end * (path[-1] - store.energy_kwh)
    cost -= HOURS * float(
        store.price_up @ np.maximum(-store.turn_kw, 0) + store.price_down @ np.maximum(store.turn_kw, 0)
    )
    rules = [power >= store.low_kw, power <= store.high_kw, path >= store.floor_kwh, path <= store.ceiling_kwh]
    problem = cp.Problem(cp.Minimize(cost), rules)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return float(problem.value), float(np.minimum(into.value, out_of.value).max())


@pytest.mark.parametrize("size", [2, 24])
@pytest.mark.parametrize("seed", range(6))
def test_the_step_is_the_exact_optimum(seed: int, size: int) -> None:
    """The same objective as an interior-point solver's, its bounds kept, the end anywhere below what was planned."""
    store, rng = free_end(seed, size), np.random.default_rng([seed, size])
    target, rho = rng.normal(size=size) * float(store.high_kw[0]), float(rng.uniform(0.1, 2))
    power = best_response(store, target, rho)
    path = store.energy_kwh + np.cumsum(stored(store, power))
    assert path.min() > -1e-6
    assert path.max() < store.ceiling_kwh[0] + 1e-6
    assert path[-1] <= store.ceiling_kwh[-1] + 1e-6
    off, (least, both) = power - target, by_cvxpy(store, target, rho)
    cost = store.cost(power) + rho / 2 * float(off @ off)
    assert cost >= least - 1e-4
    if both < 1e-5:  # else the relaxation burns energy, which no store does
        assert cost == pytest.approx(least, rel=1e-5, abs=1e-4)
    BURNT.append(both >= 1e-5)


def test_most_of_those_problems_burn_nothing() -> None:
    """So the comparison above is one."""
    assert sum(BURNT) <= len(BURNT) / 3


@pytest.mark.parametrize("seed", range(20))
def test_nothing_it_can_do_is_cheaper_than_its_bound(seed: int) -> None:
    """Whatever price it is paid, whatever it answers to any pull."""
    store, rng = free_end(seed), np.random.default_rng(seed)
    model = model_of(store)
    price = rng.normal(size=SIZE) * 20
    least = least_at(model, price)
    for rho in (0.01, 0.3, 5.0):
        deviation = model.respond(rng.normal(size=SIZE) * 10, rho)
        assert model.cost(deviation) - HOURS * float(price @ deviation) >= least - 1e-6 * max(1.0, abs(least))


def model_of(store: Store) -> Storable:
    """As it is told to a coordinator."""
    fields = {name: getattr(store, name) for name in store.__dataclass_fields__}
    return Storable("b", **fields)


@pytest.mark.parametrize("shape", portfolios.SHAPES)
def test_at_the_best_price_the_bound_is_the_central_optimum(shape: str) -> None:
    """Solver and bound meet within a thousandth of a cent where one store of a portfolio ends freely."""
    models = [*portfolios.portfolio(3, 5, SIZE), model_of(free_end(4))]
    asked = portfolios.band(shape, models, SIZE)
    best = central.solve(models, asked)
    assert lower_bound(models, asked, best.price_ct_per_kwh) == pytest.approx(best.cost, rel=1e-5, abs=1e-3)


def test_an_evening_is_served_without_filling_up_at_night() -> None:
    """Asked for 4 kW less from 20:00 to 22:00, one that must refill takes it back by midnight, the other ends lower."""
    config = ElementConfig("b", DeviceKind.BATTERY, 5_000, 5_000, 20_000)
    target = np.zeros(96)
    target[80:88] = -4.0
    ends = {}
    for same_day in (True, False):
        known = replace(priced(replace(config, refilled_same_day=same_day), 6.0), stored_kwh=16.0)
        model = Battery().flexibility(known, np.zeros(96), window())
        assert isinstance(model, Storable)
        moved = model.respond(target, 20.0)
        assert moved[80:88].sum() < -8 * 2.0
        ends[same_day] = moved[88:].sum() / 4, float(stored(model.store, model.plan_kw + moved).sum())
    assert ends[True][1] == pytest.approx(0.0, abs=1e-6)
    assert ends[False][1] < -4.0
    assert ends[False][0] < 0.5


def test_nobody_gains_by_emptying_or_filling_it_unasked() -> None:
    """Without a pull it stays at its plan."""
    config = ElementConfig("b", DeviceKind.BATTERY, 5_000, 5_000, 20_000, refilled_same_day=False)
    known = replace(priced(config, 6.0), stored_kwh=16.0)
    model = Battery().flexibility(known, np.zeros(96), window())
    assert isinstance(model, Storable)
    assert np.abs(model.respond(np.zeros(96), 1.0)).max() < 0.05
