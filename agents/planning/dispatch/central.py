"""The same dispatch solved in one piece by cvxpy: the reference that the ADMM's result is measured against.

Only experiments call this: it needs every member's private model, which no agent has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.planning.dispatch.admm import Band, shortage_kw
from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Shiftable, Storable
from agents.planning.dispatch.storage_step import stored
from cim.model.arrays import Floats


@dataclass(frozen=True, slots=True)
class CentralOptimum:
    """The optimum's cost in cents, the sum of deviations [T] in kW, and the price of the band [T], ct/kWh."""

    cost: float
    total_kw: Floats
    price_ct_per_kwh: Floats


def solve(models: Sequence[Flexibility], band: Band) -> CentralOptimum:
    """Minimise the members' costs and the shortage together (cvxpy, Clarabel)."""
    import cvxpy as cp

    length = len(band.low_kw)
    parts = [_element(cp, model, length) for model in models]
    total: Any = sum((deviation for deviation, _, _ in parts), start=np.zeros(length))
    short_up = cp.Variable(length, nonneg=True)
    short_down = cp.Variable(length, nonneg=True)
    rules = [rule for _, _, rules in parts for rule in rules]
    at_least = total + cp.multiply(short_up, (band.low_kw > 0).astype(float)) >= band.low_kw
    at_most = total - cp.multiply(short_down, (band.high_kw < 0).astype(float)) <= band.high_kw
    rules += [at_least, at_most]
    cost = sum(price for _, price, _ in parts) + band.shortage_price * band.hours * (
        cp.sum(short_up) + cp.sum(short_down)
    )
    problem = cp.Problem(cp.Minimize(cost), rules)
    problem.solve(solver=cp.CLARABEL)
    price = (np.asarray(at_least.dual_value) - np.asarray(at_most.dual_value)) / band.hours
    return CentralOptimum(float(problem.value), np.asarray(total.value), price)


def cost_of(models: Sequence[Flexibility], deviations: Sequence[Floats], band: Band) -> float:
    """The same objective, cents, for given deviations [T] of each model."""
    total = np.sum(deviations, axis=0)
    own = sum(model.cost(deviation) for model, deviation in zip(models, deviations, strict=True))
    return own + band.shortage_price * band.hours * float(shortage_kw(band, total).sum())


def _element(cp: Any, model: Flexibility, length: int) -> tuple[Any, Any, list[Any]]:
    """One element's deviation, cost and constraints as cvxpy expressions."""
    if isinstance(model, Curtailable):
        deviation = cp.Variable(length)
        cost = model.hours * _prices(cp, model, deviation, model.down_kw, model.up_kw)
        rules = [deviation <= model.up_kw, deviation >= model.down_kw]
        return deviation, cost + model.weight / 2 * cp.sum_squares(deviation), rules
    if isinstance(model, Shiftable):
        return _programme(cp, model)
    return _store(cp, model, length)


def _prices(cp: Any, model: Flexibility, deviation: Any, least_kw: Floats, most_kw: Floats) -> Any:
    """What a deviation costs by the model's prices, ct/kWh times kW; linear where it cannot pass its turn."""
    up, down, turn = (np.zeros(len(least_kw)) + x for x in (model.price_up, model.price_down, model.turn_kw))
    slope = np.where(turn <= least_kw, up, -down)
    beyond = np.where((turn > least_kw) & (turn < most_kw), up + down, 0.0)
    start = float(up @ np.maximum(-turn, 0.0) + down @ np.maximum(turn, 0.0))  # so that no deviation costs nothing
    return slope @ (deviation - turn) + beyond @ cp.pos(deviation - turn) - start


def _programme(cp: Any, model: Shiftable) -> tuple[Any, Any, list[Any]]:
    """Any mixture of its starts, which no appliance can do: so the result is a lower bound."""
    profiles = np.stack([deviation for _, deviation in model.alternatives()], axis=1)
    costs = np.array([model.cost(deviation) for deviation in profiles.T])
    shares = cp.Variable(profiles.shape[1], nonneg=True)
    return profiles @ shares, costs @ shares, [cp.sum(shares) == 1]


def _store(cp: Any, model: Storable, length: int) -> tuple[Any, Any, list[Any]]:
    into, out_of = cp.Variable(length, nonneg=True), cp.Variable(length, nonneg=True)
    power = into - out_of
    path = model.energy_kwh + cp.cumsum(into * model.eta_in - out_of / model.eta_out) * model.hours
    deviation = power - model.plan_kw
    cost = model.wear * (cp.sum(into) + cp.sum(out_of) - float(np.abs(model.plan_kw).sum()))
    bounds = model.low_kw - model.plan_kw, model.high_kw - model.plan_kw
    cost += model.hours * _prices(cp, model, deviation, *bounds)
    rules = [
        power >= model.low_kw,
        power <= model.high_kw,
        path[:-1] >= model.floor_kwh[:-1],
        path[:-1] <= model.ceiling_kwh[:-1],
    ]
    if model.end_ct_per_kwh is None:
        rules.append(path[-1] == model.energy_kwh + model.total_kwh)
    else:
        planned_kwh = model.energy_kwh + float(stored(model.store, model.plan_kw).sum())
        rules += [path[-1] >= model.floor_kwh[-1], path[-1] <= model.ceiling_kwh[-1]]
        cost -= model.end_ct_per_kwh * (path[-1] - planned_kwh)
    # A store does not charge and discharge at once; the tightest convex form of that is to share the interval's time.
    # Where energy is worth so little that burning it pays, this makes the result a lower bound (see `storage`).
    charge, discharge = np.maximum(model.high_kw, 0.0), np.maximum(-model.low_kw, 0.0)
    rules += [cp.multiply(into, discharge) + cp.multiply(out_of, charge) <= charge * discharge]
    rules += [into <= charge, out_of <= discharge]
    return deviation, cost + model.weight / 2 * cp.sum_squares(deviation), rules
