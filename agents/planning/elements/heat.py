"""Heat: a building with a heat pump keeps its temperature, and is a store between its comfort bounds."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow, comfort_ct_per_kwh
from agents.planning.forecast.like_day import like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, ThermalDescription, ThermalUsage
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind

_J_PER_KWH = 3.6e6
_DAY_S = 86400
_LOST_UNTIL_REBOUND = 0.07  # assumed: of heat stored some four hours in a house with a time constant of 60 h


class Heat(ElementKind):
    """A building behind an S2 gateway: its heat pump's target power; the building itself guards its comfort."""

    kind = DeviceKind.GATEWAY
    label = "heat pumps"
    balance = "heat_pump"
    agent = "building"
    mode = Mode.TARGET
    baseline = BaselineKind.LIKE_DAYS
    stores = True
    noticeable_share = 0.1  # in between its own thermostat knows better

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """By what the building told of its heat, else as on its last days."""
        if known.usage is None:
            return like_day(known.config.history_kw, window.day.count)
        return heating(known.usage, known.room, window.day)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """Electric energy between the comfort bounds; None outside them, or where the room is not known."""
        room, temperature_c = known.room, known.temperature_c
        if room is None or temperature_c is None or not room.level_min_c < temperature_c < room.level_max_c:
            return None
        plan, prices = window.part(expected_kw), known.deviation_prices(window)
        per_kelvin = 1 / room.fill_rate_per_w / _J_PER_KWH  # kWh of electricity for one kelvin
        used = np.cumsum(plan) * window.hours
        size = len(plan)
        return Storable(
            element=known.config.element,
            plan_kw=plan,
            low_kw=np.full(size, room.power_min_w / 1000),
            high_kw=np.full(size, room.power_max_w / 1000),
            floor_kwh=used + (room.level_min_c - temperature_c) * per_kelvin,
            ceiling_kwh=used + (room.level_max_c - temperature_c) * per_kelvin,
            energy_kwh=0.0,
            total_kwh=float(used[-1]),
            eta_in=1.0,
            eta_out=1.0,
            weight=known.costs.thermal_weight_ct_per_kw2,
            wear=0.0,
            hours=window.hours,
            price_up=prices.up,
            price_down=prices.down,
            turn_kw=prices.turn_kw,
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """What a warmer house loses until the rebound, bought anew, and the comfort."""
        return _LOST_UNTIL_REBOUND * retail + comfort_ct_per_kwh(known, known.costs.thermal_weight_ct_per_kw2)


def heating(usage: ThermalUsage, room: ThermalDescription | None, day: LocalDay) -> Floats:
    """A heat pump's power that keeps its room's temperature: what drains the store over what a watt puts in."""
    if room is None or not usage.rates:
        return np.zeros(day.count)
    plan = np.zeros(day.count)
    step = timedelta(seconds=usage.step_s)
    count = len(usage.rates)
    for k in range(day.count):
        index = (day.isp_start(k + 1) - usage.start) // step
        # Outside the resource manager's horizon the same time of another day is the best there is.
        known = index % count if count * usage.step_s >= _DAY_S else min(max(index, 0), count - 1)
        plan[k] = min(max(usage.rates[known] / room.fill_rate_per_w, room.power_min_w), room.power_max_w)
    return plan / 1000
