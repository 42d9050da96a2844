"""What a heat pump would have drawn by its thermostat on a day on which orders moved it, from what its building showed."""

from __future__ import annotations

import math

import numpy as np

from cim.model.arrays import Floats
from cim.model.devices import ThermalDescription

TIME_CONSTANT_H = 60.0  # assumed of every house: after it e^-1 of a surplus of warmth is left
SPREAD = 2.0  # of its rating over the comfort band: how strongly a thermostat answers to a kelvin
J_PER_KWH = 3.6e6
_LOOKS_H = 1 / 12  # how often a thermostat looks


def by_thermostat(power_kw: Floats, temperature_c: Floats, room: ThermalDescription, hours: float) -> Floats:
    """[T] kW by its own rule from the same first temperature on.

    What drained the building in each ISP is what its heat pump put in less what stayed: the change of its temperature. So
    heat that an order left in the walls at midnight, or that was lost because they were warmer, was not needed.

    Args:
        power_kw: [T] as metered.
        temperature_c: [T + 1] at the begin of each ISP and at the day's end.
        hours: length of an ISP.
    """
    middle_c, high_kw = (room.level_min_c + room.level_max_c) / 2, room.power_max_w / 1000
    k_per_kwh = room.fill_rate_per_w * J_PER_KWH
    surplus_k, kept = temperature_c - middle_c, math.exp(-hours / TIME_CONSTANT_H)
    # of what is put in evenly over an ISP this much is still there at its end
    stays_k_per_kw = k_per_kwh * TIME_CONSTANT_H * (1 - kept)
    demand = power_kw - (surplus_k[1:] - surplus_k[:-1] * kept) / stays_k_per_kw
    demand = np.clip(demand, 0.0, high_kw)
    gain_kw_per_k = SPREAD * high_kw / (room.level_max_c - room.level_min_c)
    looks = max(round(hours / _LOOKS_H), 1)
    kept = math.exp(-hours / looks / TIME_CONSTANT_H)
    found, warm_k = np.zeros(len(power_kw)), float(surplus_k[0])
    for k, needed in enumerate(demand.tolist()):
        for _ in range(looks):
            drawn = min(max(needed - gain_kw_per_k * warm_k, room.power_min_w / 1000), high_kw)
            found[k] += drawn / looks
            warm_k = warm_k * kept + (drawn - needed) * k_per_kwh * TIME_CONSTANT_H * (1 - kept)
    return found
