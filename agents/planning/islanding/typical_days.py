"""A year as a few of its days: k-medoids over days, each with the number of days it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput

_ROUNDS = 50


@dataclass(frozen=True, eq=False, slots=True)
class TypicalDays:
    """Days that stand for all.

    Attributes:
        days: [k] their numbers, ascending.
        weights: [k] how many days each stands for; they sum to all days.
    """

    days: Ints
    weights: Floats


def typical_days(features: Floats, count: int, *, always: tuple[int, ...] = ()) -> TypicalDays:
    """`count` days of a year that are nearest to all others (k-medoids, farthest-first start: no chance in it).

    Args:
        features: [days, values] compared by their Euclidean distance; scale what should count alike to one size.
        always: days that are taken in any case, such as the worst, each for itself alone.

    Raises:
        BadInput: more days are asked for than there are.
    """
    all_days = features.shape[0]
    least = len(set(always)) + (len(set(always)) < all_days)
    if not least <= count <= all_days:
        raise BadInput(f"typical days: {count}; expected {least} to {all_days}")
    squares = (features**2).sum(axis=1)
    apart = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None, :] - 2.0 * features @ features.T))
    alone = sorted(set(always))
    others = np.setdiff1d(np.arange(all_days), alone)
    chosen = [int(others[apart[np.ix_(others, others)].sum(axis=1).argmin()])] if count > len(alone) else []
    while len(chosen) < count - len(alone):
        far = apart[others][:, chosen].min(axis=1)
        far[np.searchsorted(others, chosen)] = -1.0  # where days are alike, another of them
        chosen.append(int(others[far.argmax()]))
    for _ in range(_ROUNDS):
        nearest = _nearest(apart, others, chosen)
        mine = [others[nearest == k] for k in range(len(chosen))]
        better = [int(days[apart[np.ix_(days, days)].sum(axis=1).argmin()]) for days in mine]
        if better == chosen:
            break
        chosen = better
    weights = np.bincount(_nearest(apart, others, chosen), minlength=len(chosen)).astype(np.float64)
    chosen, weights = [*alone, *chosen], np.concatenate([np.ones(len(alone)), weights])
    order = np.argsort(chosen)
    return TypicalDays(np.array(chosen, dtype=np.int64)[order], weights[order])


def _nearest(apart: Floats, days: Ints, chosen: list[int]) -> Ints:
    """[days] which of the chosen each day is nearest to; a chosen day is nearest to itself, also where two are alike."""
    if not chosen:
        return np.zeros(0, dtype=np.int64)
    found = apart[days][:, chosen].argmin(axis=1)
    found[np.searchsorted(days, chosen)] = np.arange(len(chosen))
    return np.asarray(found, dtype=np.int64)
