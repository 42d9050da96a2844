"""What energy costs its owner when an element deviates from its plan: a price each way, and where one gives way to the other.

The marginal cost of a deviation d is `price_up` where d > turn and -`price_down` where d < turn, ct/kWh, and d = 0 costs
nothing. So a home under a tariff that is planned to feed in 3 kW has price_up = retail price, price_down = -(feed-in price)
and turn = 3 kW: the first 3 kW more of consumption lose feed-in, what goes beyond them is bought. A deviation that costs
either way (a CHP, PV that is curtailed) turns at 0.

The cost is convex where price_up + price_down >= 0, or where the element cannot pass its turn. All are profiles [T]; one of
length 1 holds for every interval.
"""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats


def nothing() -> Floats:
    """A price, or a turn, of zero in every interval."""
    return np.zeros(1)


def price_cost(price_up: Floats, price_down: Floats, turn_kw: Floats, deviation_kw: Floats) -> float:
    """What `deviation_kw` costs, in ct/kWh times kW: still to be multiplied by the hours of an interval."""
    return float(price_at(price_up, price_down, turn_kw, deviation_kw).sum())


def price_at(price_up: Floats, price_down: Floats, turn_kw: Floats, deviation_kw: Floats) -> Floats:
    """[T] the same, interval by interval."""
    at, from_ = deviation_kw - turn_kw, np.zeros(len(deviation_kw)) - turn_kw
    more: Floats = price_up * (np.maximum(at, 0.0) - np.maximum(from_, 0.0))
    less: Floats = price_down * (np.maximum(-at, 0.0) - np.maximum(-from_, 0.0))
    return more + less
