"""What energy at a home's connection is worth when one of its elements deviates from what is expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.dispatch.prices import nothing
from cim.model.arrays import Floats


@dataclass(frozen=True, slots=True)
class DeviationPrices:
    """[T] of a window, as `agents.planning.dispatch.prices` takes them: ct/kWh each way, and kW where they turn."""

    up: Floats
    down: Floats
    turn_kw: Floats


NO_PRICES = DeviationPrices(nothing(), nothing(), nothing())  # of a home whose tariff nobody knows


@dataclass(frozen=True, slots=True)
class EnergyPrices:
    """The tariff of a day and what the whole connection is expected to draw, each [T].

    Attributes:
        retail_ct_per_kwh: what one more kWh from the grid costs.
        feed_in_ct_per_kwh: what one more kWh to the grid earns.
        net_kw: expected power of the connection, positive for consumption.
    """

    retail_ct_per_kwh: Floats
    feed_in_ct_per_kwh: Floats
    net_kw: Floats

    def within(self, part: slice) -> DeviationPrices:
        """The prices of a deviation in a part of the day.

        While the connection feeds in, more consumption loses feed-in, and from where it draws, it is bought: the price
        turns where the connection's power is zero. Two elements of a home each count on all of its surplus: what they
        take of it together is then dearer than either was told (paid back after the day, where it makes a loss).
        """
        feed_in = self.feed_in_ct_per_kwh[part]
        retail = np.maximum(self.retail_ct_per_kwh[part], feed_in)
        return DeviationPrices(retail, -feed_in, -self.net_kw[part])

    def to_shift(self, part: slice) -> DeviationPrices:
        """The prices of what is moved from one ISP to another in a part of the day: never a gain.

        Moving energy is not to pay by itself: what an owner could gain by better use of its surplus is its own rule's
        business, and taking back what an order moved before is nobody's. So where the home has any surplus in this part,
        what it draws less counts as feed-in, as it would be given elsewhere; a home without any moves what it buys.
        """
        prices = self.within(part)
        if not (self.net_kw[part] < 0).any():
            return prices
        return DeviationPrices(prices.up, prices.down, np.maximum(prices.turn_kw, 0.0))


def within_payment(up_kw: Floats, prices: DeviationPrices, paid_ct_per_kwh: float | None) -> Floats:
    """[T] how far generation can be given up before the next kWh costs its owner more than it is paid.

    Args:
        up_kw: [T] how far it could be given up, kW, >= 0.
        paid_ct_per_kwh: for each kWh by contract; None where nothing is agreed.
    """
    if paid_ct_per_kwh is None:
        return up_kw
    surplus = np.maximum(prices.turn_kw, 0.0)
    covered = np.where(prices.up <= paid_ct_per_kwh, up_kw, np.minimum(up_kw, surplus))
    return np.where(-prices.down <= paid_ct_per_kwh, covered, 0.0)
