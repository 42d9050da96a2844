"""One quarter-hour's balancing energy: the cheapest bids that cover what the system needs, all at the price of the dearest.

A price here is a *premium*: what is paid beside the day-ahead price of the energy itself, ten-thousandths of the currency unit
per kWh, >= 0, in both directions. So an activation upwards is worth the day-ahead price plus the premium to who gives it, one
downwards costs it the day-ahead price less the premium.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cim.codec.codec import wire
from cim.model.errors import BadInput

E4_PER_KWH_OF_EUR_PER_MWH = 10


@wire("market.BalancingBid")
@dataclass(frozen=True, slots=True)
class BalancingBid:
    """Balancing energy for one quarter-hour.

    Attributes:
        reference: unique among the bids of a clearing.
        more: True: more consumption or less generation (the system is long, "downward"); False: less ("upward").
        power_w: the most, a magnitude.
        premium_e4_per_kwh: the least that it wants.
        activation_s: how long its full activation takes.
        least_w: the least of it that may be called; `power_w` where it is not divisible.
    """

    reference: str
    more: bool
    power_w: int
    premium_e4_per_kwh: int
    activation_s: int
    least_w: int = 0

    @property
    def divisible(self) -> bool:
        """Whether part of it may be called."""
        return self.least_w < self.power_w


@wire("market.LadderStep")
@dataclass(frozen=True, slots=True)
class LadderStep:
    """So much of others' bids at a premium, in each direction; all of it divisible."""

    power_w: int
    premium_e4_per_kwh: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """What comes of a quarter-hour.

    Attributes:
        premium_e4_per_kwh: of all that is accepted: the dearest accepted one's; None: nothing is.
        accepted_w: bid -> watts, a magnitude; bids of which nothing is accepted are left out.
        uncovered_w: what nobody gives.
    """

    premium_e4_per_kwh: int | None
    accepted_w: dict[str, int]
    uncovered_w: int


def clear(need_w: int, bids: Iterable[BalancingBid], others: Sequence[LadderStep] = ()) -> Cleared:
    """Accept in the order of premiums what covers the need.

    Of one premium the others come first, then bids by their references. A bid of which less than its least would be called is
    passed over, even where a dearer one is then accepted.

    Args:
        need_w: + = more consumption is needed, the system is long; 0: nothing.
        others: what anybody else offers, in either direction.

    Raises:
        BadInput: a reference stands twice, or a bid is below 0.
    """
    mine = [bid for bid in bids if bid.more == (need_w > 0)]
    references = [bid.reference for bid in mine]
    if len(set(references)) < len(references):
        raise BadInput(f"bids: a reference stands twice in {', '.join(references)}; expected each once")
    wrong = next((bid for bid in mine if min(bid.power_w, bid.premium_e4_per_kwh, bid.least_w) < 0), None)
    if wrong is not None:
        raise BadInput(
            f"bid {wrong.reference}: {wrong.power_w} W at {wrong.premium_e4_per_kwh}; expected nothing below 0"
        )
    order = [(step.premium_e4_per_kwh, 0, "", step.power_w, 0) for step in others]
    order += [(bid.premium_e4_per_kwh, 1, bid.reference, bid.power_w, bid.least_w) for bid in mine]
    left, premium, accepted = abs(need_w), None, dict[str, int]()
    for price, _, reference, power_w, least_w in sorted(order):
        taken = min(power_w, left)
        if not taken or taken < least_w:
            continue
        left, premium = left - taken, price
        if reference:
            accepted[reference] = taken
    return Cleared(premium, accepted, left)
