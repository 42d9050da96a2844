"""Battery: planned for its home's own consumption, may follow any path within its energy."""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig, ElementKind, ElementKnowledge, PlanWindow
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode

EFFICIENCY = 0.95  # one way; what an agent assumes of a battery whose nameplate does not tell


class Battery(ElementKind):
    """A home battery or a district's storage behind a SunSpec converter: a target in both directions."""

    kind = DeviceKind.BATTERY
    label = "batteries"
    balance = "battery"
    agent = "battery"
    mode = Mode.TARGET
    stores = True
    runs_by_plan = True
    holds_between_moves = True

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """See `self_consumption`."""
        return self_consumption(rest_kw, known.config, known.stored_kwh, window.first, window.hours)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable:
        """Any path within its power and energy that ends where its plan ends."""
        config, hours, prices = known.config, window.hours, known.deviation_prices(window)
        plan = window.part(expected_kw)
        capacity = config.capacity_wh / 1000
        steps = np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY) * hours
        stored_kwh = min(max(known.stored_kwh, 0.0), capacity)
        size = len(plan)
        return Storable(
            element=config.element,
            plan_kw=plan,
            low_kw=np.full(size, -config.generation_w / 1000),
            high_kw=np.full(size, config.consumption_w / 1000),
            floor_kwh=np.zeros(size),
            ceiling_kwh=np.full(size, capacity),
            energy_kwh=stored_kwh,
            total_kwh=min(max(float(steps.sum()), -stored_kwh), capacity - stored_kwh),
            eta_in=EFFICIENCY,
            eta_out=EFFICIENCY,
            weight=known.costs.weight_ct_per_kw2,
            wear=known.costs.wear_ct_per_kwh * hours,
            hours=hours,
            price_up=prices.up,
            price_down=prices.down,
            turn_kw=prices.turn_kw,
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """Wear of the way in and out again, and what is lost between, bought anew."""
        return 2 * known.costs.wear_ct_per_kwh + (1 / EFFICIENCY**2 - 1) * retail

    def stored_later(self, stored_kwh: float, power_kw: float, hours: float) -> float:
        """With the losses of one way."""
        into = power_kw * EFFICIENCY if power_kw > 0 else power_kw / EFFICIENCY
        return stored_kwh + into * hours


def self_consumption(rest_kw: Floats, config: ElementConfig, stored_kwh: float, first: int, hours: float) -> Floats:
    """A battery's plan from ISP `first` (1-based) on: take the home's surplus, give it back when there is need."""
    plan = np.zeros(len(rest_kw))
    capacity = config.capacity_wh / 1000
    for k in range(first - 1, len(rest_kw)):
        if rest_kw[k] < 0:
            room = (capacity - stored_kwh) / (EFFICIENCY * hours)
            plan[k] = min(-rest_kw[k], config.consumption_w / 1000, max(room, 0.0))
            stored_kwh += plan[k] * EFFICIENCY * hours
        else:
            available = stored_kwh * EFFICIENCY / hours
            plan[k] = -min(rest_kw[k], config.generation_w / 1000, max(available, 0.0))
            stored_kwh += plan[k] / EFFICIENCY * hours
    return plan
