"""Exact local step of anything that stores: a battery, a vehicle, a room with thermal mass.

The problem of one store over T intervals, in the deviation of its power from a plan:

    min  sum_t  weight/2 (p_t - plan_t)^2 + wear |p_t| + price_t(p_t - plan_t) + rho/2 (p_t - plan_t - v_t)^2
    s.t. low_t <= p_t <= high_t
         floor_t <= e_0 + sum_{s<=t} g(p_s) <= ceiling_t,    sum_t g(p_t) = total (or, with a worth at the end, free:
         what is then stored more than by the plan is worth `end_ct_per_kwh`)
    with g(p) = eta_in p dt for p > 0 and p dt / eta_out for p < 0  (the energy that reaches the store)
    and price_t a cost with one turn (see `agents.planning.dispatch.prices`), convex: price_up + price_down >= 0.

It is solved exactly by dynamic programming over the marginal value of stored energy, the multiplier `m` (ct per kW that
reaches the store). For each interval the best power is a rising, piecewise linear function of `m`, so the energy that can
be stored by the end of interval t at value `m` is too: E_t(m) = clip(E_{t-1}(m) + g(p_t(m)), floor_t, ceiling_t). Forward,
E is kept as its sorted breakpoints, of which clipping drops the ends; what is kept of each clip is the range of values
[lo_t, hi_t] inside which the bound does not bind. Backward, the value at the end (where E meets the total) is carried to
earlier intervals and clipped into those ranges (van der Klauw, Gerards, Hurink 2017, "Resource allocation problems in
decentralized energy management", OR Spectrum 39, solve the same nested problem by splitting it at its tight bounds).

Where stored energy is worth less than -2 wear / (1/eta_out - eta_in), a store would gain by charging and discharging at
once, that is, by burning energy, and the problem is no longer convex. ILES's stores do not burn: below that value
discharging follows the value as slowly as charging does, which keeps the answer unique, continuous and within bounds,
though it may miss the optimum by a little. Bounds that cannot be met are approached as fast as the power allows.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

import numpy as np

from agents.planning.dispatch.prices import nothing, price_cost
from cim.model.arrays import Floats, Mask

Breakpoints = list[tuple[float, float]]  # (value, by how much the slope of the stored energy changes there), rising

Bounds = tuple[Floats, Floats, Floats, Floats]  # [T] each: least and most energy that reaches the store; floor, ceiling
Ranges = tuple[list[float], list[float]]  # [T] each: lowest and highest value of stored energy

COMPILED_AFTER = 1_000  # steps of a process: a home takes some two hundred a store and day
_INFINITY = float("inf")
_NO_PENALTY = 1e-9  # keeps a cost without curvature solvable


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
        price_up, price_down, turn_kw: [T] what a deviation costs, ct/kWh, and where (kW off the plan) the price turns.
        end_ct_per_kwh: None: it ends with `total_kwh`; else anywhere within the last floor and ceiling, each kWh being worth that.
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
    price_up: Floats = field(default_factory=nothing)
    price_down: Floats = field(default_factory=nothing)
    turn_kw: Floats = field(default_factory=nothing)
    end_ct_per_kwh: float | None = None

    def cost(self, power_kw: Floats) -> float:
        """What running at `power_kw` costs more than the plan, in cents."""
        extra = power_kw - self.plan_kw
        wear = self.wear * float(np.abs(power_kw).sum() - np.abs(self.plan_kw).sum())
        energy = price_cost(self.price_up, self.price_down, self.turn_kw, extra) * self.hours
        kept = float((stored(self, power_kw) - stored(self, self.plan_kw)).sum()) * (self.end_ct_per_kwh or 0.0)
        return wear + energy + self.weight / 2 * float(extra @ extra) - kept


def stored(store: Store, power_kw: Floats) -> Floats:
    """The energy that reaches the store in each interval, kWh."""
    return np.where(power_kw > 0, power_kw * store.eta_in, power_kw / store.eta_out) * store.hours


@dataclass(frozen=True, slots=True)
class _Step:
    """The quadratic problem of each interval: curvature/2 p^2 - wish p + wear |p|, its price apart.

    Attributes:
        above, below: [T] the wish where the power is above and below `turn`; above <= below.
        turn: [T] net power at which the price turns, kW.
    """

    above: Floats
    below: Floats
    turn: Floats
    curvature: float

    def power(self, worth: Floats) -> Floats:
        """[T] the best power where a kW of it is worth `worth`, ct, but for the ratings."""
        least, most = (self.above + worth) / self.curvature, (self.below + worth) / self.curvature
        best: Floats = np.minimum(np.maximum(self.turn, least), most)
        return best


def _step(store: Store, pull_ct: Floats, rho: float) -> _Step:
    """The store's problem where its power is pulled upwards by `pull_ct` (ct/kW) beside its own costs."""
    wish = store.weight * store.plan_kw + pull_ct
    above, below = wish - store.price_up * store.hours, wish + store.price_down * store.hours
    return _Step(above, below, store.plan_kw + store.turn_kw, store.weight + rho)


