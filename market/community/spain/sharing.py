"""What each member uses of the plant's hour, buys and has to spare (RD 244/2019, annex I).

    ENG[h,i]  = beta[h,i] ENG[h]                  divided exactly, by largest remainders
    AUTO[h,i] = min(ENG[h,i], EC[h,i])
    RED[h,i]  = EC[h,i] - AUTO[h,i]               bought from the grid
    EXC[h,i]  = ENG[h,i] - AUTO[h,i]              that member's surplus; never given to a neighbour

ENG is the plant's net hourly generation, never below 0: a battery's discharge is part of it, its charge is consumption of the
plant's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints, Mask
from cim.model.errors import BadInput
from market.community.exact import checked_energies, divided
from market.community.spain.coefficients import check_sums


@dataclass(frozen=True, eq=False)
class Shared:
    """The hours of a span, whole watt-hours; [H] of the plant, [H, n] of members.

    Attributes:
        generated_wh: ENG; `consumed_wh`: EC.
        allotted_wh: ENG by member; `own_wh`: AUTO; `from_grid_wh`: RED; `surplus_wh`: EXC.
        member: whether each was a member in the hour.
    """

    generated_wh: Ints
    consumed_wh: Ints
    allotted_wh: Ints
    own_wh: Ints
    member: Mask

    @property
    def from_grid_wh(self) -> Ints:
        """[H, n] RED."""
        return self.consumed_wh - self.own_wh

    @property
    def surplus_wh(self) -> Ints:
        """[H, n] EXC of members."""
        return np.where(self.member, self.allotted_wh - self.own_wh, 0)

    @property
    def unclaimed_wh(self) -> Ints:
        """[H] what the agreement still allots to those who have left."""
        return np.asarray(np.where(self.member, 0, self.allotted_wh).sum(axis=1), dtype=np.int64)


def share(generated_wh: Ints, consumed_wh: Ints, e6: Ints, member: Mask | None = None) -> Shared:
    """Every hour shared by coefficients agreed before.

    Args:
        generated_wh: [H]; consumed_wh: [H, n].
        e6: [H, n] millionths; each row sums to a million.
        member: [H, n] False before somebody joins and once it has left; whose consumption does not count then, and whose share
            nobody claims until another agreement holds.

    Raises:
        BadInput: shapes, energies or sums that cannot be.
    """
    checked_energies("generated_wh", generated_wh)
    checked_energies("consumed_wh", consumed_wh)
    there = np.ones(consumed_wh.shape, dtype=np.bool_) if member is None else member
    if not (e6.shape == consumed_wh.shape == there.shape and len(generated_wh) == len(consumed_wh)):
        raise BadInput(
            f"hours: {len(generated_wh)} of the plant, {consumed_wh.shape} of members, {e6.shape} coefficients; expected "
            "the same hours and members"
        )
    check_sums(e6)
    allotted = divided(generated_wh, e6)
    consumed = np.where(there, consumed_wh, 0)
    return Shared(generated_wh, consumed, allotted, np.minimum(np.where(there, allotted, 0), consumed), there)


def most_own_wh(generated_wh: Ints, consumed_wh: Ints) -> Ints:
    """[H] the most that members could use themselves, shared after the fact: what no coefficients agreed before can exceed."""
    return np.asarray(np.minimum(generated_wh, consumed_wh.sum(axis=1)), dtype=np.int64)
