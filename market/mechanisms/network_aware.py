"""Network-aware clearing: all congestion points at once, within the grid's limits as data, at a price for each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cim.model.arrays import Floats, Ints
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
    sealed,
)

_WHOLE = 1e-6  # a value so near a whole number is that number: the solver's tolerance


@dataclass(frozen=True, slots=True)
class NetworkAware:
    """The largest gains that the limits allow; a limit that binds has a price, and a place the sum of its limits' prices.

    One sale counts for every point that it relieves, and its seller is paid by all of them. What a full line earns (its
    price times its room) is left with whoever clears.
    """

    name: ClassVar[str] = "network-aware"
    properties: ClassVar[Properties] = Properties(
        Budget.SURPLUS,
        Truthful.NO,
        Efficient.IF_TRUTHFUL,
        "Schweppe et al. 1988, Spot Pricing of Electricity",
    )

    def clear(self, bids: Bids, setting: Setting = PLAIN, /) -> Clearing:
        """See the class.

        Raises:
            BadInput: no solver was handed in, or a bid is at a place that the limits do not know.
        """
        if setting.solver is None:
            raise BadInput("network-aware: no solver; expected a linear one in the setting")
        if not len(bids):
            return Clearing(bids, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0)
        limits = setting.limits
        sign = np.where(bids.buys, 1.0, -1.0)
        matrix = limits.columns(bids.points) * sign
        room = np.array(limits.room_wh, dtype=np.float64)
        found = setting.solver(-sign * bids.price_e4, matrix, room, bids.quantity_wh.astype(np.float64))
        quantity = _allowed(bids, _rounded_down(found.values, bids.quantity_wh), matrix, room)
        prices = _prices_e4(bids, quantity, found.prices @ (matrix * sign))
        return Clearing(bids, quantity, quantity * prices, sealed(bids))


def _rounded_down(values: Floats, most: Ints) -> Ints:
    return np.clip(np.floor(values + _WHOLE).astype(np.int64), 0, most)


def _allowed(bids: Bids, quantity_wh: Ints, matrix: Floats, room: Floats) -> Ints:
    """Whole quantities within all limits: where rounding broke one, what is worth least gives way."""
    quantity = quantity_wh.copy()
    least_worth = np.argsort(np.where(bids.buys, bids.price_e4, -bids.price_e4), kind="stable")
    while True:
        over = matrix @ quantity - room
        row = int(np.argmax(over)) if len(over) else 0
        if not len(over) or over[row] <= _WHOLE:
            return quantity
        for place in least_worth:
            if matrix[row, place] > 0 and quantity[place] and over[row] > _WHOLE:
                less = min(int(np.ceil(over[row] / matrix[row, place] - _WHOLE)), int(quantity[place]))
                quantity[place] -= less
                over[row] -= less * matrix[row, place]


def _prices_e4(bids: Bids, quantity_wh: Ints, prices: Floats) -> Ints:
    """Whole prices, which a rounding never makes worse than a bid that trades."""
    whole = np.rint(prices).astype(np.int64)
    within = np.where(bids.buys, np.minimum(whole, bids.price_e4), np.maximum(whole, bids.price_e4))
    return np.where(quantity_wh > 0, within, 0)