def energy_values(store: Store, price_ct_per_kwh: Floats) -> Floats:
    """[T] the marginal value of stored energy (`m`) where the store is paid a price for consuming more and no target is set.

    Infinite where its bounds cannot be kept.
    """
    return _values(store, _step(store, price_ct_per_kwh * store.hours, _NO_PENALTY))


def best_response(store: Store, target_kw: Floats, rho: float) -> Floats:
    """The power [T] that solves the module's problem for v = `target_kw` (a wished deviation) and penalty `rho`."""
    kernel = _compiled.next_step()
    if kernel is not None:
        return _response(kernel, store, target_kw, rho)
    step = _step(store, rho * (store.plan_kw + target_kw), rho)
    values = _values(store, step)
    into = np.maximum(step.power(values * store.eta_in - store.wear), 0.0)
    out_of = np.minimum(step.power(_when_discharging(store, values) + store.wear), 0.0)
    power: Floats = np.minimum(np.maximum(into + out_of, store.low_kw), store.high_kw)
    return power


class _Compiled:
    """The compiled step, for processes that make many: until steps in Python have cost about what it costs to load, there is none.

    Both give the same to the bit, so it makes no difference to anybody who takes which step; a process of one home never
    comes to pay for numba.
    """

    def __init__(self) -> None:
        self._steps = 0
        self.kernel: ModuleType | None = None

    def next_step(self) -> ModuleType | None:
        """`storage_kernel`, or None."""
        self._steps += 1
        if self.kernel is None and self._steps > COMPILED_AFTER:
            self.kernel = import_module("agents.planning.dispatch.storage_kernel")
        return self.kernel


_compiled = _Compiled()


def _response(kernel: ModuleType, store: Store, target_kw: Floats, rho: float) -> Floats:
    rows = np.empty((9, len(store.plan_kw)))
    rows[0], rows[1], rows[2] = store.plan_kw, store.low_kw, store.high_kw
    rows[3], rows[4] = store.floor_kwh, store.ceiling_kwh
    rows[5], rows[6], rows[7], rows[8] = store.price_up, store.price_down, store.turn_kw, target_kw
    if store.end_ct_per_kwh is None:
        rows[3, -1] = rows[4, -1] = store.energy_kwh + store.total_kwh
    end_ct = (store.end_ct_per_kwh or 0.0) * store.hours
    numbers = (store.energy_kwh, end_ct, store.eta_in, store.eta_out, store.weight, store.wear, store.hours, rho)
    power: Floats = kernel.response(rows, *map(float, numbers), _burning(store))
    return power


def _burning(store: Store) -> float:
    """The value of stored energy below which burning it would pay."""
    lost = 1 / store.eta_out - store.eta_in
    return -2 * store.wear / lost if lost > 1e-12 else -_INFINITY


def _when_discharging(store: Store, values: Floats) -> Floats:
    """What a kW of discharging takes out of the store is worth, ct, for `values` of stored energy."""
    burning = _burning(store)
    if burning == -_INFINITY:
        return values / store.eta_out
    worth: Floats = np.maximum(values, burning) / store.eta_out + np.minimum(values - burning, 0.0) * store.eta_in
    return worth


@dataclass(frozen=True, slots=True)
class Stretches:
    """Up to four stretches of power in each interval (charging and discharging, above and below the turn of its price).

    Attributes:
        moves: [S, T] whether there is such a stretch.
        edges: [2, S, T] the values of stored energy between which the power goes through it.
        slopes: [2, S, T] of the stored energy over the value, at the lower and at the upper edge.
        burning: the value at which the one slope gives way to the other where they differ.
    """

    moves: Mask
    edges: Floats
    slopes: Floats
    burning: float


def _stretches(store: Store, step: _Step) -> Stretches:
    low, high, turns = store.low_kw, store.high_kw, bool((step.above < step.below).any())
    moves, edges, slopes = list[Mask](), list[Floats](), list[Floats]()
    for wish, least, most in (
        (step.above, np.maximum(low, step.turn) if turns else low, high),
        *(((step.below, low, np.minimum(high, step.turn)),) if turns else ()),
    ):
        into, out_of = (np.maximum(least, 0.0), most), (least, np.minimum(most, 0.0))
        moves += (into[1] > into[0], out_of[1] > out_of[0])
        found = (_charging(store, step.curvature, wish, into), _discharging(store, step.curvature, wish, out_of))
        edges += (found[0][0], found[1][0])
        slopes += (found[0][1], found[1][1])
    return Stretches(np.stack(moves), np.stack(edges, axis=1), np.stack(slopes, axis=1), _burning(store))


