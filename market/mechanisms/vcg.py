"""Vickrey-Clarke-Groves: the efficient trades; everybody pays what its being there costs the others."""

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
    Properties,
    Setting,
    Truthful,
    sealed,
)
from market.mechanisms.order_book import Match, match


@dataclass(frozen=True, slots=True)
class Vcg:
    """Truthful and efficient, so somebody has to add money (Myerson and Satterthwaite 1983)."""

    name: ClassVar[str] = "vcg"
    properties: ClassVar[Properties] = Properties(
        Budget.DEFICIT, Truthful.YES, Efficient.YES, "Vickrey 1961, Clarke 1971, Groves 1973", procures=True
    )

    def clear(self, bids: Bids, _: Setting = PLAIN, /) -> Clearing:
        """See the class."""
        found = match(bids)
        quantity, all_gain = found.quantity_wh, _gains_e7(found)
        amount = np.zeros(len(bids), dtype=np.int64)
        for place in np.flatnonzero(quantity).tolist():
            others = np.ones(len(bids), dtype=np.bool_)
            others[place] = False
            own = int(quantity[place]) * int(bids.price_e4[place])
            harm = _gains_e7(match(bids, others)) - all_gain
            amount[place] = own + harm if bids.buys[place] else own - harm
        return Clearing(bids, quantity, amount, sealed(bids))


def _gains_e7(found: Match) -> int:
    bids, worth = found.bids, found.quantity_wh * found.bids.price_e4
    return int(worth[bids.buys].sum()) - int(worth[~bids.buys].sum())
