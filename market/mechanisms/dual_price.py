"""Dual-price clearing (exchange ADMM): a price goes out and quantities come back until they balance; no limit is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cim.model.arrays import Floats
from market.mechanisms.bids import Bids
from market.mechanisms.convex import ConvexCosts, Scaled
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
from market.mechanisms.posted_price import accepted

_RELAXED = 1.6  # over-relaxation; Boyd et al. 2011, section 3.4.3, advise 1.5 to 1.8
_NEAR = 0.01  # of the range of prices: a party whose limit is so near the price found says so, and the price becomes its limit


@dataclass(frozen=True, eq=False)
class Exchange:
    """Where an exchange came to: [n] what each sells (+) or buys (-), and the price at which it wants to."""

    power: Floats
    price: float
    rounds: int


def exchange(costs: ConvexCosts, rho: float = 1.0, rounds: int = 500, tolerance: float = 3e-4) -> Exchange:
    """Least costs with nothing left over (sum of all p = 0), by exchange ADMM (Boyd et al. 2011, section 7.3).

    Args:
        costs: in units in which quantities and prices are about 1.
        rho: step size.
        rounds: at most.
        tolerance: of what is left over, and of the change from round to round.
    """
    power, left_over, price = np.zeros(len(costs.price)), 0.0, 0.0
    done = 0
    for done in range(1, rounds + 1):  # noqa: B007 - how many it took is told
        answer = costs.answer(power - left_over + price / rho, rho)
        mean = float(answer.mean())
        change = rho * float(np.abs(answer - mean - power + left_over).max())
        price -= rho * _RELAXED * mean
        power, left_over = answer, mean
        if abs(mean) * len(power) < tolerance and change < tolerance:
            break
    return Exchange(power, price, done)


@dataclass(frozen=True, slots=True)
class DualPrice:
    """What is agreed is settled exactly, at the price found: whoever accepts it trades, the best limits first.

    So a price that did not converge costs gains, never balance.

    Attributes:
        rounds: at most.
    """

    rounds: int = 500
    name: ClassVar[str] = "dual-price"
    properties: ClassVar[Properties] = Properties(
        Budget.BALANCED, Truthful.PRICE_TAKING, Efficient.IF_TRUTHFUL, "Boyd et al. 2011, section 7.3", procures=False
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        if not bids.buys.any() or bids.buys.all():
            return at_one_price(bids, np.zeros(len(bids), dtype=np.int64), 0, 0, 0)
        scaled = Scaled.of(bids)
        found = exchange(scaled.costs, rounds=self.rounds)
        price = self._price_e4(bids, scaled, found.price)
        best_first = np.argsort(np.where(bids.buys, -bids.price_e4, bids.price_e4), kind="stable")
        quantity = accepted(bids, price, best_first)
        return at_one_price(bids, quantity, price, 2 * len(bids) * (found.rounds + 1), found.rounds)

    @staticmethod
    def _price_e4(bids: Bids, scaled: Scaled, price: float) -> int:
        """The price found; if a limit is near, that limit: then the party at the margin takes part."""
        found = scaled.price_e4(price)
        nearest = int(np.argmin(np.abs(bids.price_e4 - found)))
        limit = int(bids.price_e4[nearest])
        return limit if abs(limit - found) <= _NEAR * scaled.unit_e4 else round(found)
