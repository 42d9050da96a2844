"""An exact storage step, compiled (numba): the same answer as `storage_step`'s own, to the bit.

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


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _stretch(
    s: int, t: int, moves: Mask, edges: Floats, slopes: Floats, left: float, right: float, slope: float
) -> None:
    """Note a stretch of one slope."""
    moves[s, t] = True
    edges[0, s, t], edges[1, s, t] = left, right
    slopes[0, s, t] = slopes[1, s, t] = slope


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def response(
    rows: Floats, energy: float, worth_at_end: float, eta_in: float, eta_out: float, weight: float, wear: float,
    hours: float, rho: float, burning: float,
) -> Floats:  # fmt: skip
    """[T] `storage_step.best_response`.

    Args:
        rows: [9, T] of the store its plan_kw, low_kw, high_kw, floor_kwh, ceiling_kwh, price_up, price_down and turn_kw; and
            the target; where it has to end with a stored energy, its last floor and ceiling are that.
        energy, eta_in, eta_out, weight, wear, hours: of the store.
        worth_at_end: what stored energy is worth after the last interval, ct per kW-interval.
        burning: the value of stored energy below which burning it would pay.
    """
    length, curvature, loss = rows.shape[1], weight + rho, 1 / eta_out
    low_kw, high_kw = rows[1], rows[2]
    above, below, turn = np.empty(length), np.empty(length), np.empty(length)
    least, most = np.empty(length), np.empty(length)
    turns = False
    for t in range(length):
        wish = weight * rows[0, t] + rho * (rows[0, t] + rows[8, t])
        above[t], below[t] = wish - rows[5, t] * hours, wish + rows[6, t] * hours
        turn[t] = rows[0, t] + rows[7, t]
        turns = turns or above[t] < below[t]
        least[t] = (low_kw[t] * eta_in if low_kw[t] > 0 else low_kw[t] / eta_out) * hours
        most[t] = (high_kw[t] * eta_in if high_kw[t] > 0 else high_kw[t] / eta_out) * hours
    stretches, per_value = 4 if turns else 2, hours / curvature
    moves = np.zeros((stretches, length), dtype=np.bool_)
    edges, slopes = np.zeros((2, stretches, length)), np.zeros((2, stretches, length))
    for s in range(0, stretches, 2):
        for t in range(length):
            wish = above[t] if s == 0 else below[t]
            start = max(low_kw[t], turn[t]) if turns and s == 0 else low_kw[t]
            end = min(high_kw[t], turn[t]) if s else high_kw[t]
            into, out_of = max(start, 0.0), min(end, 0.0)
            if end > into:
                left, right = (curvature * into - wish + wear) / eta_in, (curvature * end - wish + wear) / eta_in
                _stretch(s, t, moves, edges, slopes, left, right, per_value * eta_in * eta_in)
            if out_of > start:
                moves[s + 1, t] = True
                for k in range(2):
                    edge = curvature * (out_of if k else start) - wish - wear
                    burns = edge < burning * loss
                    edges[k, s + 1, t] = burning + (edge - burning * loss) / eta_in if burns else edge / loss
                    slopes[k, s + 1, t] = per_value * loss * (eta_in if burns else loss)
    bounds = ranges(moves, edges, slopes, burning, least, most, rows[3], rows[4], energy)
    power, value = np.empty(length), worth_at_end
    for t in range(length - 1, -1, -1):
        value = min(max(value, bounds[0, t]), bounds[1, t])
        worth = value * eta_in - wear
        into = max(min(max(turn[t], (above[t] + worth) / curvature), (below[t] + worth) / curvature), 0.0)
        worth = value / eta_out
        if burning > -_INFINITY:
            worth = max(value, burning) / eta_out + min(value - burning, 0.0) * eta_in
        worth += wear
        out_of = min(max(turn[t], (above[t] + worth) / curvature), (below[t] + worth) / curvature, 0.0)
        power[t] = min(max(into + out_of, low_kw[t]), high_kw[t])
    return power
