"""A cost by size as a law `floor + factor * N ** exponent`, fitted on some sizes and checked on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_EXPONENTS = np.linspace(0.3, 2.0, 171)  # what is looked through; finer says nothing where seconds are noisy
_FLOORS = 1 - np.logspace(0, -4, 41)  # of the least cost: from nothing to nearly all of it


@dataclass(frozen=True, slots=True)
class Law:
    """`floor + factor * N ** exponent`, and how far it is off.

    Attributes:
        off: by held-out size, measured over what the law says; 1 is exact.
    """

    floor: float
    factor: float
    exponent: float
    off: Mapping[int, float]

    def at(self, size: float) -> float:
        """What it says of a size."""
        return float(self.floor + self.factor * size**self.exponent)


def fitted(seen: Mapping[int, float], held_out: Mapping[int, float] | None = None) -> Law | None:
    """The law that fits best, counting shares: half and twice are equally wrong. None of fewer than three sizes.

    With three sizes the floor is taken as nothing: three numbers through three points would always fit.
    """
    if len(seen) < 3 or min(seen.values()) <= 0:
        return None
    sizes, costs = np.array(sorted(seen), dtype=float), np.array([seen[size] for size in sorted(seen)])
    best: tuple[float, Law] | None = None
    for exponent in _EXPONENTS.tolist():
        for floor in (_FLOORS * costs.min()).tolist() if len(seen) > 3 else [0.0]:
            factor = float(np.exp(np.mean(np.log(costs - floor) - exponent * np.log(sizes))))
            error = float(np.square(np.log((floor + factor * sizes**exponent) / costs)).sum())
            if best is None or error < best[0]:
                best = error, Law(floor, factor, exponent, {})
    assert best is not None  # noqa: S101 - there are exponents
    law = best[1]
    off = {size: cost / law.at(size) for size, cost in sorted((held_out or {}).items())}
    return Law(law.floor, law.factor, law.exponent, off)
