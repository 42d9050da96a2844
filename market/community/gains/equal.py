"""Equal shares of the gain."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Ints
from market.community.gains.rule import JointGain
from market.community.gains.whole import by_weights


class Equal:
    """Every member has the same, whatever it gave; a ten-thousandth that is left goes to the first."""

    name = "equal"
    source = (
        "Moulin 1987, Equal or proportional division of a surplus, and other methods, Int. J. Game Theory 16, 161-186"
    )

    def shares_e4(self, gain: JointGain) -> Ints:
        """[N] the gain over N."""
        return by_weights(gain.gain_e4, np.ones(len(gain.alone_e4), dtype=np.int64))
