"""When a heated building heats, where its energy is bought by the hour: between its comfort bounds, no colder at the day's end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agents.planning.thermostat import SPREAD
from cim.model.arrays import Floats

_LEVELS = 121  # of warmth between the bounds
_POWERS, _FINER = 9, 41  # that are looked at between least and most: for what is to come, and for what is done
_INSIDE_K = 0.3  # how far within its comfort bounds it is kept: what drains it is only expected
_SWING_CT_PER_KH = 0.05  # for a kelvin-hour away from the middle: no swing for nothing
_OUTSIDE_CT_PER_K = 1e3
_COLD_TIMES = 5.0  # times the mean price, so dear is warmth that lacks at the day's end


@dataclass(frozen=True, slots=True)
class HeatStore:
    """A building as a store of warmth.

    Attributes:
        low_k, high_k: its comfort bounds, from their middle.
        least_kw, most_kw: of its heat pump.
        k_per_kwh: how much warmer a kilowatt-hour makes it.
        time_constant_h: after it e^-1 of a surplus of warmth is left.
    """

    low_k: float
    high_k: float
    least_kw: float
    most_kw: float
    k_per_kwh: float
    time_constant_h: float


def cheapest_heat_kw(
    store: HeatStore,
    needed_kw: Floats,
    price_ct: Floats,
    hours: Floats,
    warm_k: float,
    held_kw: Floats,
    *,
    next_kw: Floats,
    next_hours: float,
    end_ct_per_kwh: float,
) -> Floats:
    """[N] the power with which the building is heated at least cost, by dynamic programming over its warmth.

    Args:
        needed_kw: [N] what holds the middle of its bounds.
        price_ct: [N] per kWh.
        hours: [N] how much of each interval is still to come.
        warm_k: how far above the middle it is at the beginning.
        held_kw: [N] what orders hold it to; NaN where it is free.
        next_kw: what holds the middle in the day afterwards, each for `next_hours`: warmth left at the end is worth what its
            thermostat draws less then, at `end_ct_per_kwh`.
    """
    low, high = min(store.low_k + _INSIDE_K, 0.0), max(store.high_k - _INSIDE_K, 0.0)
    levels = np.linspace(low, high, _LEVELS)
    coarse, fine = (np.linspace(store.least_kw, store.most_kw, count) for count in (_POWERS, _FINER))
    saved_ct = saved_kwh(store, next_kw, next_hours, levels) * abs(end_ct_per_kwh)
    values = [np.where(levels > 0, -saved_ct, _COLD_TIMES * abs(end_ct_per_kwh) / store.k_per_kwh * -levels)]
    for k in range(len(price_ct) - 1, 0, -1):
        choices = coarse if math.isnan(held_kw[k]) else held_kw[k : k + 1]
        cost, _ = _ahead(store, levels, choices, values[-1], levels, needed_kw[k], price_ct[k], hours[k])
        values.append(cost.min(axis=1))
    found, now = np.zeros(len(price_ct)), np.array([warm_k])
    for k, later in enumerate(reversed(values)):
        own = np.append(fine, np.clip(needed_kw[k], store.least_kw, store.most_kw))
        choices = own if math.isnan(held_kw[k]) else held_kw[k : k + 1]
        cost, then = _ahead(store, now, choices, later, levels, needed_kw[k], price_ct[k], hours[k])
        best = int(np.argmin(cost[0]))
        found[k], now = choices[best], then[0, best : best + 1]
    return found


def saved_kwh(store: HeatStore, needed_kw: Floats, hours: float, warm_k: Floats) -> Floats:
    """[warmth] what a building that begins so warm draws less by its thermostat than one that begins in the middle."""
    gain_kw_per_k, kept = (
        SPREAD * store.most_kw / (store.high_k - store.low_k),
        math.exp(-hours / store.time_constant_h),
    )
    saved, warm = np.zeros(len(warm_k)), warm_k
    for needed in needed_kw.tolist():
        drawn = np.clip(needed - gain_kw_per_k * warm, store.least_kw, store.most_kw)
        saved = saved + (min(max(needed, store.least_kw), store.most_kw) - drawn) * hours
        warm = (warm + (drawn - needed) * hours * store.k_per_kwh) * kept
    return np.asarray(saved)


def _ahead(
    store: HeatStore,
    warm_k: Floats,
    power_kw: Floats,
    later_ct: Floats,
    levels_k: Floats,
    needed_kw: float,
    price_ct: float,
    hours: float,
) -> tuple[Floats, Floats]:
    """[warmth, power] what an interval and all after it cost, and how warm it leaves the building."""
    kept = math.exp(-hours / store.time_constant_h)
    then = (warm_k[:, None] + (power_kw[None, :] - needed_kw) * hours * store.k_per_kwh) * kept
    outside = np.maximum(levels_k[0] - then, 0.0) + np.maximum(then - levels_k[-1], 0.0)
    cost = power_kw[None, :] * price_ct * hours + np.interp(then, levels_k, later_ct)
    return cost + _SWING_CT_PER_KH * np.abs(then) * hours + _OUTSIDE_CT_PER_K * outside, then
