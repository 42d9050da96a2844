"""Contract net (FIPA): each buyer in turn calls for proposals and accepts the cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

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
class ContractNet:
    """The first buyer takes what is cheapest, worth it or not to those after it; each pays what was proposed.

    Messages are FIPA's: a cfp to every seller, propose or refuse, accept or reject of each proposal, inform of each accepted.
    """

    name: ClassVar[str] = "contract-net"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.NO, Efficient.GREEDY, "Smith 1980; FIPA SC00029H"
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        sellers = np.flatnonzero(~bids.buys)
        sellers = sellers[np.argsort(bids.price_e4[sellers], kind="stable")].tolist()
        prices, left = bids.price_e4.tolist(), bids.quantity_wh.tolist()
        buyers = np.flatnonzero(bids.buys).tolist()
        trades: list[tuple[int, int, int, int]] = []
        messages = 0
        for buyer in buyers:
            proposing = [seller for seller in sellers if left[seller]]
            before = len(trades)
            for seller in proposing:
                if not left[buyer] or prices[seller] > prices[buyer]:
                    break
                traded = min(left[buyer], left[seller])
                left[buyer] -= traded
                left[seller] -= traded
                trades.append((buyer, seller, traded, prices[seller]))
            messages += 2 * len(sellers) + len(proposing) + len(trades) - before
        return by_pairs(bids, Pairs.of(trades), messages, max(len(buyers), 1))
