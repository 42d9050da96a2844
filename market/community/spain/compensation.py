"""What a member's surplus is worth to it: simplified compensation, at most its bill for energy in the billing period.

    bill_i = max(0, sum_h RED p_buy - sum_h EXC p_exc)       nothing is carried over into the next period

Plants above the limit (100 kW), or without a contract, sell their surplus at the market instead, and members pay RED in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.money import worth
from market.community.spain.coefficients import months_later


class Modality(StrEnum):
    """What becomes of surplus."""

    COMPENSATION = "compensation"  # simplified, with surplus
    SALE = "sale"  # with surplus, without compensation: sold at the market (art. 13.4)


@dataclass(frozen=True, slots=True)
class Compensated:
    """A member's billing period, ten-thousandths of the currency unit.

    Attributes:
        cost_e4: what it bought, at its supplier's price for energy.
        credit_e4: what its surplus is worth at the agreed price.
        applied_e4: what of that is taken off.
    """

    cost_e4: int
    credit_e4: int
    applied_e4: int

    @property
    def bill_e4(self) -> int:
        """What is left to be paid for energy; never below 0."""
        return self.cost_e4 - self.applied_e4

    @property
    def lost_e4(self) -> int:
        """What the cap takes."""
        return self.credit_e4 - self.applied_e4


def check_modality(modality: Modality, installed_w: int, limit_w: int) -> None:
    """Whether a plant's surplus may be treated so.

    Raises:
        BadInput: compensation for a plant above the limit.
    """
    if modality is Modality.COMPENSATION and installed_w > limit_w:
        raise BadInput(
            f"modality: compensation for a plant of {installed_w / 1000:g} kW; expected sale above {limit_w / 1000:g} kW installed"
        )


def check_period(first: date, last: date) -> None:
    """Whether two local days, both included, can bound a billing period: at most a month.

    Raises:
        BadInput: it is longer, or ends before it begins.
    """
    if not first <= last < months_later(first, 1):
        raise BadInput(f"billing period: {first} to {last}; expected at most a month")


def compensate(from_grid_wh: Ints, surplus_wh: Ints, buy_e4_per_mwh: Ints, surplus_e4_per_mwh: Ints) -> Compensated:
    """A member's hours of one billing period, each [H].

    Cost and credit are exact until their totals, each rounded once; prices of surplus below 0 count as they are, and
    a credit that is negative in sum is none.
    """
    cost = worth(from_grid_wh, buy_e4_per_mwh)
    credit = max(0, worth(surplus_wh, surplus_e4_per_mwh))
    return Compensated(cost, credit, min(credit, max(cost, 0)))
