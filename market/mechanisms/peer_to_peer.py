"""Bilateral peer-to-peer ADMM: every pair agrees on its trade and its price; nobody stands between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cim.model.arrays import Floats, Ints
from market.mechanisms.bids import Bids
from market.mechanisms.convex import Scaled
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

_RELAXED = 1.6


@dataclass(frozen=True, eq=False)
class Traders:
    """One side: marginal costs price + slope * (sum of its trades), which is at most `most`; [n] each.

    Buyers' prices are the negative of what a unit is worth to them.
    """

    price: Floats
    slope: Floats
    most: Floats

    def answer(self, target: Floats, rho: float) -> Floats:
        """[n, m] the trades >= 0 that minimise each one's costs + rho / 2 |trades - target|^2, exactly.

        Trades are what is left of the targets above a level; with k of them in use the level follows from their sum.
        """
        ordered = -np.sort(-target, axis=1)
        used = np.arange(1, target.shape[1] + 1)
        reached = np.cumsum(ordered, axis=1)
        price, slope, most = self.price[:, None], self.slope[:, None], self.most[:, None]
        total = np.maximum((reached - used * price / rho) / (1 + used * slope / rho), 0.0)
        level = np.where(total < most, (price + slope * total) / rho, (reached - most) / used)
        # As many are in use as lie above the level that they themselves lead to.
        count = np.maximum((ordered > level).sum(axis=1), 1) - 1
        trades: Floats = np.maximum(target - level[np.arange(len(level)), count][:, None], 0.0)
        return trades


@dataclass(frozen=True, eq=False)
class Agreement:
    """What pairs came to, [buyers, sellers]: the trade as each side sees it, and the price between them."""

    bought: Floats
    sold: Floats
    price: Floats
    rounds: int


def agree(buyers: Traders, sellers: Traders, rho: float = 1.0, rounds: int = 300, tolerance: float = 2e-3) -> Agreement:
    """Least costs over all pairs, by consensus ADMM on each pair's trade (Baroche et al. 2019, Moret and Pinson 2019).

    Each pair keeps two copies of its trade, the buyer's and the seller's, and a price that moves by their difference.

    Args:
        buyers, sellers: in units in which quantities and prices are about 1.
        rho: step size.
        rounds: at most.
        tolerance: of the copies' difference and of the change from round to round.
    """
    sold = np.zeros((len(buyers.price), len(sellers.price)))
    pull = np.zeros_like(sold)
    bought, done = sold, 0
    for done in range(1, rounds + 1):  # noqa: B007 - how many it took is told
        bought = buyers.answer(sold - pull, rho)
        mixed = _RELAXED * bought + (1 - _RELAXED) * sold
        before, sold = sold, sellers.answer((mixed + pull).T, rho).T
        pull = pull + mixed - sold
        if np.abs(bought - sold).max() < tolerance and rho * np.abs(sold - before).max() < tolerance:
            break
    return Agreement(bought, sold, rho * pull, done)


@dataclass(frozen=True, slots=True)
class PeerToPeer:
    """What pairs agree on is rounded to whole watt-hours and prices between their two limits.

    Attributes:
        rounds: at most.
    """

    rounds: int = 300
    name: ClassVar[str] = "peer-to-peer"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED,
        Truthful.PRICE_TAKING,
        Efficient.IF_TRUTHFUL,
        "Baroche et al. 2019; Moret and Pinson 2019",
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        buyers, sellers = np.flatnonzero(bids.buys), np.flatnonzero(~bids.buys)
        if not len(buyers) or not len(sellers):
            return by_pairs(bids, Pairs.of(()), 0, 0)
        scaled = Scaled.of(bids)
        costs = scaled.costs
        found = agree(
            Traders(-costs.price[buyers], costs.slope[buyers], -costs.low[buyers]),
            Traders(costs.price[sellers], costs.slope[sellers], costs.high[sellers]),
            rounds=self.rounds,
        )
        price_e4 = scaled.base_e4 + found.price * scaled.unit_e4
        pairs = _whole(bids, buyers, sellers, found.sold * scaled.unit_wh, price_e4)
        return by_pairs(bids, pairs, 2 * len(buyers) * len(sellers) * found.rounds, found.rounds)


def _whole(bids: Bids, buyers: Ints, sellers: Ints, trade_wh: Floats, price_e4: Floats) -> Pairs:
    """Trades in whole watt-hours within all quantities, at whole prices within the limits of both."""
    limit, ask = bids.price_e4[buyers][:, None], bids.price_e4[sellers][None, :]
    whole = np.where(limit >= ask, np.rint(trade_wh), 0).astype(np.int64)
    whole = _within(whole, bids.quantity_wh[buyers])
    whole = _within(whole.T, bids.quantity_wh[sellers]).T
    price = np.minimum(np.maximum(np.rint(price_e4).astype(np.int64), ask), limit)
    row, column = np.nonzero(whole)
    return Pairs(buyers[row], sellers[column], whole[row, column], price[row, column])


def _within(whole: Ints, most: Ints) -> Ints:
    """Rows cut, from their ends, to sums of at most `most`."""
    before = np.cumsum(whole, axis=1) - whole
    return np.clip(most[:, None] - before, 0, whole)
