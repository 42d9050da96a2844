"""Batteries of a site operated so that the site's own generation serves the site: the least exchange with the mains.

Every kWh that a battery takes of a surplus serves a later need, whenever it takes it, and what it gives early makes room. So no
plan imports less than to take surplus and serve need as they come, as far as power and energy go; how they are forecast decides
only how well an interval is met. What is taken beyond the need of a whole day would serve nobody, and is left to the mains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput


@wire("plan.SharedStore")
@dataclass(frozen=True, slots=True)
class SharedStore:
    """A battery that serves the whole site; energies kWh, powers kW (magnitudes) at its terminals.

    Attributes:
        efficiency: of one way.
        held_kw: [T] what orders hold it to, over the whole day; NaN where it is free.
    """

    element: str
    capacity_kwh: float
    floor_kwh: float
    in_kw: float
    out_kw: float
    efficiency: float
    stored_kwh: float
    held_kw: Floats


def serving_kw(rest_kw: Floats, stores: Sequence[SharedStore], first: int, first_hours: float, hours: float) -> Floats:
    """[stores, T] the power of each battery from ISP `first` (1-based) on; before it 0.

    What is to be taken or given falls on all that can, in proportion to what each could.

    Args:
        rest_kw: [T] what the site draws net without these batteries, over the whole day; the same is expected of the next.
        first_hours: how much of ISP `first` is still to come.
        hours: length of an ISP.

    Raises:
        BadInput: a battery is held in another number of ISPs.
    """
    for store in stores:
        if len(store.held_kw) != len(rest_kw):
            raise BadInput(f"held_kw: {len(store.held_kw)} values of {store.element}; expected {len(rest_kw)}")
    power = np.zeros((len(stores), len(rest_kw)))
    if not stores:
        return power
    held = np.array([store.held_kw for store in stores])
    wanted_kwh = _wanted_kwh(rest_kw, stores, hours)
    stored = np.array([min(max(store.stored_kwh, 0.0), store.capacity_kwh) for store in stores])
    floor = np.array([min(store.floor_kwh, store.capacity_kwh) for store in stores])
    capacity, efficiency = (np.array([getattr(s, name) for s in stores]) for name in ("capacity_kwh", "efficiency"))
    into, out = (np.array([getattr(s, name) for s in stores]) for name in ("in_kw", "out_kw"))
    left = first_hours
    for k in range(first - 1, len(rest_kw)):
        ordered = ~np.isnan(held[:, k])
        power[ordered, k] = held[ordered, k]
        if left > 0:
            need_kw = float(rest_kw[k]) + float(power[ordered, k].sum())
            if need_kw < 0:
                lacking = max(wanted_kwh - float((stored - floor).sum()), 0.0)
                could = np.minimum(into, np.maximum(capacity - stored, 0.0) / efficiency / left)
                take = min(-need_kw, lacking / float(efficiency.mean()) / left)
            else:
                could = np.minimum(out, np.maximum(stored - floor, 0.0) * efficiency / left)
                take = -need_kw
            could = np.where(ordered, 0.0, could)
            share = min(abs(take) / could.sum(), 1.0) if could.sum() > 0 else 0.0
            power[~ordered, k] = np.sign(take) * share * could[~ordered]
        moved = np.where(power[:, k] > 0, power[:, k] * efficiency, power[:, k] / efficiency)
        stored = np.clip(stored + moved * left, 0.0, capacity)
        left = hours
    return power


def _wanted_kwh(rest_kw: Floats, stores: Sequence[SharedStore], hours: float) -> float:
    """The most that all batteries together are to hold above their floors: what a whole day needs of them.

    Later surplus is not counted on: what is there is taken, as nobody knows what comes.
    """
    efficiency = float(np.mean([store.efficiency for store in stores]))
    out = sum(store.out_kw for store in stores)
    return float(np.clip(rest_kw, 0.0, out).sum()) * hours / efficiency
