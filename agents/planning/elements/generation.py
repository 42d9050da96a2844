"""What generators have in common: they never consume by order, and those that the weather drives can only be limited."""

from __future__ import annotations

import math

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow
from agents.planning.elements.energy_prices import within_payment
from cim.model.arrays import Floats, Mask
from cim.model.devices import Mode, Nameplate, Setpoint
from market.contracts.contract import BaselineKind

_HELD_TIMES = 2.0  # assumed: a plant gives up at most so many times what was ordered of it to hold a promised level


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

    def could_kw(self, known: ElementKnowledge, window: PlanWindow) -> Floats:
        """[T] what it is expected to be able to give (<= 0), on the whole day."""
        raise NotImplementedError

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What it could give; where its energy is traded by the hour, nothing at negative prices."""
        could = self.could_kw(known, window)
        return could if known.config.operation is None else np.where(paid_for(known, window), could, 0.0)

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What it could give, less what its orders take of it (`ordered_limit_kw`), in the running ISP.

        Where its energy is traded by the hour, nothing at negative prices.
        """
        limit, k = np.where(paid_for(known, window), np.nan, 0.0), window.first - 1
        if (
            math.isnan(limit[k])
            and known.available_kw is not None
            and known.moved_kw is not None
            and known.held_kw is not None
        ):
            available = np.array([known.available_kw])
            limit[k] = ordered_limit_kw(available, known.moved_kw[k : k + 1], known.held_kw[k : k + 1])[0]
        return limit

    def steered(self, held_kw: Floats, owner_kw: Floats) -> Floats:
        """The promised level; in the running ISP as far as what there is and what was ordered allow."""
        return np.where(np.isnan(owner_kw), held_kw, owner_kw)

    def expected(self, forecast_kw: Floats, held_kw: Floats, moved_kw: Floats) -> Floats:
        """Where it is limited, the forecast less what its orders take of it.

        As it will be steered: who heard only of the limit would buy once more what a lower forecast has spared already.
        """
        return np.where(np.isnan(held_kw), forecast_kw, ordered_limit_kw(forecast_kw, moved_kw, held_kw))

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


def paid_for(known: ElementKnowledge, window: PlanWindow) -> Mask:
    """[T] whether generation earns something; also where its energy is not traded by the hour. Of what is over: as planned."""
    price_ct = known.config.traded_ct(window.day)
    if price_ct is None:
        return np.ones(window.day.count, dtype=bool)
    return np.asarray((price_ct >= 0) | (np.arange(window.day.count) < window.first - 1))


def ordered_limit_kw(available_kw: Floats, moved_kw: Floats, held_kw: Floats) -> Floats:
    """[T] what orders leave of what a plant could give (<= 0); NaN where it is free.

    The reduction that was ordered is always made, also where there is less sun than was told. Where there is more, the
    promised level is held, but with no more than a multiple of that reduction: a plant that was ordered to give up a little
    does not answer for a whole forecast.

    Args:
        available_kw: what it could give.
        moved_kw: what orders take of it by what was told.
        held_kw: the promised level; NaN where there is no order.
    """
    moved = np.maximum(moved_kw, 0.0)
    least, most = available_kw + moved, available_kw + _HELD_TIMES * moved
    return np.where(np.isnan(held_kw), np.nan, np.minimum(np.fmax(least, np.fmin(held_kw, most)), 0.0))
