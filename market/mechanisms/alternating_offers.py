"""Alternating offers (Rubinstein): buyer and seller who suit each other agree at once on the equilibrium's share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import (
    PLAIN,
    Budget,
    Clearing,
    Efficient,
    Properties,
    Setting,
    Truthful,
    by_pairs,
)
from market.mechanisms.order_book import match, paired_at
from market.negotiation.concession import Side, rubinstein_share


@dataclass(frozen=True, slots=True)
class AlternatingOffers:
    """Each efficient pair splits what it gains; both know each other's limits and how patient the other is.

    Attributes:
        delta_buyer, delta_seller: what a share is worth to them one offer later, in (0, 1).
        first: who makes the first offer.
    """

    delta_buyer: float = 0.9
    delta_seller: float = 0.9
    first: Side = Side.SELLER
    name: ClassVar[str] = "alternating-offers"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.COMPLETE_INFORMATION, Efficient.YES, "Rubinstein 1982"
    )

    @property
    def share_of_seller(self) -> float:
        """What the seller gets of a pair's gain."""
        if self.first is Side.SELLER:
            return rubinstein_share(self.delta_seller, self.delta_buyer)
        return 1 - rubinstein_share(self.delta_buyer, self.delta_seller)

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        pairs = paired_at(bids, match(bids).quantity_wh, self.share_of_seller)
        return by_pairs(bids, pairs, 2 * len(pairs))
