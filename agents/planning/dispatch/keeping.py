"""When a seller keeps a promised level though its prognosis errs.

A promise is the prognosis that an order was offered against plus what is ordered (UFTP 3.1, "FlexOrder"). What the seller's
connections then draw otherwise than foretold it can make up for by correcting orders to its members, which nobody pays it; or
it is fined for what is missing, at most for what was ordered.
"""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats, Mask


def worth_correcting(
    missing_kw: Floats, ordered_kw: Floats, *, price_e4_per_kwh: float, penalty_e4_per_kwh: float
) -> Mask:
    """Where to give what is missing costs no more than the fine for it, which is for no more than was ordered.

    Args:
        missing_kw, ordered_kw: of the same shape, magnitudes or both with their sign.
        price_e4_per_kwh: what members are paid for giving it.
        penalty_e4_per_kwh: of the contract that was ordered under.
    """
    missing, ordered = np.abs(missing_kw), np.abs(ordered_kw)
    worth: Mask = missing * price_e4_per_kwh <= np.minimum(missing, ordered) * penalty_e4_per_kwh
    return worth
