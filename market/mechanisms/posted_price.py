"""Posted price: a price that no bid has any influence on; who accepts it trades, first come, first served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cim.model.arrays import Ints
from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import (
    PLAIN,
    Budget,
    Clearing,
    Efficient,
    Properties,
    Setting,
    Truthful,
    at_one_price,
)
from market.mechanisms.order_book import served


@dataclass(frozen=True, slots=True)
class PostedPrice:
    """Take it or leave it.

    Attributes:
        price_e4_per_kwh: known before anybody bids.
    """

    price_e4_per_kwh: int = 1000
    name: ClassVar[str] = "posted-price"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.YES, Efficient.NO, "Hagerty and Rogerson 1987", procures=True
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        quantity = accepted(bids, self.price_e4_per_kwh, np.arange(len(bids)))
        # The price to all, an answer of each, and to those who accepted what became of it.
        price = self.price_e4_per_kwh
        accepts = np.where(bids.buys, bids.price_e4 >= price, bids.price_e4 <= price)
        return at_one_price(bids, quantity, price, 2 * len(bids) + int(accepts.sum()))


def accepted(bids: Bids, price_e4: int, turn: Ints) -> Ints:
    """[n] what is traded at a price by those who accept it; the longer side is served in the order `turn` of places."""
    buyers = turn[bids.buys[turn] & (bids.price_e4[turn] >= price_e4)]
    sellers = turn[~bids.buys[turn] & (bids.price_e4[turn] <= price_e4)]
    quantity = np.zeros(len(bids), dtype=np.int64)
    volume = min(int(bids.quantity_wh[side].sum()) for side in (buyers, sellers))
    for side in (buyers, sellers):
        quantity[side] = served(bids.quantity_wh[side], volume)
    return quantity
