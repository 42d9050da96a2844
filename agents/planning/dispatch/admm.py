"""A virtual power plant's split of a request among its members: sharing ADMM with over-relaxation.

    min  sum_i f_i(d_i) + sum_t shortage_price * short_t
    s.t. low_t - short_t <= sum_i d_i,t <= high_t

Boyd et al. 2011, "Distributed Optimization and Statistical Learning via ADMM", section 7.3, with the averages scaled by
the number of flexible elements. Out goes a price-like signal, back comes each member's net profile: never its costs,
bounds or devices. The coordinator below is plain state and arithmetic; the messages are the roles' affair.

An element that can only do one thing or another (`Shiftable`) is no part of the mathematics: between its changes it is a
constant that shifts the band, so only elements that move by degrees are counted. It changes ever less readily, so there is
a last change, and from then on the theorem holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats

OVER_RELAXATION = 1.8
PENALTY = 0.3  # ct/kW^2, the first one: stiff, so that the first rounds find the request's size
MAX_ROUNDS = 100
TOLERANCE_KW = 0.01  # absolute, on the sum over all members
RELATIVE_TOLERANCE = 3e-4
PRICE_TOLERANCE = 2e-3  # relative change of what the request is worth, from round to round

# The penalty falls from its first value to a tenth over these rounds and then stays: a stiff start finds the request's
# size at once, a soft end lets stores shift energy between intervals freely (fewest rounds on portfolios of 5 to 60
# elements; residual balancing, Boyd et al. section 3.4.1, needs twice as many: it stiffens when it should soften).
SOFTENING_ROUNDS = 30
SOFTENING = 0.1


@wire("plan.Band")
@dataclass(frozen=True)
class Band:
    """What the sum of deviations must keep to: [T] kW; where `low_kw` > 0 or `high_kw` < 0 flexibility is requested."""

    low_kw: Floats
    high_kw: Floats
    shortage_price: float  # ct/kWh of request not met; above every member's price, so that shortage is the last resort
    hours: float

    @cached_property
    def tightened(self) -> Band:
        """Asks for a tolerance more than is needed: what is still missing when the rounds end is then no shortage."""
        asked = np.where(self.low_kw > 0, self.low_kw, np.where(self.high_kw < 0, self.high_kw, 0.0))
        more = (TOLERANCE_KW + RELATIVE_TOLERANCE * np.abs(asked)) * np.sign(asked)
        more = np.clip(more, -(self.high_kw - self.low_kw) / 2, (self.high_kw - self.low_kw) / 2)
        low = np.where(asked > 0, self.low_kw + more, self.low_kw)
        return replace(self, low_kw=low, high_kw=np.where(asked < 0, self.high_kw + more, self.high_kw))


@wire("plan.Coordination")
@dataclass(frozen=True, slots=True)
class Coordination:
    """The coordinator's state between two rounds.

    Attributes:
        elements: number of flexible elements behind the members' answers, without those that do not move by degrees.
        shared_kw: [T] z, the share of the sum per element that keeps to the band.
        dual: [T] u, the scaled price.
        total_kw: [T] sum of the last answers.
        residuals: (primal, dual) of each round, kW on the sum.
        coarseness: factor on all tolerances: a correction made every few minutes need not be exact to a watt.
    """

    band: Band
    rho: float
    elements: int
    shared_kw: Floats
    dual: Floats
    total_kw: Floats
    rounds: int = 0
    residuals: tuple[tuple[float, float], ...] = ()
    done: bool = False
    coarseness: float = 1.0

    @property
    def signal_kw(self) -> Floats:
        """[T] what goes out: each element subtracts it from its last deviation to get its new target."""
        return self.total_kw / max(self.elements, 1) - self.shared_kw + self.dual

    @property
    def price(self) -> Floats:
        """[T] the shadow price of the band, ct/kWh (+ = consuming more is worth this much)."""
        return -self.rho * self.dual / self.band.hours


def open_coordination(band: Band, elements: int, rho: float, coarseness: float = 1.0) -> Coordination:
    """Start from no deviation at all."""
    zero = np.zeros(len(band.low_kw))
    return Coordination(band, rho, elements, zero, zero, zero, coarseness=coarseness)


def absorb(state: Coordination, total_kw: Floats) -> Coordination:
    """One round: take the sum of the members' answers, update the shared profile and the price."""
    count = max(state.elements, 1)
    mean = total_kw / count
    relaxed = OVER_RELAXATION * mean + (1 - OVER_RELAXATION) * state.shared_kw
    shared = _project(state.band.tightened, (relaxed + state.dual) * count, state.rho / count) / count
    dual = state.dual + relaxed - shared
    primal = float(np.abs(mean - shared).max()) * count
    change = float(np.abs(shared - state.shared_kw).max()) * count
    # How far the price moved, weighed by the power it moves: what is still to be won by going on.
    worth = float(np.abs(dual) @ np.abs(shared))
    moved = float(np.abs(dual - state.dual) @ np.abs(shared))
    allowed = state.coarseness * (TOLERANCE_KW + RELATIVE_TOLERANCE * float(np.abs(total_kw).max()))
    rounds = state.rounds + 1
    met = primal <= allowed and change <= allowed and moved <= state.coarseness * PRICE_TOLERANCE * worth
    rho = _penalty(state.rho, rounds)
    return replace(
        state,
        rho=rho,
        shared_kw=shared,
        dual=dual * (state.rho / rho),  # the price itself, rho times dual, stays what it is
        total_kw=total_kw,
        rounds=rounds,
        residuals=(*state.residuals, (primal, change)),
        done=(met and rounds > 1) or rounds >= MAX_ROUNDS,
    )


def _penalty(rho: float, rounds: int) -> float:
    """The penalty of the next round; constant in the end, so that ADMM's convergence theorem holds."""
    return rho * SOFTENING ** (1 / SOFTENING_ROUNDS) if rounds < SOFTENING_ROUNDS else rho


def _project(band: Band, wished_kw: Floats, rho: float) -> Floats:
    """argmin of shortage cost + rho/2 |z - wished|^2 with z <= high where nothing is requested downwards, and so on.

    Above `low` (and below `high`) z is free; short of a requested bound it costs the shortage price; a bound that is
    merely room left (low <= 0 or high >= 0) is hard.
    """
    step = band.shortage_price * band.hours / rho
    low_side = np.where(band.low_kw > 0, np.minimum(wished_kw + step, band.low_kw), band.low_kw)
    high_side = np.where(band.high_kw < 0, np.maximum(wished_kw - step, band.high_kw), band.high_kw)
    result = np.where(wished_kw < band.low_kw, low_side, wished_kw)
    return np.where(result > band.high_kw, high_side, result)


def shortage_kw(band: Band, total_kw: Floats) -> Floats:
    """[T] how much of the request `total_kw` leaves unmet."""
    short_up = np.where(band.low_kw > 0, np.maximum(band.low_kw - total_kw, 0), 0.0)
    short_down = np.where(band.high_kw < 0, np.maximum(total_kw - band.high_kw, 0), 0.0)
    return short_up + short_down
