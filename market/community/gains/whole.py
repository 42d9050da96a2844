"""A whole amount, of either sign, cut into whole parts that sum to it."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Ints
from market.community.exact import divided


def by_weights(total: int, weights: Ints) -> Ints:
    """[n] parts of a total in proportion to weights >= 0 of which one is above 0 (largest remainders)."""
    parts = divided(np.array([abs(total)]), weights[None, :])[0]
    return np.asarray(parts if total >= 0 else -parts, dtype=np.int64)


def mean_of(sums: Ints, count: int, total: int) -> Ints:
    """[n] sums / count, rounded down or up so that they sum to `total` (largest remainders, of equal ones the first).

    `total` is the exact sum of the means.
    """
    parts, remainders = np.divmod(sums, count)
    order = np.argsort(-remainders, kind="stable")
    parts[order[: total - int(parts.sum())]] += 1
    return np.asarray(parts, dtype=np.int64)
