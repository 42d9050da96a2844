"""Uniform price (k-double auction): the efficient trades, all at one price between the marginal ask and bid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cim.model.errors import BadInput
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
    sealed,
)
from market.mechanisms.order_book import match


@dataclass(frozen=True, slots=True)
class UniformPrice:
    """Everybody trades at low + k (high - low) of the prices that clear the market, rounded down.

    Attributes:
        k_pct: k in percent: 0 is the sellers' marginal price, 100 the buyers'.
    """

    k_pct: int = 50
    name: ClassVar[str] = "uniform-price"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.NO, Efficient.IF_TRUTHFUL, "Chatterjee and Samuelson 1983", procures=True
    )

    def __post_init__(self) -> None:
        if not 0 <= self.k_pct <= 100:
            raise BadInput(f"k_pct: {self.k_pct}; expected 0 to 100")

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        found = match(bids)
        if found.low_e4 is None or found.high_e4 is None or not found.volume_wh:
            return at_one_price(bids, np.zeros(len(bids), dtype=np.int64), 0, sealed(bids))
        price = found.low_e4 + (found.high_e4 - found.low_e4) * self.k_pct // 100
        return at_one_price(bids, found.quantity_wh, price, sealed(bids))
