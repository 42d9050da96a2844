"""Shares in proportion to what each member contributed."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Ints
from market.community.gains.rule import JointGain
from market.community.gains.whole import by_weights


class Proportional:
    """Every member has as much of the gain as its movement was worth of all movements; equal shares where nobody moved."""

    name = "proportional"
    source = (
        "Moulin 1987, Equal or proportional division of a surplus, and other methods, Int. J. Game Theory 16, 161-186"
    )

    def shares_e4(self, gain: JointGain) -> Ints:
        """[N] by contribution."""
        weights = gain.contribution_e4 if gain.contribution_e4.any() else np.ones_like(gain.contribution_e4)
        return by_weights(gain.gain_e4, weights)
