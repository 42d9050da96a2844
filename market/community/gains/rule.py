"""A rule's question and answer: what was gained together, and who has how much of it.

A member's charge is what it would cost alone, less its share of the gain; so all charges together are what the dispatch
costs, to the last ten-thousandth, and a member with a negative share is worse off than alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput

MOST_E4 = 2_000_000_000  # products of two such amounts are still exact in 64 bits


@dataclass(frozen=True, slots=True)
class JointGain:
    """What N members cost alone and together, ten-thousandths of the currency unit.

    Attributes:
        alone_e4: [N] each by itself.
        together_e4: the dispatch of all.
        contribution_e4: [N] >= 0, what each one's movement is worth at the common price, less what it costs itself.
        coalition_e4: the cost of some members, by index and rising, dispatched together without the others.
    """

    alone_e4: Ints
    together_e4: int
    contribution_e4: Ints
    coalition_e4: Callable[[tuple[int, ...]], int]

    def __post_init__(self) -> None:
        for name, amounts in (("alone_e4", self.alone_e4), ("contribution_e4", self.contribution_e4)):
            if len(amounts) != len(self.alone_e4) or not len(amounts):
                raise BadInput(f"gain: {name} of {len(amounts)} members; expected one for each, and a member")
            if (far := np.flatnonzero(np.abs(amounts) > MOST_E4)).size:
                raise BadInput(f"gain: {name}[{far[0]}] is {amounts[far[0]]}; expected at most {MOST_E4} either way")
        if (below := np.flatnonzero(self.contribution_e4 < 0)).size:
            raise BadInput(f"gain: contribution_e4[{below[0]}] is {self.contribution_e4[below[0]]}; expected 0 or more")

    @property
    def gain_e4(self) -> int:
        """What is shared; below 0 where the dispatch is dearer than everybody alone."""
        return int(self.alone_e4.sum()) - self.together_e4


class SharingRule(Protocol):
    """How a gain is shared."""

    @property
    def name(self) -> str:
        """By which it is chosen."""
        ...

    @property
    def source(self) -> str:
        """Where it is from."""
        ...

    def shares_e4(self, gain: JointGain) -> Ints:
        """[N] whole ten-thousandths that sum to the gain exactly."""
        ...


@dataclass(frozen=True, slots=True)
class WorseOff:
    """A member that pays more than it would alone."""

    member: int
    by_e4: int


@dataclass(frozen=True, slots=True)
class SharedGain:
    """A gain shared by a rule: [N] shares and charges, and who is worse off than alone by it."""

    rule: str
    share_e4: Ints
    charge_e4: Ints
    worse_off: tuple[WorseOff, ...]


def share(rule: SharingRule, gain: JointGain) -> SharedGain:
    """Share a gain and check it: the charges are what the dispatch costs, and who is worse off than alone is named.

    Raises:
        BadInput: the rule's shares are not the gain.
    """
    shares = np.asarray(rule.shares_e4(gain), dtype=np.int64)
    if len(shares) != len(gain.alone_e4) or int(shares.sum()) != gain.gain_e4:
        raise BadInput(
            f"{rule.name}: {len(shares)} shares of {int(shares.sum())} e4; "
            f"expected {len(gain.alone_e4)} that sum to the gain of {gain.gain_e4} e4"
        )
    worse = tuple(WorseOff(int(k), int(-shares[k])) for k in np.flatnonzero(shares < 0))
    return SharedGain(rule.name, shares, gain.alone_e4 - shares, worse)
