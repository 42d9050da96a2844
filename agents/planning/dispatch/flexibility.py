"""What a device can give, as data: the local models that members of a virtual power plant optimise over.

Every model answers three questions about a deviation d [T] from its plan: `respond` (the exact minimiser of cost plus
proximal term), `cost`, and its bounds. A model never leaves its prosumer; only sums of answers do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from agents.planning.dispatch.prices import nothing, price_cost
from agents.planning.dispatch.storage_step import Store, best_response
from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("plan.Curtailable")
@dataclass(frozen=True, slots=True)
class Curtailable:
    """Power that can be moved freely within a band in each interval: curtailed PV, a CHP, a limited load.

    Attributes:
        down_kw, up_kw: [T] bounds of the deviation, down <= 0 <= up (kW, + = more consumption or less generation).
        price_up, price_down: [T] cost of a deviation upwards (lost feed-in) and downwards, ct/kWh.
        weight: curvature, ct/kW^2 per interval.
        hours: length of an interval.
        turn_kw: [T] deviation at which `price_down` gives way to `price_up` (see `agents.planning.dispatch.prices`).
    """

    element: str
    down_kw: Floats
    up_kw: Floats
    price_up: Floats
    price_down: Floats
    weight: float
    hours: float
    turn_kw: Floats = field(default_factory=nothing)

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """The deviation that minimises cost + rho/2 |d - target|^2, in closed form."""
        curvature = self.weight + rho
        up = (rho * target_kw - self.price_up * self.hours) / curvature
        down = (rho * target_kw + self.price_down * self.hours) / curvature
        free = np.where(up > self.turn_kw, up, np.minimum(down, self.turn_kw))
        return np.minimum(np.maximum(free, self.down_kw), self.up_kw)

    def cost(self, deviation_kw: Floats) -> float:
        """Cents that `deviation_kw` costs its owner."""
        moved = price_cost(self.price_up, self.price_down, self.turn_kw, deviation_kw)
        return moved * self.hours + self.weight / 2 * float(deviation_kw @ deviation_kw)


@wire("plan.Storable")
@dataclass(frozen=True, slots=True)
class Storable:
    """A battery, vehicle or heat store; the fields are those of `agents.planning.dispatch.storage_step.Store`, its wire form."""

    element: str
    plan_kw: Floats
    low_kw: Floats
    high_kw: Floats
    floor_kwh: Floats
    ceiling_kwh: Floats
    energy_kwh: float
    total_kwh: float
    eta_in: float
    eta_out: float
    weight: float
    wear: float
    hours: float
    price_up: Floats = field(default_factory=nothing)
    price_down: Floats = field(default_factory=nothing)
    turn_kw: Floats = field(default_factory=nothing)

    @property
    def store(self) -> Store:
        """The same as the solver's value."""
        return Store(
            self.plan_kw,
            self.low_kw,
            self.high_kw,
            self.floor_kwh,
            self.ceiling_kwh,
            self.energy_kwh,
            self.total_kwh,
            self.eta_in,
            self.eta_out,
            self.weight,
            self.wear,
            self.hours,
            self.price_up,
            self.price_down,
            self.turn_kw,
        )

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """The deviation that minimises cost + rho/2 |d - target|^2, exactly (see `agents.planning.dispatch.storage_step`)."""
        return best_response(self.store, target_kw, rho) - self.plan_kw

    def cost(self, deviation_kw: Floats) -> float:
        """Cents that `deviation_kw` costs its owner."""
        return self.store.cost(self.plan_kw + deviation_kw)


Flexibility = Curtailable | Storable
