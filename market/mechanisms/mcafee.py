"""McAfee's double auction: one price from the first pair that does not trade, and where it does not fit, trade reduction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import (
    PLAIN,
    Budget,
    Clearing,
    Efficient,
    Properties,
    Setting,
    Truthful,
    at_one_price,
    sealed,
)
from market.mechanisms.order_book import Match, OrderedSide, match
from market.mechanisms.trade_reduction import reduced


@dataclass(frozen=True, slots=True)
class McAfee:
    """All efficient trades at the middle of the first bid and ask left out, if both marginal traders accept it.

    Where one of them does not, or trades only in part, both are left out and set the prices.
    """

    name: ClassVar[str] = "mcafee"
    properties: ClassVar[Properties] = Properties(
        Budget.SURPLUS, Truthful.UNIT_DEMAND, Efficient.LOSES_A_TRADE, "McAfee 1992, A dominant strategy double auction"
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        found = match(bids)
        price = _first_left_out_e4(found)
        return reduced(found) if price is None else at_one_price(bids, found.quantity_wh, price, sealed(bids))


def _first_left_out_e4(found: Match) -> int | None:
    """The middle of the first bid and ask that do not trade; None where it does not suit the marginal traders."""
    next_bid, next_ask = (_left_out(found.bids, side, found.volume_wh) for side in (found.buyers, found.sellers))
    if next_bid is None or next_ask is None:
        return None
    price = (next_bid + next_ask) // 2
    bid, ask = (_marginal(found.bids, side) for side in (found.buyers, found.sellers))
    return price if ask <= price <= bid else None


def _left_out(bids: Bids, side: OrderedSide, volume_wh: int) -> int | None:
    """The price of the best bid of a side that does not trade; None if there is none, or if the last trades in part."""
    if side.last is None or side.following is None or int(side.reached_wh[side.last]) != volume_wh:
        return None
    return int(bids.price_e4[side.order[side.following]])


def _marginal(bids: Bids, side: OrderedSide) -> int:
    assert side.last is not None  # noqa: S101 - `_left_out` has looked
    return int(bids.price_e4[side.order[side.last]])