def _charging(store: Store, curvature: float, wish: Floats, between: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """[2, T] edges and [2, T] slopes while the store charges between two powers."""
    edges = (curvature * np.stack(between) - wish + store.wear) / store.eta_in
    return edges, np.full(edges.shape, store.hours / curvature * store.eta_in * store.eta_in)


def _discharging(store: Store, curvature: float, wish: Floats, between: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """[2, T] edges and [2, T] slopes while the store discharges less and less, from one power to another."""
    burning, gain, loss = _burning(store), store.eta_in, 1 / store.eta_out
    per_value = store.hours / curvature
    edges = curvature * np.stack(between) - wish - store.wear
    below = edges < burning * loss
    with np.errstate(invalid="ignore"):  # without losses nothing burns: -inf + inf in a branch that is not taken
        edges = np.where(below, burning + (edges - burning * loss) / gain, edges / loss)
    return edges, np.where(below, per_value * loss * gain, per_value * loss * loss)


def _values(store: Store, step: _Step) -> Floats:
    """[T] the marginal value of stored energy in each interval."""
    least, most = stored(store, store.low_kw), stored(store, store.high_kw)
    floor, ceiling = np.array(store.floor_kwh, dtype=float), np.array(store.ceiling_kwh, dtype=float)
    last = len(floor) - 1
    if store.end_ct_per_kwh is None:
        floor[last] = ceiling[last] = store.energy_kwh + store.total_kwh
    lows, highs = _ranges(_stretches(store, step), (least, most, floor, ceiling), store.energy_kwh)
    value = (store.end_ct_per_kwh or 0.0) * store.hours
    values = np.empty(len(floor))
    for t in range(last, -1, -1):
        value = min(max(value, lows[t]), highs[t])
        values[t] = value
    return values


def _ranges(stretches: Stretches, bounds: Bounds, energy_kwh: float) -> Ranges:
    """Between which values no bound binds at the end of each interval (`storage_kernel.ranges` is the same, compiled)."""
    curve: Breakpoints = []
    bottom = top = energy_kwh  # the stored energy at the lowest and at the highest value
    lows, highs = list[float](), list[float]()
    by_interval = zip(_rises(stretches), *(row.tolist() for row in bounds), strict=True)
    for points, given, taken, floor_kwh, ceiling_kwh in by_interval:
        for point in points:
            insort(curve, point)
        bottom, top = bottom + given, top + taken
        low = high = _INFINITY
        if top <= floor_kwh:
            bottom = top
        elif bottom >= ceiling_kwh:
            low = high = -_INFINITY
            top = bottom
        else:
            low = -_INFINITY
            if bottom < floor_kwh:
                low, bottom = _cut_left(curve, floor_kwh - bottom), floor_kwh
            if top > ceiling_kwh and curve:  # nothing is left where floor and ceiling lie at its end but for rounding
                high, top = _cut_right(curve, top - ceiling_kwh), ceiling_kwh
            top = min(top, ceiling_kwh)
        if bottom >= top:
            curve.clear()
        lows.append(low)
        highs.append(high)
    return lows, highs


def _rises(stretches: Stretches) -> list[Breakpoints]:
    """For each interval, where and by how much the slope of its stored energy over the value changes."""
    rises: list[Breakpoints] = [[] for _ in stretches.moves[0]]
    burning, edges, slopes = stretches.burning, stretches.edges.tolist(), stretches.slopes.tolist()
    for moves, *of_stretch in zip(stretches.moves, *edges, *slopes, strict=True):
        left, right, left_slope, right_slope = of_stretch
        for t in np.flatnonzero(moves).tolist():
            rises[t] += ((left[t], left_slope[t]), (right[t], -right_slope[t]))
            if left_slope[t] != right_slope[t]:
                rises[t].append((burning, right_slope[t] - left_slope[t]))
    return rises


def _cut_left(curve: Breakpoints, rise: float) -> float:
    """The value at which the curve has risen by `rise` from its left end; what lies left of it is cut off."""
    slope = 0.0
    for index, (value, change) in enumerate(curve):
        slope += change
        if index + 1 == len(curve):
            break
        step = slope * (curve[index + 1][0] - value)
        if step >= rise:
            cut = min(value + rise / slope, curve[index + 1][0]) if rise > 0 else value
            curve[: index + 1] = [(cut, slope)]
            return cut
        rise -= step
    end = curve[-1][0]
    curve.clear()
    return end


def _cut_right(curve: Breakpoints, fall: float) -> float:
    """The value at which the curve lies `fall` below its right end; what lies right of it is cut off."""
    slope = 0.0
    for index in range(len(curve) - 1, 0, -1):
        value, change = curve[index]
        slope -= change
        step = slope * (value - curve[index - 1][0])
        if step >= fall:
            cut = max(value - fall / slope, curve[index - 1][0]) if fall > 0 else value
            curve[index:] = [(cut, -slope)]
            return cut
        fall -= step
    end = curve[0][0]
    curve.clear()
    return end
