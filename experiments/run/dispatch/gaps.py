"""How far splits are from the optimum: what each cost its members, and a bound below which no split of its band is.

A gap is stated over the largest of the bound, what the band is worth at its price, and a cent: many corrections move less
than a cent's worth, and tariffs let costs be of either sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.planning.dispatch import central
from agents.planning.dispatch.admm import Band
from agents.planning.dispatch.bound import band_value, lower_bound, within_reach
from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.sellers import LEAST_CT
from cim.model.arrays import Floats


@dataclass(frozen=True, slots=True)
class Gap:
    """Cents of one split or of several together.

    Attributes:
        found_ct: what it cost, with what was left unmet at its price, and what went beyond the room at the band's.
        bound_ct: what any split costs at least.
        over_ct: what the gap is stated over.
    """

    found_ct: float
    bound_ct: float
    over_ct: float

    @property
    def relative(self) -> float:
        """The gap as a share."""
        return (self.found_ct - self.bound_ct) / self.over_ct

    @property
    def absolute_e4(self) -> int:
        """The gap as money, ten-thousandths of the currency unit."""
        return round(100 * (self.found_ct - self.bound_ct))


def gap_of(models: Sequence[Flexibility], deviations_kw: Sequence[Floats], band: Band) -> Gap:
    """The gap of what was found for a band: solved again in one piece for the best price, certified by weak duality."""
    price = within_reach(band, central.solve(models, band).price_ct_per_kwh)
    bound = lower_bound(models, band, price)
    total = np.sum(deviations_kw, axis=0)
    beyond = band.hours * float(np.abs(price) @ np.abs(band.breach_kw(total)))
    found = central.cost_of(models, deviations_kw, band) + beyond
    return Gap(found, bound, max(abs(bound), abs(band_value(band, price)), LEAST_CT))


def together(gaps: Sequence[Gap]) -> float:
    """The relative gap of several as one: their gaps over what they are stated over; 0 where there are none."""
    over = sum(gap.over_ct for gap in gaps)
    return sum(gap.found_ct - gap.bound_ct for gap in gaps) / over if gaps else 0.0
