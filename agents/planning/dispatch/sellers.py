"""The sellers at one congestion point as one split: their bands together, and how far above the cheapest it can have ended.

What is certified comes of sums and of the price alone (weak duality, see `bound`). Let D be the sum of all answers at the
end and p the price then. No split of the band is cheaper than

    sum_i min_d (f_i(d) - h p . d)  +  band_value(p)

and each minimum is what i's own answer is worth, less how far that answer is above i's best one at p. So cost less bound is

    h p . D - band_value(p) + sum_i (how far i is above its best) + what is missing and what is beyond the room, at their prices

and none of it says what anything costs anybody: an answer's own cost cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.admm import PENALTY, Band, Coordination, open_coordination, shortage_kw
from agents.planning.dispatch.bound import band_value, least_at, within_reach
from agents.planning.dispatch.flexibility import Flexibility
from cim.model.arrays import Floats

LEAST_CT = 1.0  # what a gap is stated over at least: many requests are worth less than a cent

# How far an answer may be above its owner's best one for the owner to tell it: that much, and a share of what the answer is
# worth at the price. At a price that is not the one it answered, the difference would be what the answer costs its owner.
TOLD_CT = 1.0
TOLD_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Certificate:
    """What may be said of a split by sums alone, cents.

    Attributes:
        gap_ct: by how much it may be dearer than the cheapest split of the band, at most.
        worth_ct: what the band is worth at the price.
    """

    gap_ct: float
    worth_ct: float

    @property
    def over_ct(self) -> float:
        """What the gap is stated over."""
        return max(abs(self.worth_ct), LEAST_CT)


def shared_band(bands: Sequence[Band]) -> Band:
    """What all sellers together are to keep to: what is asked of each is asked for once, the rooms add up.

    Args:
        bands: at least one, over the same ISPs and with the same price of shortage; they ask for the same.
    """
    up, down = np.maximum(bands[0].low_kw, 0.0), np.minimum(bands[0].high_kw, 0.0)
    low = np.where(up > 0, up, np.sum([band.low_kw for band in bands], axis=0))
    high = np.where(down < 0, down, np.sum([band.high_kw for band in bands], axis=0))
    return replace(bands[0], low_kw=low, high_kw=high)


def with_fewer(state: Coordination, elements: int, total_kw: Floats) -> Coordination:
    """The rounds begin anew after some elements have left, from the same price and the answers of those that stay.

    Args:
        elements: that are left and move by degrees.
        total_kw: [T] what their last answers come to.
    """
    again = open_coordination(state.band, elements, PENALTY)
    shared = state.shared_kw * max(state.elements, 1) / max(elements, 1)
    return replace(again, total_kw=total_kw, shared_kw=shared, dual=state.dual * (state.rho / PENALTY))


def above_best_ct(
    models: Sequence[Flexibility], deviations_kw: Sequence[Floats], price_ct_per_kwh: Floats
) -> float | None:
    """How much more answers cost their owner than its best ones at this price; None where it is too much to be told.

    Args:
        deviations_kw: [T] of each model, what was answered.
        price_ct_per_kwh: [T] what consuming more is paid.
    """
    above = worth = 0.0
    for model, deviation in zip(models, deviations_kw, strict=True):
        paid = model.hours * price_ct_per_kwh * deviation
        above += max(model.cost(deviation) - float(paid.sum()) - least_at(model, price_ct_per_kwh), 0.0)
        worth += float(np.abs(paid).sum())
    return above if above <= TOLD_CT + TOLD_SHARE * worth else None


def certify(band: Band, price_ct_per_kwh: Floats, total_kw: Floats, above_ct: float) -> Certificate:
    """By how much a split may be dearer than the cheapest one.

    Args:
        price_ct_per_kwh: [T] at the end, within reach of the band (`bound.within_reach`).
        total_kw: [T] sum of all answers.
        above_ct: how far all answers are above their owners' best ones at that price.
    """
    worth = band_value(band, price_ct_per_kwh)
    missing = band.shortage_price * float(shortage_kw(band, total_kw).sum())
    beyond = float(np.abs(price_ct_per_kwh) @ np.abs(band.breach_kw(total_kw)))
    moved = float(price_ct_per_kwh @ total_kw)
    return Certificate(band.hours * (moved + missing + beyond) - worth + above_ct, worth)


def final_price(state: Coordination) -> Floats:
    """[T] ct/kWh at which a split is certified: where the bound of its band is finite."""
    return within_reach(state.band, state.price)
