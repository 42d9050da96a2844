"""Shapley's value by sampling: what each member adds when all come together one by one, over many orders of coming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints
from market.community.gains.rule import JointGain
from market.community.gains.whole import mean_of


@dataclass(frozen=True, slots=True)
class Shapley:
    """The mean of what a member adds to those before it, over `orders` orders drawn by `seed`, each taken both ways.

    Every order adds up to the gain, so the shares do, however few are drawn. An order reversed halves much of the chance
    (Mitchell et al. 2022): who comes early in one comes late in the other.
    """

    orders: int = 16
    seed: int = 1
    name: str = "shapley"
    source: str = "Castro, Gómez, Tejada 2009, Computers & Operations Research 36, 1726-1730"

    def shares_e4(self, gain: JointGain) -> Ints:
        """[N] the means."""
        size = len(gain.alone_e4)
        everyone = tuple(range(size))
        worth: dict[tuple[int, ...], int] = {(): 0, everyone: gain.gain_e4}

        def won(members: tuple[int, ...]) -> int:
            if members not in worth:
                alone = int(gain.alone_e4[list(members)].sum())
                worth[members] = alone - gain.coalition_e4(members) if len(members) > 1 else 0
            return worth[members]

        added = np.zeros(size, dtype=np.int64)
        draw = np.random.default_rng(self.seed)
        for _ in range(self.orders):
            order = draw.permutation(size)
            for way in (order, order[::-1]):
                before, came = 0, list[int]()
                for member in way.tolist():
                    came.append(member)
                    now = won(tuple(sorted(came)))
                    added[member] += now - before
                    before = now
        return mean_of(added, 2 * self.orders, gain.gain_e4)
