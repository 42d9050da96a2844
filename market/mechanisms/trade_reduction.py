"""Trade reduction: the marginal buyer and the marginal seller do not trade, and set the prices for all others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
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
    sealed,
)
from market.mechanisms.order_book import Match, OrderedSide, match


@dataclass(frozen=True, slots=True)
class TradeReduction:
    """For bids of any size: buyers pay the marginal bid, sellers get the marginal ask, the longer side is rationed.

    The ration is in proportion to the quantities, whatever the prices, so no price helps anybody. With one buyer nothing
    is traded.
    """

    name: ClassVar[str] = "trade-reduction"
    properties: ClassVar[Properties] = Properties(
        Budget.SURPLUS,
        Truthful.YES,
        Efficient.LOSES_A_TRADE,
        "McAfee 1992; of several units: Huang, Scheller-Wolf and Sycara 2002",
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        return reduced(match(bids))


def reduced(found: Match) -> Clearing:
    """The efficient trades without the marginal buyer and seller."""
    bids = found.bids
    quantity, amount = np.zeros(len(bids), dtype=np.int64), np.zeros(len(bids), dtype=np.int64)
    if found.volume_wh:
        volume = min(_before_last(side) for side in (found.buyers, found.sellers))
        for side in (found.buyers, found.sellers):
            assert side.last is not None  # noqa: S101 - something is traded
            inside = np.sort(side.order[: side.last])  # in the order they came: no price moves a rounding
            quantity[inside] = rationed(bids.quantity_wh[inside], volume)
            amount[inside] = quantity[inside] * bids.price_e4[side.order[side.last]]
    return Clearing(bids, quantity, amount, sealed(bids))


def _before_last(side: OrderedSide) -> int:
    return int(side.reached_wh[side.last - 1]) if side.last else 0


def rationed(quantity_wh: Ints, volume_wh: int) -> Ints:
    """A volume in proportion to quantities, in whole units that add up to it; none gets more than its quantity."""
    total, reached, given = int(quantity_wh.sum()), 0, [0]
    for quantity in quantity_wh.tolist():
        reached += quantity
        given.append(reached * volume_wh // total)
    return np.array([after - before for before, after in pairwise(given)], dtype=np.int64)
