"""Pay-as-bid: the efficient trades, every seller at its own ask, paid by the buyer it is matched with."""

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
    sealed,
)
from market.mechanisms.order_book import match, paired_at


@dataclass(frozen=True, slots=True)
class PayAsBid:
    """A seller that asks its cost earns nothing, so it will ask what it believes the last one asks."""

    name: ClassVar[str] = "pay-as-bid"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.NO, Efficient.IF_TRUTHFUL, "Krishna 2010, Auction Theory, ch. 12", procures=True
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        return by_pairs(bids, paired_at(bids, match(bids).quantity_wh, 0.0), sealed(bids))
