"""What generators have in common: they never consume by order, and those that the weather drives can only be limited."""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow
from cim.model.arrays import Floats
from cim.model.devices import Mode, Nameplate, Setpoint


class GeneratorKind(ElementKind):
    """A generator: its setpoints are never above zero, and it needs no counter of consumption."""

    agent = "generator"
    generates = True

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """Cut to the rating, and never consumption."""
        cut = ElementKind.safe(self, setpoint, nameplate)
        return Setpoint(cut.mode, min(cut.power_w, 0))

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """What it gave, as negative energy; most inverters do not count the little they take at night."""
        return None if given_wh is None else (taken_wh or 0.0) - given_wh


class WeatherDrivenKind(GeneratorKind):
    """A generator that gives what the weather gives, or less: it offers to be curtailed, nothing else."""

    mode = Mode.LIMIT
    can_decrease = False

    def expected(self, forecast_kw: Floats, held_kw: Floats) -> Floats:
        """Where it is limited, the forecast as far as the limit lets it through."""
        return np.where(np.isnan(held_kw), forecast_kw, np.fmax(forecast_kw, held_kw))

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Curtailable:
        """It can be curtailed down to nothing."""
        part = window.part(expected_kw)
        costs = known.costs
        return Curtailable(
            known.config.element,
            np.zeros(len(part)),
            np.maximum(-part, 0.0),
            np.full(len(part), costs.feed_in_ct_per_kwh),
            np.zeros(len(part)),
            costs.weight_ct_per_kw2,
            window.hours,
        )
