"""What energies at prices come to: exact until a line's total, rounded once, half to even (as in `market.billing.bill`)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from cim.model.arrays import Ints

_WH_PER_MWH = 1_000_000


def exact_worth(energy_wh: Ints, e4_per_mwh: Ints) -> Fraction:
    """Energies of intervals at the intervals' rates, ten-thousandths of the currency unit, not rounded."""
    # Python's integers: a city's hour at a scarcity price does not fit into 64 bits.
    total = np.dot(np.asarray(energy_wh).astype(object), np.asarray(e4_per_mwh).astype(object))
    return Fraction(int(total), _WH_PER_MWH)


def worth(energy_wh: Ints, e4_per_mwh: Ints) -> int:
    """The same, rounded."""
    return round(exact_worth(energy_wh, e4_per_mwh))
