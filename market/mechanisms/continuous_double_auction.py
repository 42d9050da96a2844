"""Continuous double auction: bids arrive one by one and trade at once with the best that stands there, at its price."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import ClassVar

from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import (
    PLAIN,
    Budget,
    Clearing,
    Efficient,
    Pairs,
    Properties,
    Setting,
    Truthful,
    by_pairs,
)


@dataclass(frozen=True, slots=True)
class ContinuousDoubleAuction:
    """Price-time priority in the order of the bids; what cannot trade waits, so the book is never crossed."""

    name: ClassVar[str] = "continuous-double-auction"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.NO, Efficient.HIGH, "Smith 1962; Gode and Sunder 1993", procures=False
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        waiting_buyers: list[tuple[int, int]] = []  # (minus its price, place): the best first, of equals the earlier
        waiting_sellers: list[tuple[int, int]] = []
        left = bids.quantity_wh.tolist()
        trades: list[tuple[int, int, int, int]] = []
        for place, (buys, price) in enumerate(zip(bids.buys.tolist(), bids.price_e4.tolist(), strict=True)):
            others, own, sign = (waiting_sellers, waiting_buyers, -1) if buys else (waiting_buyers, waiting_sellers, 1)
            # Keys are prices by which the smallest is best: asks as they are, bids negated.
            while left[place] and others and others[0][0] <= -sign * price:
                key, other = others[0]
                traded = min(left[place], left[other])
                left[place] -= traded
                left[other] -= traded
                buyer, seller = (place, other) if buys else (other, place)
                trades.append((buyer, seller, traded, key if buys else -key))
                if not left[other]:
                    heappop(others)
            if left[place]:
                heappush(own, (sign * price, place))
        return by_pairs(bids, Pairs.of(trades), len(bids) + 2 * len(trades), max(len(bids), 1))
