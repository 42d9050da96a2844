"""A lower bound of what a split can cost, from a price alone: whatever the price is, no split is cheaper.

    g(price) = sum_i min_d (f_i(d) - h price . d)  +  min_z (shortage(z) + h price . z)

is at most the cost of any split (weak duality), and at the best price it is the optimum. It is the certificate of the gap
that an experiment's auditor states: neither the ADMM nor a solver has to be right for it to hold, and a store's part holds
even where its problem is not convex. Only an auditor computes it for others: a member's minimum at a price is its surplus, from
which who buys of it would know its costs. A member tells no more than how far an answer is from it (`sellers`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agents.planning.dispatch.admm import Band
from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Shiftable, Storable
from agents.planning.dispatch.prices import price_at
from agents.planning.dispatch.storage_step import energy_values, stored
from cim.model.arrays import Floats

Values = Callable[[Floats], Floats]

_UNBOUNDED_KW = 1e5  # a bound beyond it is none, and has no price
_LARGEST_VALUE_CT = 1e4  # of stored energy, ct/kWh: a store that cannot keep its bounds would have any


def within_reach(band: Band, price_ct_per_kwh: Floats) -> Floats:
    """The nearest price at which the band's part of the bound is finite."""
    cap = band.shortage_price
    price = np.where(band.low_kw > 0, np.minimum(price_ct_per_kwh, cap), price_ct_per_kwh)
    price = np.where(band.high_kw < 0, np.maximum(price, -cap), price)
    price = np.where(band.low_kw <= -_UNBOUNDED_KW, np.minimum(price, 0.0), price)
    return np.where(band.high_kw >= _UNBOUNDED_KW, np.maximum(price, 0.0), price)


def lower_bound(models: Sequence[Flexibility], band: Band, price_ct_per_kwh: Floats) -> float:
    """Cents that any split of the band among the models costs at least.

    Args:
        price_ct_per_kwh: [T] what consuming more is worth; cut to where the bound is finite.
    """
    price = within_reach(band, price_ct_per_kwh)
    asked = band_value(band, price)
    return asked + sum(least_at(model, price) for model in models)


def band_value(band: Band, price_ct_per_kwh: Floats) -> float:
    """Cents that the band is worth at a price: its bounds at what they cost."""
    up, down = np.maximum(price_ct_per_kwh, 0.0), np.maximum(-price_ct_per_kwh, 0.0)
    return band.hours * float(up @ np.where(up > 0, band.low_kw, 0.0) - down @ np.where(down > 0, band.high_kw, 0.0))


def least_at(model: Flexibility, price: Floats) -> float:
    """min_d cost(d) - hours price . d of one model, cents; of a store, a lower bound of it."""
    if isinstance(model, Curtailable):
        return _least_of_curtailable(model, price)
    if isinstance(model, Shiftable):
        return min(model.cost(d) - model.hours * float(price @ d) for _, d in model.alternatives())
    return _least_of_store(model, price)


def _least_of_curtailable(model: Curtailable, price: Floats) -> float:
    def value(deviation: Floats) -> Floats:
        energy = price_at(model.price_up, model.price_down, model.turn_kw, deviation) - price * deviation
        return energy * model.hours + model.weight / 2 * deviation * deviation

    steepness = max(model.weight, 1e-12)
    points = (
        (price - model.price_up) * model.hours / steepness,
        (price + model.price_down) * model.hours / steepness,
        model.turn_kw,
    )
    return _minimum(value, points, model.down_kw, model.up_kw)


def _least_of_store(model: Storable, price: Floats) -> float:
    """The dual function of the store's own problem at the value of its energy in each interval."""
    store = model.store
    worth = np.clip(energy_values(store, price), -_LARGEST_VALUE_CT * model.hours, _LARGEST_VALUE_CT * model.hours)
    value_ct_per_kwh = worth / model.hours

    def value(power: Floats) -> Floats:
        off = power - model.plan_kw
        energy = price_at(model.price_up, model.price_down, model.turn_kw, off) - price * off
        into = np.where(power > 0, power * model.eta_in, power / model.eta_out) * model.hours
        wear = model.wear * (np.abs(power) - np.abs(model.plan_kw))
        return energy * model.hours + wear + model.weight / 2 * off * off - value_ct_per_kwh * into

    steepness = max(model.weight, 1e-12)
    points = [np.zeros(1), model.plan_kw + model.turn_kw]
    for pull in (price - model.price_up, price + model.price_down):
        for gain, wear in ((model.eta_in, -model.wear), (1 / model.eta_out, model.wear)):
            points.append(model.plan_kw + (pull * model.hours + worth * gain + wear) / steepness)
    own = _minimum(value, points, model.low_kw, model.high_kw)
    # each bound of the stored energy at the price that it has: what energy is worth less an interval later
    end = model.end_ct_per_kwh or 0.0
    bound_price = np.append(value_ct_per_kwh[:-1] - value_ct_per_kwh[1:], value_ct_per_kwh[-1] - end)
    bounds = np.where(bound_price > 0, model.floor_kwh, model.ceiling_kwh)
    planned_kwh = model.energy_kwh + float(stored(store, model.plan_kw).sum())
    if model.end_ct_per_kwh is None:
        bounds[-1] = model.energy_kwh + model.total_kwh
    return own + float(bound_price @ bounds) - model.energy_kwh * float(value_ct_per_kwh[0]) + end * planned_kwh


def _minimum(value: Values, points: Sequence[Floats], low: Floats, high: Floats) -> float:
    """The sum over intervals of the least value at the points, cut to the bounds, and at the bounds."""
    candidates = [low, high, *(np.minimum(np.maximum(point, low), high) for point in points)]
    return float(np.min([value(candidate) for candidate in candidates], axis=0).sum())
