"""Balancing energy: what the DSO, aggregators, the ILES manager and the TSO tell each other of it.

The clock of a quarter-hour, from its beginning back: aggregators offer to the pool `OFFERED` before the gate, the pool bids
`POOLED` before it, the TSO clears at the gate and calls at once, with its full activation time to spare.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from agents.planning.balancing.offers import BalancingStep
from cim.codec.codec import wire
from market.balancing.clearing import BalancingBid
from market.balancing.pool import PoolPlace
from market.uftp import FlexOrder, Header

OFFERED, POOLED = timedelta(minutes=4), timedelta(minutes=2)  # before the TSO's gate
ORDERED = "balancing-order"  # the kind of the TSO's record of a call (`BalancingOrdered`)
CALLED = "balancing-call"  # the kind of the pool's record of who was called for it (`PoolCalled`)


@wire("balancing.PointRoom")
@dataclass(frozen=True, slots=True)
class PointRoom:
    """The DSO leaves a seller's portfolio at a congestion point so much room to move on a day beside what is expected.

    Attributes:
        down_w, up_w: [T] watts, <= 0 and >= 0; 0 where a limit is near or flexibility is needed.
    """

    congestion_point: str
    period: date
    down_w: tuple[int, ...]
    up_w: tuple[int, ...]


@wire("balancing.PoolOffer")
@dataclass(frozen=True, slots=True)
class PoolOffer:
    """What an aggregator's portfolio at a congestion point is expected to draw in an ISP, and what it offers to move it by."""

    congestion_point: str
    period: date
    isp: int
    expected_w: int
    steps: tuple[BalancingStep, ...]


@wire("balancing.BalancingBids")
@dataclass(frozen=True, slots=True)
class BalancingBids:
    """The pool's bids for a quarter-hour, and what it will draw at its meter if nothing is called (its nomination)."""

    period: date
    isp: int
    nomination_w: int
    bids: tuple[BalancingBid, ...]


@wire("balancing.BalancingOrdered")
@dataclass(frozen=True, slots=True)
class BalancingOrdered:
    """The TSO calls balancing energy; recorded as it is.

    Attributes:
        order: its price is the premium for all of it.
        nomination_w: against which delivery is metered.
        accepted_w: of which bids, (reference, watts).
    """

    order: FlexOrder
    nomination_w: int
    premium_e4_per_kwh: int
    accepted_w: tuple[tuple[str, int], ...]

    @property
    def header(self) -> Header:
        """Of its order: whom the record is about."""
        return self.order.header


@wire("balancing.BalancingCalled")
@dataclass(frozen=True, slots=True)
class BalancingCalled:
    """The pool has an aggregator move its portfolio at a congestion point in an ISP by so many watts, + = more consumption."""

    order_reference: str
    congestion_point: str
    period: date
    isp: int
    power_w: int
    premium_e4_per_kwh: int


@wire("balancing.PoolCalled")
@dataclass(frozen=True, slots=True)
class PoolCalled:
    """Who was called for an order of the TSO, watts (magnitudes): by these shares it is paid and fined."""

    order_reference: str
    shares_w: tuple[tuple[PoolPlace, int], ...]
