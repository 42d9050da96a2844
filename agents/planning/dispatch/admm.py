"""A virtual power plant's split of a request among its members: sharing ADMM with over-relaxation.

    min  sum_i f_i(d_i) + sum_t shortage_price * short_t
    s.t. low_t - short_t <= sum_i d_i,t <= high_t

Boyd et al. 2011, "Distributed Optimization and Statistical Learning via ADMM", section 7.3, with the averages scaled by
the number of flexible elements. Out goes a price-like signal, back comes each member's net profile: never its costs,
bounds or devices. The coordinator below is plain state and arithmetic; the messages are the roles' affair.

An element that can only do one thing or another (`Shiftable`) is no part of the mathematics: between its changes it is a
constant that shifts the band, so only elements that move by degrees are counted. It changes ever less readily, so there is
a last change, and from then on the theorem holds.

Rounds that do not converge in time are polished: the penalty stiffens and the price stands still but for what the sum
misses, until the members' sum keeps to the band; if it never does, all answer with a share of what they last did, which
does. What a session ends with is always a sum of answers that the members gave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats

OVER_RELAXATION = 1.8
PENALTY = 0.3  # ct/kW^2, the first one: stiff, so that the first rounds find the request's size
MAX_ROUNDS = 100
TOLERANCE_KW = 0.01  # absolute, on the sum over all members
RELATIVE_TOLERANCE = 3e-4
# Ten watts in each of many ISPs are worth as much as a request of half a kilowatt in one: of what is small, less is left.
SMALL_TOLERANCE = 5e-3  # of the largest power that moves, where that is less than TOLERANCE_KW
LEAST_TOLERANCE_KW = 0.002
PRICE_TOLERANCE = 5e-3  # of what the request is worth: how much a round may still change it
PRICE_TOLERANCE_CT = 0.03

# The penalty falls from its first value to a tenth over these rounds: a stiff start finds the request's size at once, a
# soft end lets stores shift energy between intervals freely.
SOFTENING_ROUNDS = 30
SOFTENING = 0.1
# Where tariffs make costs jump, the answers stand still until the price has climbed to the next jump, which a soft penalty
# takes hundreds of rounds for. So what is missing beside answers that move far less stiffens the penalty. There is a
# stiffest one, so in the end it is constant, as ADMM's convergence theorem wants it. (Residual balancing both ways, Boyd
# et al. section 3.4.1, softens again at the jump and runs in circles.)
STIFFENING = 1.5
STUCK = 5.0
STUCK_FROM = 5
STIFFEST = 3.0
# A round moves the price by the penalty times what is missing: of half a kilowatt that is little, and the price of the next
# jump is out of reach in a hundred rounds. So for a smaller request than this over STIFFEST the stiffest is stiffer.
STIFFEST_CT_PER_KW = 10.0  # times the largest power that is asked for

POLISHING_ROUNDS = 20
POLISHING_PENALTY = 30.0
POLISHED = (
    5.0  # times the tolerance by which a polished sum may go beyond its room: tens of watts at a congestion point
)
RIGID = 1e3  # penalty of an answer that is only to be the nearest that can be done


@wire("plan.Outcome")
class Outcome(StrEnum):
    """How a split ended."""

    CONVERGED = "converged"
    POLISHED = "polished"  # within the band, though its price had not come to rest
    FAILED = "failed"  # no answers were found that keep to the band: nothing is offered


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
        """Asks for a tolerance more than is needed, and leaves a tolerance less room where there is room.

        So what is still missing when the rounds end is no shortage, and no breach.
        """
        low, high = self.low_kw, self.high_kw
        half = (high - low) / 2
        more = np.minimum(TOLERANCE_KW + RELATIVE_TOLERANCE * np.abs(self.asked_kw), half)
        least = np.where(low > 0, low + more, np.minimum(low + TOLERANCE_KW, 0.0))
        most = np.where(high < 0, high - more, np.maximum(high - TOLERANCE_KW, 0.0))
        return replace(
            self,
            low_kw=np.where(high < 0, np.minimum(low, most), least),
            high_kw=np.where(low > 0, np.maximum(high, least), most),
        )

    @property
    def asked_kw(self) -> Floats:
        """[T] what is requested; 0 where there is only room."""
        return np.where(self.low_kw > 0, self.low_kw, np.where(self.high_kw < 0, self.high_kw, 0.0))

    @cached_property
    def stiffest(self) -> float:
        """ct/kW^2, up to which answers that stand still stiffen the penalty; never beyond that of polishing."""
        asked = float(np.abs(self.asked_kw).max(initial=0.0))
        return max(STIFFEST, min(STIFFEST_CT_PER_KW / asked, POLISHING_PENALTY)) if asked else STIFFEST

    def breach_kw(self, total_kw: Floats) -> Floats:
        """[T] signed: how far a sum goes beyond the bounds that are no request; + above, - below."""
        over = np.where(self.high_kw >= 0, np.maximum(total_kw - self.high_kw, 0.0), 0.0)
        under = np.where(self.low_kw <= 0, np.maximum(self.low_kw - total_kw, 0.0), 0.0)
        return over - under

    def share_within(self, total_kw: Floats) -> float:
        """The largest share (0 to 1) of a sum that keeps to the bounds that are no request, but for what is allowed."""
        allowed = allowed_beyond_kw(total_kw)
        with np.errstate(divide="ignore", invalid="ignore"):
            over = np.where((total_kw > 0) & (self.high_kw >= 0), (self.high_kw + allowed) / total_kw, 1.0)
            under = np.where((total_kw < 0) & (self.low_kw <= 0), (self.low_kw - allowed) / total_kw, 1.0)
        return float(np.minimum(np.minimum(over, under), 1.0).min(initial=1.0))


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
        polishing: the rounds for finding the price are over.
        share: from which part of its last deviation each element starts the next answer.
    """

    band: Band
    rho: float
    elements: int
    shared_kw: Floats
    dual: Floats
    total_kw: Floats
    rounds: int = 0
    residuals: tuple[tuple[float, float], ...] = ()
    polishing: bool = False
    share: float = 1.0
    outcome: Outcome | None = None

    @property
    def done(self) -> bool:
        """Whether there is no further round."""
        return self.outcome is not None

    @property
    def signal_kw(self) -> Floats:
        """[T] what goes out: each element subtracts it from (its share of) its last deviation to get its new target."""
        if self.share < 1:
            return np.zeros(len(self.dual))
        return self.total_kw / max(self.elements, 1) - self.shared_kw + self.dual

    @property
    def price(self) -> Floats:
        """[T] the shadow price of the band, ct/kWh (+ = consuming more is worth this much)."""
        return -self.rho * self.dual / self.band.hours


