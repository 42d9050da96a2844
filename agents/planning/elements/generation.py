"""What generators have in common: they never consume by order, and those that the weather drives can only be limited."""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow
from agents.planning.elements.energy_prices import within_payment
from cim.model.arrays import Floats
from cim.model.devices import Mode, Nameplate, Setpoint
from market.contracts.contract import BaselineKind


class GeneratorKind(ElementKind):
    """A generator: its setpoints are never above zero, and it needs no counter of consumption."""

    agent = "generator"
    generates = True

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """Cut to the rating, and never consumption."""
        cut = ElementKind.safe(self, setpoint, nameplate)
        return Setpoint(cut.mode, min(cut.power_w, 0))

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """What is fed in no more; a contract does not pay for more than a home's surplus."""
        return feed_in

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """What it gave, as negative energy; most inverters do not count the little they take at night."""
        return None if given_wh is None else (taken_wh or 0.0) - given_wh


class WeatherDrivenKind(GeneratorKind):
    """A generator that gives what the weather gives, or less: it offers to be curtailed, nothing else."""

    mode = Mode.LIMIT
    baseline = BaselineKind.AVAILABLE_POWER
    can_decrease = False
    held_by_reports = True

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What it could give, less what orders move of it, in the running ISP: where the weather gives less than was
        expected, the reduction that was ordered is still one.
        """
        limit = np.full(window.day.count, np.nan)
        if known.available_kw is not None and known.moved_kw is not None and known.moved_kw[window.first - 1] > 0:
            limit[window.first - 1] = min(known.available_kw + float(known.moved_kw[window.first - 1]), 0.0)
        return limit

    def steered(self, held_kw: Floats, owner_kw: Floats) -> Floats:
        """Of two limits (<= 0) the stricter: never more than was promised, and never less reduction than was ordered."""
        return np.fmax(held_kw, owner_kw)

    def expected(self, forecast_kw: Floats, held_kw: Floats, moved_kw: Floats) -> Floats:
        """Where it is limited, the forecast less the reduction that was ordered, as far as the limit lets it through.

        As it will be steered: who heard only of the limit would buy once more what a lower forecast has spared already.
        """
        reduced = np.minimum(forecast_kw + np.maximum(moved_kw, 0.0), 0.0)
        return np.where(np.isnan(held_kw), forecast_kw, np.fmax(reduced, held_kw))

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Curtailable:
        """It can be curtailed down to nothing, or as far as its contract pays for what its owner loses."""
        part, prices = window.part(expected_kw), known.deviation_prices(window)
        return Curtailable(
            element=known.config.element,
            down_kw=np.zeros(len(part)),
            up_kw=within_payment(np.maximum(-part, 0.0), prices, known.paid_ct_per_kwh),
            price_up=prices.up,
            price_down=prices.down,
            weight=known.costs.weight_ct_per_kw2,
            hours=window.hours,
            turn_kw=prices.turn_kw,
        )
