"""Cycles in a battery's state of charge: rainflow counting by ASTM E1049-85, section 5.4.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise


def reversals(series: Sequence[float]) -> list[float]:
    """The turning points of a series, its first and last value included."""
    found: list[float] = []
    for value in series:
        if found and value == found[-1]:
            continue
        if len(found) > 1 and (found[-1] - found[-2]) * (value - found[-1]) > 0:
            found[-1] = value
        else:
            found.append(value)
    return found


def cycles(series: Sequence[float]) -> Iterator[tuple[float, float]]:
    """(range, count) of each cycle; the count is 1, or 0.5 for what does not close."""
    points: list[float] = []
    for value in reversals(series):
        points.append(value)
        while len(points) >= 3:
            last, before = abs(points[-1] - points[-2]), abs(points[-2] - points[-3])
            if last < before:
                break
            if len(points) == 3:  # it contains the start
                yield before, 0.5
                points.pop(0)
            else:
                yield before, 1.0
                del points[-3:-1]
    for one, other in pairwise(points):
        yield abs(other - one), 0.5


def damage(series: Sequence[float], full_cycles: float, exponent: float) -> float:
    """The share of a battery's life that a series of its state of charge (0 to 1) uses up (Miner's rule).

    Args:
        full_cycles: how many cycles over the whole range it lives.
        exponent: a cycle over a share d of the range counts d^exponent of a full one; above 1: small ones wear less.
    """
    return sum((count * float(depth**exponent) for depth, count in cycles(series)), start=0.0) / full_cycles