def open_coordination(band: Band, elements: int, rho: float) -> Coordination:
    """Start from no deviation at all."""
    zero = np.zeros(len(band.low_kw))
    return Coordination(band, rho, elements, zero, zero, zero)


def absorb(state: Coordination, total_kw: Floats) -> Coordination:
    """One round: take the sum of the members' answers, update the shared profile and the price."""
    allowed = allowed_kw(total_kw)
    if state.share < 1:
        beyond = float(np.abs(state.band.breach_kw(total_kw)).max(initial=0.0))
        kept = beyond <= (1 + 1 / POLISHED) * allowed_beyond_kw(
            state.total_kw
        )  # of the sum that the share was chosen for
        outcome = Outcome.POLISHED if kept else Outcome.FAILED
        return replace(state, total_kw=total_kw, rounds=state.rounds + 1, outcome=outcome)
    count = max(state.elements, 1)
    mean = total_kw / count
    relaxed = OVER_RELAXATION * mean + (1 - OVER_RELAXATION) * state.shared_kw
    shared = _project(state.band.tightened, (relaxed + state.dual) * count, state.rho / count) / count
    dual = state.dual + relaxed - shared
    primal = float(np.abs(mean - shared).max(initial=0.0)) * count
    change = float(np.abs(shared - state.shared_kw).max(initial=0.0)) * count
    # How far the price moved, and how far the shared profile moved at it, weighed by power: what there is to win, ct.
    worth = state.rho * count * np.abs(np.stack([dual, dual - state.dual, shared - state.shared_kw])) @ np.abs(shared)
    at_rest = float(worth[1:].max()) <= PRICE_TOLERANCE * float(worth[0]) + PRICE_TOLERANCE_CT
    agreed = primal <= allowed
    moved = replace(
        state,
        shared_kw=shared,
        dual=dual,
        total_kw=total_kw,
        rounds=state.rounds + 1,
        residuals=(*state.residuals, (primal, change)),
    )
    if state.polishing:
        return _polished(moved, agreed)
    if agreed and change <= allowed and at_rest and state.rounds:
        return replace(moved, outcome=Outcome.CONVERGED)
    if moved.rounds >= MAX_ROUNDS:
        stiff = _with_penalty(replace(moved, polishing=True), max(state.rho, POLISHING_PENALTY))
        return replace(stiff, outcome=Outcome.POLISHED) if agreed else stiff
    still = primal > STUCK * max(change, float(np.abs(total_kw - state.total_kw).max(initial=0.0)))
    if not agreed and still and moved.rounds >= STUCK_FROM:
        return _with_penalty(moved, max(min(state.rho * STIFFENING, state.band.stiffest), state.rho))
    return _with_penalty(moved, _softened(state.rho, moved.rounds))


def allowed_kw(total_kw: Floats) -> float:
    """How far a sum may be from where it should be."""
    largest = float(np.abs(total_kw).max(initial=0.0))
    return min(max(SMALL_TOLERANCE * largest, LEAST_TOLERANCE_KW), TOLERANCE_KW) + RELATIVE_TOLERANCE * largest


def allowed_beyond_kw(total_kw: Floats) -> float:
    """How far a polished sum may go beyond its room."""
    return POLISHED * (TOLERANCE_KW + RELATIVE_TOLERANCE * float(np.abs(total_kw).max(initial=0.0)))


def _polished(state: Coordination, agreed: bool) -> Coordination:
    """After a polishing round: done where the sum keeps to the band; after the last one, all do a share."""
    if agreed:
        return replace(state, outcome=Outcome.POLISHED)
    if state.rounds < MAX_ROUNDS + POLISHING_ROUNDS:
        return state
    share = state.band.share_within(state.total_kw)
    if share >= 1:
        return replace(state, outcome=Outcome.POLISHED)
    return replace(state, rho=RIGID, share=share)


def _softened(rho: float, rounds: int) -> float:
    """The penalty of the next round."""
    return rho * SOFTENING ** (1 / SOFTENING_ROUNDS) if rounds < SOFTENING_ROUNDS else rho


def _with_penalty(state: Coordination, rho: float) -> Coordination:
    """Another penalty at the same price, which is rho times dual."""
    return replace(state, rho=rho, dual=state.dual * (state.rho / rho))


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
