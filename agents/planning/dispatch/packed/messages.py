"""What is asked of hosts and what they answer: prices out, sums back, never a single member's data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("plan.PriceAsked")
@dataclass(frozen=True, slots=True)
class PriceAsked:
    """What a host is asked: the sum of its members' best responses to a price [T], ct/kWh.

    Attributes:
        number: of the round.
        sample: of so many members only, 0 is all.
        sensitive: whether the answer carries the summed sensitivity.
    """

    number: int
    price_ct_per_kwh: Floats
    sample: int = 0
    sensitive: bool = True


@wire("plan.SumAnswer")
@dataclass(frozen=True, slots=True)
class SumAnswer:
    """What a host answers: sums over its members, or its sample.

    Attributes:
        number: of the round that is answered.
        members: how many answered or hold a promise.
        total_kw: [T] net power, promises of the silent among it.
        expected_kw: [T] what it would about be if nobody had been silent.
        cost_ct: their own costs.
        least_ct: at most the least sum of cost plus price that they have at the price.
        slope: [T * T] -d total_kw / d price, kW per ct/kWh, row by row; empty where it was not asked for.
    """

    number: int
    members: int
    total_kw: Floats
    expected_kw: Floats
    cost_ct: float
    least_ct: float
    slope: Floats


@wire("plan.ApproachAsked")
@dataclass(frozen=True, slots=True)
class ApproachAsked:
    """One ADMM round.

    Attributes:
        shift_kw: [T] by how much all devices' shares of the sum are less than their last (relaxed) powers.
        dual_kw: [T] the scaled price.
        rho: the penalty, ct/kW^2 per interval.
        price_ct_per_kwh: [T] for which the least of cost plus price is told; in round 0 it is all that is answered, and the
            answers are where round 1 starts from.
        sample: of so many members only, 0 is all.
    """

    number: int
    shift_kw: Floats
    dual_kw: Floats
    rho: float
    relaxation: float
    price_ct_per_kwh: Floats
    sample: int = 0


@wire("plan.ApproachAnswer")
@dataclass(frozen=True, slots=True)
class ApproachAnswer:
    """Sums of an ADMM round: net power [T], of which load less available PV power; `devices` is how many can move."""

    number: int
    members: int
    devices: int
    total_kw: Floats
    fixed_kw: Floats
    cost_ct: float
    least_ct: float


class Host(Protocol):
    """Who holds members and tells sums: here, in another process, or an aggregator below."""

    def size(self) -> int:
        """How many members there are."""
        ...

    def ask(self, asked: PriceAsked) -> Callable[[], SumAnswer]:
        """Ask for the sums of the best responses to a price; the result waits for them."""
        ...

    def approach(self, asked: ApproachAsked) -> Callable[[], ApproachAnswer]:
        """Ask for the sums of an ADMM round; the result waits for them."""
        ...
