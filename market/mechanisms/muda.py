"""MUDA: the market is halved by lot, and each half trades at the other half's price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from market.mechanisms.bids import Bids
from market.mechanisms.lots import drawn
from market.mechanisms.mechanism import (
    PLAIN,
    Budget,
    Clearing,
    Efficient,
    Properties,
    Setting,
    Truthful,
    sealed,
)
from market.mechanisms.order_book import match
from market.mechanisms.posted_price import accepted


@dataclass(frozen=True, slots=True)
class Muda:
    """No bid moves the price that it trades at; the longer side of a half is served by lot.

    A half whose other half has only buyers or only sellers does not trade: there is no price. In large markets the two
    prices come together and little is lost.
    """

    name: ClassVar[str] = "muda"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED,
        Truthful.YES,
        Efficient.IN_LARGE_MARKETS,
        "Segal-Halevi, Hassidim and Aumann 2018, MUDA: a truthful multi-unit double auction (lottery)",
    )

    def clear(self, bids: Bids, setting: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        first = drawn(setting.seed, "half", bids.names) % 2 == 0
        turn = np.argsort(drawn(setting.seed, "turn", bids.names), kind="stable")
        quantity, amount = np.zeros(len(bids), dtype=np.int64), np.zeros(len(bids), dtype=np.int64)
        for half in (first, ~first):
            other = match(bids, ~half)
            if other.low_e4 is None or other.high_e4 is None:
                continue
            price = (other.low_e4 + other.high_e4) // 2
            traded = accepted(bids, price, turn[half[turn]])
            quantity += traded
            amount += traded * price
        return Clearing(bids, quantity, amount, sealed(bids))
