"""Exact local step of anything that stores: a battery, a vehicle, a room with thermal mass.

The problem of one store over T intervals, in the deviation of its power from a plan:

    min  sum_t  weight/2 (p_t - plan_t)^2 + wear |p_t| + rho/2 (p_t - plan_t - v_t)^2
    s.t. low_t <= p_t <= high_t
         floor_t <= e_0 + sum_{s<=t} g(p_s) <= ceiling_t,    sum_t g(p_t) = total
    with g(p) = eta_in p dt for p > 0 and p dt / eta_out for p < 0  (the energy that reaches the store).

It is a resource allocation with nested bounds: solve it with the total alone, and where the path leaves its bounds most,
that bound is tight in the optimum (van der Klauw, Gerards, Hurink 2017, "Resource allocation problems in decentralized
energy management", OR Spectrum 39): pin it there and solve both halves on their own. Each relaxed problem is one
monotone equation in the marginal value of stored energy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PATH_TOLERANCE = 1e-6  # kWh
_ITERATIONS = 80


@dataclass(frozen=True, slots=True)
class Store:
    """A store's plan and bounds over T intervals; see the module's text for the meaning of each.

    Attributes:
        plan_kw: [T] planned net power.
        low_kw, high_kw: [T] bounds of the net power.
        floor_kwh, ceiling_kwh: [T] bounds of the stored energy at the end of each interval.
        energy_kwh: stored energy now.
        total_kwh: change of the stored energy over the whole horizon.
        eta_in, eta_out: one-way efficiencies.
        weight: curvature of the deviation's cost, ct/kW^2 per interval.
        wear: throughput cost, ct/kW per interval.
        hours: length of an interval.
    """

    plan_kw: Floats
    low_kw: Floats
    high_kw: Floats
    floor_kwh: Floats
    ceiling_kwh: Floats
    energy_kwh: float
    total_kwh: float
    eta_in: float
    eta_out: float
    weight: float
    wear: float
    hours: float

    def cost(self, power_kw: Floats) -> float:
        """What running at `power_kw` costs more than the plan, in cents."""
        extra = power_kw - self.plan_kw
        wear = self.wear * float(np.abs(power_kw).sum() - np.abs(self.plan_kw).sum())
        return wear + self.weight / 2 * float(extra @ extra)


def stored(store: Store, power_kw: Floats) -> Floats:
    """The energy that reaches the store in each interval, kWh."""
    return np.where(power_kw > 0, power_kw * store.eta_in, power_kw / store.eta_out) * store.hours


def best_response(store: Store, target_kw: Floats, rho: float) -> Floats:
    """The power [T] that solves the module's problem for v = `target_kw` (a wished deviation) and penalty `rho`."""
    wish = store.weight * store.plan_kw + rho * (store.plan_kw + target_kw)
    power = np.empty_like(wish)
    _solve(store, wish, store.weight + rho, 0, len(wish), store.energy_kwh, store.energy_kwh + store.total_kwh, power)
    return power


def _solve(
    store: Store, wish: Floats, curvature: float, begin: int, end: int, first: float, last: float, out: Floats
) -> None:
    """Fill `out[begin:end]` so that the stored energy goes from `first` to `last` within its bounds."""
    if begin >= end:
        return
    part = slice(begin, end)
    out[part] = _relaxed(store, wish[part], curvature, part, last - first)
    if end - begin == 1:
        return
    gains = out[part]
    path = first + np.cumsum(np.where(gains > 0, gains * store.eta_in, gains / store.eta_out) * store.hours)
    inner = slice(begin, end - 1)  # the last point is pinned by `last`
    over = path[:-1] - store.ceiling_kwh[inner]
    under = store.floor_kwh[inner] - path[:-1]
    worst_over, worst_under = int(np.argmax(over)), int(np.argmax(under))
    if max(over[worst_over], under[worst_under]) <= _PATH_TOLERANCE:
        return
    if over[worst_over] >= under[worst_under]:
        cut, level = begin + worst_over + 1, float(store.ceiling_kwh[begin + worst_over])
    else:
        cut, level = begin + worst_under + 1, float(store.floor_kwh[begin + worst_under])
    _solve(store, wish, curvature, begin, cut, first, level, out)
    _solve(store, wish, curvature, cut, end, level, last, out)


def _relaxed(store: Store, wish: Floats, curvature: float, part: slice, need: float) -> Floats:
    """The powers for which the marginal value of stored energy is one number and the energy sums to `need`."""
    low, high = store.low_kw[part], store.high_kw[part]

    def powers(value: float) -> Floats:
        into = (wish - store.wear + value * store.eta_in) / curvature
        out_of = (wish + store.wear + value / store.eta_out) / curvature
        free: Floats = np.where(into > 0, into, np.where(out_of < 0, out_of, 0.0))
        return np.minimum(np.maximum(free, low), high)

    def energy(value: float) -> float:
        power = powers(value)
        return float(np.where(power > 0, power * store.eta_in, power / store.eta_out).sum()) * store.hours - need

    reach = 2 * curvature * float(max(np.abs(low).max(), np.abs(high).max()) + np.abs(wish).max() / curvature + 1.0)
    left, right = -reach / store.eta_in, reach / store.eta_in
    f_left, f_right = energy(left), energy(right)
    if f_left >= 0:
        return powers(left)  # even emptying as fast as allowed leaves more than asked: the nearest there is
    if f_right <= 0:
        return powers(right)
    for _ in range(_ITERATIONS):
        # regula falsi with halving (Illinois): the function is monotone and piecewise linear, so it ends in a few steps
        middle = (left * f_right - right * f_left) / (f_right - f_left)
        f_middle = energy(middle)
        if abs(f_middle) <= _PATH_TOLERANCE / 10:
            return powers(middle)
        if f_middle < 0:
            left, f_left, f_right = middle, f_middle, f_right / 2
        else:
            right, f_right, f_left = middle, f_middle, f_left / 2
    return powers((left + right) / 2)
