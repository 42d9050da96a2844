"""A pool that bids as one: who is called, and how what it is paid and fined falls on those who were, to the last unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.uftp import FlexOrderSettlement


@wire("market.PoolPlace")
class PoolPlace(NamedTuple):
    """A seller of the pool (an agent), and the congestion point at which it would move power."""

    seller: str
    congestion_point: str


@dataclass(frozen=True, slots=True)
class PoolStep:
    """So many watts (a magnitude) of a place, at a premium per kWh."""

    place: PoolPlace
    power_w: int
    premium_e4_per_kwh: int


def bid_curve(steps: Sequence[PoolStep], smallest_w: int) -> tuple[tuple[int, int], ...]:
    """(watts, premium) of the pool's bids, the cheapest first: steps are put together until a bid has `smallest_w`, at the
    premium of the dearest in it; what is left over at the end is not bid.
    """
    found, power_w = list[tuple[int, int]](), 0
    for step in sorted(steps, key=lambda step: (step.premium_e4_per_kwh, step.place)):
        power_w += step.power_w
        if power_w >= smallest_w:
            found.append((power_w, step.premium_e4_per_kwh))
            power_w = 0
    return tuple(found)


def risk_e4_per_kwh(error_w: float, bid_w: int, penalty_e4_per_kwh: int) -> int:
    """What a bid of so many watts is fined on average, per kWh called, because the nomination is off by `error_w` on average.

    Half of an error that falls either way alike is missing, whatever was called; rounded up.
    """
    return ceil(penalty_e4_per_kwh * error_w / 2 / bid_w)


def called(steps: Sequence[PoolStep], power_w: int) -> dict[PoolPlace, int]:
    """Who gives how many of so many watts, the cheapest first, at one price by the order of places.

    Raises:
        BadInput: all of them together give less.
    """
    left, found = power_w, dict[PoolPlace, int]()
    for step in sorted(steps, key=lambda step: (step.premium_e4_per_kwh, step.place)):
        taken = min(step.power_w, left)
        if taken:
            found[step.place], left = found.get(step.place, 0) + taken, left - taken
    if left:
        raise BadInput(f"power_w: {power_w} W; the pool gives {power_w - left} W")
    return found


def divided(amount: int, shares: Sequence[int]) -> tuple[int, ...]:
    """A whole amount pro rata to `shares`, in whole units that add up to it; what is left over goes to the largest remainders,
    of equal ones to the first.

    Raises:
        BadInput: no share is above 0, or one is below.
    """
    whole = sum(shares)
    if min(shares, default=-1) < 0 or not whole:
        raise BadInput(f"shares: {list(shares)}; expected none below 0 and one above")
    sign = 1 if amount >= 0 else -1
    parts = [abs(amount) * share // whole for share in shares]
    rest = [abs(amount) * share % whole for share in shares]
    for number in sorted(range(len(shares)), key=lambda n: (-rest[n], n))[: abs(amount) - sum(parts)]:
        parts[number] += 1
    return tuple(sign * part for part in parts)


def shared(settled: FlexOrderSettlement, shares_w: Mapping[PoolPlace, int]) -> dict[PoolPlace, FlexOrderSettlement]:
    """The pool's settlement of an order as it falls on its sellers, pro rata to what each was called for.

    The pool is metered as a whole, so baseline and meter of a seller's part are no readings: its part of what was delivered
    stands for the meter, on a baseline of 0.
    """
    places = sorted(shares_w)
    weights = [shares_w[place] for place in places]
    prices, penalties = divided(settled.price, weights), divided(settled.penalty, weights)
    columns = [
        (
            divided(isp.ordered_flex_power_w, weights),
            divided(isp.delivered_flex_power_w, weights),
            divided(isp.power_deficiency_w, weights),
        )
        for isp in settled.isps
    ]
    found = {}
    for number, place in enumerate(places):
        isps = tuple(
            replace(
                isp,
                baseline_power_w=0,
                ordered_flex_power_w=ordered[number],
                actual_power_w=delivered[number],
                delivered_flex_power_w=delivered[number],
                power_deficiency_w=missing[number],
                counted_power_w=None,
            )
            for isp, (ordered, delivered, missing) in zip(settled.isps, columns, strict=True)
        )
        found[place] = replace(
            settled,
            congestion_point=place.congestion_point,
            order_reference=f"{settled.order_reference}/{place.seller}/{place.congestion_point}",
            isps=isps,
            price=prices[number],
            penalty=penalties[number],
            net_settlement=prices[number] - penalties[number],
            contract_id=None,
        )
    return found
