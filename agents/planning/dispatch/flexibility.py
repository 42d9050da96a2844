"""What a device can give, as data: the local models that members of a virtual power plant optimise over.

Every model answers three questions about a deviation d [T] from its plan: `respond` (the exact minimiser of cost plus
proximal term, which counts less against what cannot move by degrees), `cost`, and its bounds. `after` is the model for the
next round of the same session: what can only do one thing or another gets slower to change its mind. A model never leaves
its prosumer; only sums of answers do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

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

    by_degrees: ClassVar[bool] = True
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

    def after(self, answer_kw: Floats) -> Curtailable:
        """The same: its answers settle by themselves."""
        return self


@wire("plan.Storable")
@dataclass(frozen=True, slots=True)
class Storable:
    """A battery, vehicle or heat store; the fields are those of `agents.planning.dispatch.storage_step.Store`, its wire form."""

    by_degrees: ClassVar[bool] = True
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
    end_ct_per_kwh: float | None = None

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
            self.end_ct_per_kwh,
        )

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """The deviation that minimises cost + rho/2 |d - target|^2, exactly (see `agents.planning.dispatch.storage_step`)."""
        return best_response(self.store, target_kw, rho) - self.plan_kw

    def cost(self, deviation_kw: Floats) -> float:
        """Cents that `deviation_kw` costs its owner."""
        return self.store.cost(self.plan_kw + deviation_kw)

    def after(self, answer_kw: Floats) -> Storable:
        """The same: its answers settle by themselves."""
        return self


RELUCTANCE_CT = 0.01  # what the first change of start must be worth; each further one twice as much
# ct/kW^2 per interval, the most that a round's penalty counts against a change of start. A block cannot move by degrees, so
# a stiff penalty, which is to hold back what can, would hold it back for good, whatever its price.
CHANGE_PENALTY = 0.1


@wire("plan.Shiftable")
@dataclass(frozen=True, slots=True)
class Shiftable:
    """A programme that runs once, from one of some starts: an appliance.

    It cannot move by degrees, so the price that it moves for may change by its own moving, and rounds of prices need not
    end. So what a change of start must be worth doubles with each change of a session: whatever the prices do, after a
    few changes it stays where it is, and from then on it is a constant that the other elements settle around.

    Attributes:
        plan_kw: [T] planned power of the element.
        run_kw: what the programme draws, ISP by ISP from its start.
        starts: where it may begin, offsets into the T ISPs.
        planned: where the plan begins it.
        shift_ct: cost of beginning it an ISP earlier or later.
        hours: length of an interval.
        choice: the start of the last answer; None is the plan.
        reluctance_ct: what another start must be worth.
        price_up, price_down, turn_kw: [T] what energy costs, see `agents.planning.dispatch.prices`.
    """

    by_degrees: ClassVar[bool] = False
    element: str
    plan_kw: Floats
    run_kw: Floats
    starts: tuple[int, ...]
    planned: float
    shift_ct: float
    hours: float
    choice: int | None = None
    reluctance_ct: float = RELUCTANCE_CT
    price_up: Floats = field(default_factory=nothing)
    price_down: Floats = field(default_factory=nothing)
    turn_kw: Floats = field(default_factory=nothing)

    def alternatives(self) -> Iterator[tuple[int | None, Floats]]:
        """Every start with the deviation [T] that it means; None is the plan."""
        yield None, np.zeros(len(self.plan_kw))
        for start in self.starts:
            yield start, self._deviation(start)

    def _deviation(self, start: int) -> Floats:
        deviation = -self.plan_kw
        deviation[start : start + len(self.run_kw)] += self.run_kw
        return deviation

    def _ct(self, start: int | None, deviation_kw: Floats) -> float:
        if start is None:
            return 0.0
        energy_ct = price_cost(self.price_up, self.price_down, self.turn_kw, deviation_kw) * self.hours
        return self.shift_ct * abs(start - self.planned) + energy_ct

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """The deviation of the start that is best at the price behind the target, of all there are.

        It minimises cost + rho/2 |d - target|^2 + reluctance with, of rho/2 |d - last|^2 in it, no more than
        `CHANGE_PENALTY` allows; `last` is its last answer.
        """
        last_kw = np.zeros(len(self.plan_kw)) if self.choice is None else self._deviation(self.choice)
        pull_ct_per_kw, penalty = rho * (target_kw - last_kw), min(rho, CHANGE_PENALTY)

        def objective(alternative: tuple[int | None, Floats]) -> float:
            start, deviation = alternative
            off = deviation - last_kw
            reluctance = 0.0 if start == self.choice else self.reluctance_ct
            gained_ct = float(pull_ct_per_kw @ off) - penalty / 2 * float(off @ off)
            return self._ct(start, deviation) - gained_ct + reluctance

        return min(self.alternatives(), key=objective)[1]

    def cost(self, deviation_kw: Floats) -> float:
        """Cents that the start of `deviation_kw` costs its owner."""
        return self._ct(self._start(deviation_kw), deviation_kw)

    def after(self, answer_kw: Floats) -> Shiftable:
        """Begins where it answered; if that was a change, the next one has to be worth twice as much."""
        start = self._start(answer_kw)
        if start == self.choice:
            return self
        return replace(self, choice=start, reluctance_ct=2 * self.reluctance_ct)

    def _start(self, deviation_kw: Floats) -> int | None:
        """The alternative that is nearest to a deviation: the one it was made of."""
        return min(self.alternatives(), key=lambda other: float(np.abs(other[1] - deviation_kw).sum()))[0]


Flexibility = Curtailable | Storable | Shiftable
