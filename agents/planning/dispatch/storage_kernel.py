"""The walk over an exact storage step's breakpoints, compiled (numba): the same answer as `storage_step`'s own, to the bit.

Only processes that make many such steps load it (`storage_step` says when), because numba itself costs a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cim.model.arrays import Floats, Mask

_INFINITY = np.inf


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _insert(values: Floats, changes: Floats, start: int, end: int, value: float, change: float) -> tuple[int, int]:
    """Put a breakpoint behind those that are not greater (`bisect.insort` of pairs), moving the shorter side; (start, end)."""
    low, high = start, end
    while low < high:
        middle = start + (low - start + high - start) // 2
        known = values[middle]
        if value < known or (value == known and change < changes[middle]):
            high = middle
        else:
            low = middle + 1
    if low - start < end - low:
        start -= 1
        for k in range(start, low - 1):
            values[k] = values[k + 1]
            changes[k] = changes[k + 1]
        low -= 1
    else:
        for k in range(end, low, -1):
            values[k] = values[k - 1]
            changes[k] = changes[k - 1]
        end += 1
    values[low] = value
    changes[low] = change
    return start, end


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cut_left(values: Floats, changes: Floats, start: int, end: int, rise: float) -> tuple[int, float]:
    """The first breakpoint that is left, and the value at which the curve has risen by `rise` from its left end."""
    if start == end:
        raise IndexError("a curve without a breakpoint rises nowhere")
    slope = 0.0
    for k in range(start, end - 1):
        slope += changes[k]
        step = slope * (values[k + 1] - values[k])
        if step >= rise:
            cut = values[k]
            if rise > 0:
                cut += rise / slope
                cut = min(cut, values[k + 1])
            values[k], changes[k] = cut, slope
            return k, cut
        rise -= step
    return end, values[end - 1]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cut_right(values: Floats, changes: Floats, start: int, end: int, fall: float) -> tuple[int, float]:
    """Behind the last breakpoint that is left, and the value at which the curve lies `fall` below its right end."""
    slope = 0.0
    for k in range(end - 1, start, -1):
        slope -= changes[k]
        step = slope * (values[k] - values[k - 1])
        if step >= fall:
            cut = values[k]
            if fall > 0:
                cut -= fall / slope
                cut = max(cut, values[k - 1])
            values[k], changes[k] = cut, -slope
            return k + 1, cut
        fall -= step
    return start, values[start]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def ranges(
    moves: Mask,
    edges: Floats,
    slopes: Floats,
    burning: float,
    least: Floats,
    most: Floats,
    floor: Floats,
    ceiling: Floats,
    energy: float,
) -> Floats:
    """[2, T] between which values of stored energy no bound binds at the end of each interval.

    Args:
        moves, edges, slopes: [S, T] and twice [2, S, T], see `storage_step.Stretches`.
        burning: the value below which discharging is slow.
        least, most: [T] by how much the stored energy can change.
        floor, ceiling: [T] its bounds at the end of each interval.
        energy: stored at the beginning, kWh.
    """
    stretches, length = moves.shape
    room = 3 * stretches * length + 1
    values, changes, start, end = np.empty(2 * room), np.empty(2 * room), room, room
    found = np.empty((2, length))
    bottom = top = energy
    for t in range(length):
        for s in range(stretches):
            if moves[s, t]:
                left, right = slopes[0, s, t], slopes[1, s, t]
                start, end = _insert(values, changes, start, end, edges[0, s, t], left)
                start, end = _insert(values, changes, start, end, edges[1, s, t], -right)
                if left != right:
                    start, end = _insert(values, changes, start, end, burning, right - left)
        bottom, top = bottom + least[t], top + most[t]
        low = high = _INFINITY
        if top <= floor[t]:
            bottom = top
        elif bottom >= ceiling[t]:
            low = high = -_INFINITY
            top = bottom
        else:
            low = -_INFINITY
            if bottom < floor[t]:
                start, low = _cut_left(values, changes, start, end, floor[t] - bottom)
                bottom = floor[t]
            if top > ceiling[t] and end > start:
                end, high = _cut_right(values, changes, start, end, top - ceiling[t])
                top = ceiling[t]
            top = min(top, ceiling[t])
        if bottom >= top:
            start = end
        found[0, t], found[1, t] = low, high
    return found
