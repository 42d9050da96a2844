"""Scenarios of a day out of its band and of how earlier days ran within theirs.

A past day's path within its band is laid into tomorrow's, so what follows upon what in a day (a morning that is too dull stays
so) is as it was, and how far paths reach is as the band says (Clark et al. 2004, "The Schaake Shuffle", has the idea).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput

_FARTHEST = 2.0  # widths beyond the median that a path may reach: one is the edge of the band
_LEAST_W = 1.0  # a band narrower than that says nothing of where in it a day ran


def scenarios_of(
    band: Sequence[Floats], past: Sequence[Sequence[Floats]], came: Sequence[Floats]
) -> tuple[Floats, ...]:
    """As many equally likely paths [T] as there are past days, in the unit of `band`.

    Args:
        band: three profiles [T], below which the day is with a chance of 10, 50 and 90 %.
        past: the bands of past days, alike; came: [T] what came on each.

    Raises:
        BadInput: there is no past day, or not a path for each band.
    """
    if not past or len(past) != len(came):
        raise BadInput(
            f"scenarios: {len(past)} bands and {len(came)} days that came; expected the same number, at least one"
        )
    low, median, high = band
    paths = []
    for (low_then, median_then, high_then), values in zip(past, came, strict=True):
        off = values - median_then
        width = np.where(off > 0, high_then - median_then, median_then - low_then)
        share = np.clip(off / np.maximum(width, _LEAST_W), -_FARTHEST, _FARTHEST)
        paths.append(median + np.where(share > 0, share * (high - median), share * (median - low)))
    return tuple(paths)
