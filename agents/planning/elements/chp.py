"""CHP: runs as its operator plans, moves between its minimum and its rating."""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable
from agents.planning.elements.element import ElementKnowledge, PlanWindow
from agents.planning.elements.energy_prices import within_payment
from agents.planning.elements.generation import GeneratorKind, paid_for
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode


class Chp(GeneratorKind):
    """A combined heat and power plant behind a SunSpec gateway."""

    kind = DeviceKind.CHP
    label = "CHP"
    balance = "chp"
    mode = Mode.TARGET

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Its operator's plan, the same all day; where its energy is traded by the hour, its minimum at negative prices."""
        plan = np.full(window.day.count, known.config.planned_w / 1000)
        return np.where(paid_for(known, window), plan, np.maximum(plan, known.config.floor_w / 1000))

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Its minimum where nobody pays for more; else it follows its plan by itself."""
        return np.where(paid_for(known, window), np.nan, self.forecast(known, window, rest_kw))

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Curtailable:
        """It moves between its minimum and its rating: less loses feed-in, more costs fuel above what it earns."""
        part, config, costs = window.part(expected_kw), known.config, known.costs
        prices = known.deviation_prices(window)
        lost = np.maximum(-prices.down, 0.0)
        return Curtailable(
            element=config.element,
            down_kw=np.minimum(-config.generation_w / 1000 - part, 0.0),
            up_kw=within_payment(np.maximum(config.floor_w / 1000 - part, 0.0), prices, known.paid_ct_per_kwh),
            price_up=lost,
            price_down=np.maximum(costs.chp_fuel_ct_per_kwh - lost, 0.0),
            weight=costs.weight_ct_per_kw2,
            hours=window.hours,
        )
