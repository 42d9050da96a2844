"""CHP: runs as its operator plans, moves between its minimum and its rating."""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable
from agents.planning.elements.element import ElementKnowledge, PlanWindow
from agents.planning.elements.generation import GeneratorKind
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode


class Chp(GeneratorKind):
    """A combined heat and power plant behind a SunSpec gateway."""

    kind = DeviceKind.CHP
    label = "CHP"
    balance = "chp"
    mode = Mode.TARGET

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Its operator's plan, the same all day."""
        return np.full(window.day.count, known.config.planned_w / 1000)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Curtailable:
        """It moves freely between its minimum and its rating."""
        part, config, costs = window.part(expected_kw), known.config, known.costs
        up = np.maximum(config.floor_w / 1000 - part, 0.0)
        down = np.minimum(-config.generation_w / 1000 - part, 0.0)
        price = np.full(len(part), costs.chp_ct_per_kwh)
        return Curtailable(config.element, down, up, price, price, costs.weight_ct_per_kw2, window.hours)
