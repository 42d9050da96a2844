"""Bids: what buyers and sellers of energy in one interval would take or give, and at which price at worst.

A bid is divisible: any part of its quantity may be traded. Quantities are whole watt-hours, prices whole ten-thousandths
of the currency unit for each kWh, so an amount of money is a whole number of their product's unit, 1e-7 of the currency
unit (`e7`), and every sum is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.negotiation.concession import Side

Flags = NDArray[np.bool_]
_MOST_E7 = 2**62  # so that no sum of amounts leaves 64 bits


@dataclass(frozen=True, slots=True)
class Bid:
    """One party's bid.

    Attributes:
        name: unique among the bids that are cleared together.
        quantity_wh: the most it trades, > 0.
        price_e4_per_kwh: the most a buyer pays, the least a seller takes; may be negative.
        point: where in the grid it is; matters to mechanisms that know limits.
    """

    name: str
    side: Side
    quantity_wh: int
    price_e4_per_kwh: int
    point: str = ""


@dataclass(frozen=True, eq=False)
class Bids:
    """All bids of a clearing as arrays [n], in the order in which they came: of equal bids the earlier is served first.

    Raises:
        BadInput: a quantity below 1, a name twice, columns of different lengths, or money beyond 64 bits.
    """

    names: tuple[str, ...]
    buys: Flags
    quantity_wh: Ints
    price_e4: Ints
    points: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.names)
        for name, column in (("buys", self.buys), ("quantity_wh", self.quantity_wh), ("price_e4", self.price_e4)):
            if column.shape != (count,):
                raise BadInput(f"bids: {column.size} values of {name} for {count} names; expected as many")
        if len(self.points) != count:
            raise BadInput(f"bids: {len(self.points)} values of points for {count} names; expected as many")
        if len(set(self.names)) != count:
            (twice, _), *_ = Counter(self.names).most_common(1)
            raise BadInput(f"bids: {twice!r} stands there twice; expected each name once")
        if count and int(self.quantity_wh.min()) < 1:
            at = int(self.quantity_wh.argmin())
            raise BadInput(f"bids: {self.names[at]!r} has {int(self.quantity_wh[at])} Wh; expected at least 1")
        if count:
            largest = max(abs(int(self.price_e4.min())), abs(int(self.price_e4.max())), 1)
            # As floats: the sum itself might not fit.
            if float(self.quantity_wh.astype(np.float64).sum()) * largest >= _MOST_E7:
                raise BadInput(f"bids: all quantities at {largest} e4 per kWh exceed 64 bits; expected smaller ones")

    @staticmethod
    def of(bids: Iterable[Bid]) -> Bids:
        """The same as arrays."""
        rows = tuple(bids)
        return Bids(
            tuple(bid.name for bid in rows),
            np.array([bid.side is Side.BUYER for bid in rows], dtype=np.bool_),
            np.array([bid.quantity_wh for bid in rows], dtype=np.int64),
            np.array([bid.price_e4_per_kwh for bid in rows], dtype=np.int64),
            tuple(bid.point for bid in rows),
        )

    def __len__(self) -> int:
        return len(self.names)

    def one_by_one(self) -> tuple[Bid, ...]:
        """Each bid for itself."""
        return tuple(
            Bid(name, Side.BUYER if buys else Side.SELLER, quantity, price, point)
            for name, buys, quantity, price, point in zip(
                self.names,
                self.buys.tolist(),
                self.quantity_wh.tolist(),
                self.price_e4.tolist(),
                self.points,
                strict=True,
            )
        )
