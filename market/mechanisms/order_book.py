"""Both sides of the bids in the order of their prices: the most that can be traded, and at which prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints
from market.mechanisms.bids import Bids, Flags
from market.mechanisms.mechanism import Pairs


@dataclass(frozen=True, eq=False)
class OrderedSide:
    """One side, best price first, of equal prices the earlier.

    Attributes:
        order: places among the bids.
        reached_wh: the sum of quantities up to and with each.
        last, following: positions in `order` of the last that trades and of the best that has something left; None
            where there is none. A bid that trades in part is both.
    """

    order: Ints
    reached_wh: Ints
    last: int | None = None
    following: int | None = None


@dataclass(frozen=True, eq=False)
class Match:
    """The trades with the largest gains.

    Attributes:
        volume_wh: the most that can be traded with no buyer's price below its seller's.
        low_e4, high_e4: the prices at which nobody would trade otherwise; None where one side has no bids at all.
    """

    bids: Bids
    buyers: OrderedSide
    sellers: OrderedSide
    volume_wh: int
    low_e4: int | None
    high_e4: int | None

    @property
    def quantity_wh(self) -> Ints:
        """[n] what each bid trades."""
        found = np.zeros(len(self.bids), dtype=np.int64)
        for side in (self.buyers, self.sellers):
            found[side.order] = served(self.bids.quantity_wh[side.order], self.volume_wh)
        return found


def served(quantity_wh: Ints, volume_wh: int) -> Ints:
    """How a volume falls to quantities, one after the other."""
    before = np.cumsum(quantity_wh) - quantity_wh
    found: Ints = np.clip(volume_wh - before, 0, quantity_wh)
    return found


def match(bids: Bids, among: Flags | None = None) -> Match:
    """The efficient trades of all bids, or of those `among`."""
    there = np.ones(len(bids), dtype=np.bool_) if among is None else among
    buyers = np.flatnonzero(bids.buys & there)
    sellers = np.flatnonzero(~bids.buys & there)
    buyers = buyers[np.argsort(-bids.price_e4[buyers], kind="stable")]
    sellers = sellers[np.argsort(bids.price_e4[sellers], kind="stable")]
    demand, supply = np.cumsum(bids.quantity_wh[buyers]), np.cumsum(bids.quantity_wh[sellers])
    bid, ask = bids.price_e4[buyers], bids.price_e4[sellers]
    volume = 0
    if len(buyers) and len(sellers):
        steps = _merged(demand, supply)
        steps = steps[steps <= min(demand[-1], supply[-1])]
        worthwhile = bid[np.searchsorted(demand, steps)] >= ask[np.searchsorted(supply, steps)]
        good = int(worthwhile.sum())  # bids fall and asks rise, so these are the first ones
        volume = int(steps[good - 1]) if good else 0
    buying, selling = _side(buyers, demand, volume), _side(sellers, supply, volume)
    low = _prices(ask, selling.last) + _prices(bid, buying.following)
    high = _prices(bid, buying.last) + _prices(ask, selling.following)
    both = len(buyers) > 0 and len(sellers) > 0
    return Match(
        bids, buying, selling, volume, max(low) if both and low else None, min(high) if both and high else None
    )


def _merged(one: Ints, other: Ints) -> Ints:
    """Two ascending rows as one, each value once; stable sorting merges them in one pass."""
    both = np.sort(np.concatenate([one, other]), kind="stable")
    return both[np.diff(both, prepend=-1) > 0]


def _side(order: Ints, reached: Ints, volume: int) -> OrderedSide:
    following = int(np.searchsorted(reached, volume, side="right"))
    last = int(np.searchsorted(reached, volume)) if volume else None
    return OrderedSide(order, reached, last, following if following < len(order) else None)


def _prices(prices: Ints, position: int | None) -> list[int]:
    return [] if position is None else [int(prices[position])]


def paired(bids: Bids, quantity_wh: Ints) -> tuple[Ints, Ints, Ints]:
    """Buyers and sellers of these quantities brought together, the best with the best.

    Args:
        quantity_wh: [n], the same sum on both sides.

    Returns:
        (buyer, seller, quantity_wh), [m] each: places among the bids.
    """
    sides = []
    for side, sign in ((bids.buys, -1), (~bids.buys, 1)):
        trading = np.flatnonzero(side & (quantity_wh > 0))
        order = trading[np.argsort(sign * bids.price_e4[trading], kind="stable")]
        sides.append((order, np.cumsum(quantity_wh[order])))
    (buyers, bought), (sellers, sold) = sides
    steps = _merged(bought, sold)
    quantity = np.diff(steps, prepend=0)
    return buyers[np.searchsorted(bought, steps)], sellers[np.searchsorted(sold, steps)], quantity


def paired_at(bids: Bids, quantity_wh: Ints, share_of_gain_to_seller: float) -> Pairs:
    """The same as trades in which the seller gets this share of what the two gain; whole prices, the rest the buyer's."""
    buyer, seller, quantity = paired(bids, quantity_wh)
    ask = bids.price_e4[seller]
    gain = bids.price_e4[buyer] - ask
    return Pairs(buyer, seller, quantity, ask + np.floor(share_of_gain_to_seller * gain).astype(np.int64))
