"""Whole numbers divided so that nothing is lost: energies into shares, coefficients into millionths."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput

MILLION = 1_000_000
MOST_WH = 2_000_000_000  # in one interval: products of two such energies are still exact in 64 bits


def checked_energies(name: str, energy_wh: Ints) -> Ints:
    """Energies of intervals as they are.

    Raises:
        BadInput: one is negative, or beyond what is added and multiplied exactly.
    """
    found = np.asarray(energy_wh, dtype=np.int64)
    if found.size and (found.min() < 0 or found.max() > MOST_WH):
        wrong = int(found.min() if found.min() < 0 else found.max())
        raise BadInput(f"{name}: {wrong} Wh; expected 0 to {MOST_WH} Wh in an interval")
    return found


def divided(total: Ints, weights: Ints) -> Ints:
    """Each total divided by its row of weights, without a remainder (largest remainders, of equal ones the first).

    Args:
        total: [T] whole numbers >= 0.
        weights: [T, n] >= 0; a row of zeros takes nothing, and its total must be 0.

    Returns:
        [T, n]; each row sums to its total, and each part is its exact share rounded down or up.
    """
    sums = weights.sum(axis=1)
    if np.any((sums == 0) & (total != 0)):
        raise BadInput("weights: all are 0; expected at least one above 0 where there is something to divide")
    products = total[:, None] * weights
    parts, remainders = np.divmod(products, np.maximum(sums, 1)[:, None])
    missing = total - parts.sum(axis=1)
    order = np.argsort(-remainders, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(weights.shape[1])[None, :], axis=1)
    return np.asarray(parts + (rank < missing[:, None]), dtype=np.int64)


def in_millionths(weights: Sequence[Fraction]) -> tuple[int, ...]:
    """Weights as millionths of their sum; they sum to a million exactly (largest remainders, of equal ones the first).

    Raises:
        BadInput: a weight is negative, or none is above 0.
    """
    total = sum(weights, Fraction(0))
    if any(weight < 0 for weight in weights) or total <= 0:
        raise BadInput(f"weights: {', '.join(map(str, weights)) or 'none'}; expected none below 0 and one above")
    exact = [weight * MILLION / total for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(exact)), key=lambda k: (parts[k] - exact[k], k))
    for index in order[: MILLION - sum(parts)]:
        parts[index] += 1
    return tuple(parts)
