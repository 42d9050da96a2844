"""Cost curves of those who answer prices: quadratic in the power traded, between bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from market.mechanisms.bids import Bids


@dataclass(frozen=True, eq=False)
class ConvexCosts:
    """Costs slope / 2 p^2 + price p of p within [low, high], [n] each; p > 0 is sold, p < 0 bought."""

    slope: Floats
    price: Floats
    low: Floats
    high: Floats

    def answer(self, target: Floats, rho: float) -> Floats:
        """[n] the minimiser of each one's costs + rho / 2 (p - target)^2, exactly."""
        free = (rho * target - self.price) / (self.slope + rho)
        return np.minimum(np.maximum(free, self.low), self.high)


@dataclass(frozen=True, eq=False)
class Scaled:
    """Bids as cost curves in units in which quantities and prices are about 1, so that one step size suits all markets.

    Attributes:
        unit_wh, unit_e4, base_e4: a quantity is so many watt-hours; a price is base + so many ten-thousandths.
    """

    costs: ConvexCosts
    unit_wh: float
    unit_e4: float
    base_e4: float

    @staticmethod
    def of(bids: Bids) -> Scaled:
        """Of at least one bid."""
        unit_wh = float(bids.quantity_wh.mean())
        base = float(bids.price_e4.min())
        unit_e4 = max(float(bids.price_e4.max()) - base, 1.0)
        most: Floats = bids.quantity_wh.astype(np.float64) / unit_wh
        price: Floats = (bids.price_e4.astype(np.float64) - base) / unit_e4
        zero = np.zeros(len(bids))
        costs = ConvexCosts(zero, price, np.where(bids.buys, -most, zero), np.where(bids.buys, zero, most))
        return Scaled(costs, unit_wh, unit_e4, base)

    def price_e4(self, price: float) -> float:
        """A scaled price in ten-thousandths for each kWh."""
        return self.base_e4 + price * self.unit_e4
