"""Exact best responses of a battery, a vehicle and a PV plant to a price, compiled (numba).

All three solve  min_p  sum_t  curvature/2 p_t^2 + wear |p_t| + pull_t p_t  over what their device can do, where p is the
power in kW (+ = consumption, a curtailed kW counts as one) and `pull` is ct/kW per interval: a price times the length of
an interval, less rho times a target in an ADMM round. Energy is counted in kW-intervals (kWh / hours), so no interval's
length stands in a kernel.

Battery: stored energy has a value `m` that changes only where the energy meets a bound, and each interval's power is a
piecewise-linear function of `m`; see `agents.planning.dispatch.storage_step` for the method, which is the same here for
constant bounds. It stands in two sorted arrays whose ends are cut off, so that a day of 96 intervals takes microseconds.
Where stored energy is worth less than burning it (-2 wear / (1/eta_out - eta_in): prices well below zero), charging and
discharging at once would pay, which no battery can do, and what it can do is no convex problem any more: its best answer
leaps from price to price, so that no price clears, and there are as many candidates as ways to say in which intervals it
charges. As in `storage_step`, discharging there follows the value as slowly as charging does: one of both is always
nothing, the answer stays within the battery's bounds and continuous, and it may miss the optimum by a little. How much
at most, `battery` returns: what charging and discharging at once would gain bounds every answer that can be done.
A kernel that also adds to `slope` gives how the answer moves with its pull: between two bounds the energy is constant, so
each stretch adds (delta_ts - beta_t beta_s / sum beta^2) / curvature over those of its intervals that can move.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cim.model.arrays import Floats

_FAR = 1e300


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _insert(values: Floats, changes: Floats, start: int, end: int, value: float, change: float) -> tuple[int, int]:
    """Put a breakpoint where it belongs in values[start:end], moving the shorter side; the new (start, end)."""
    low, high = start, end
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
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
def battery_values(
    pull: Floats,
    curvature: float,
    wear: float,
    charge_kw: float,
    discharge_kw: float,
    eta_in: float,
    eta_out: float,
    energy: float,
    capacity: float,
    worth: Floats,
    work: Floats,
    burning: float,
) -> None:
    """Write into `worth` [T] the marginal value of stored energy (ct per kW-interval); the day ends as it begins.

    Args:
        energy, capacity: stored now and at most, kW-intervals; the least is 0.
        burning: the value below which discharging follows it as slowly as charging does (`burning_value`).
        work: [4, 12 T] room to work in.
    """
    length = len(pull)
    values, changes, lows, highs = work[0], work[1], work[2], work[3]
    start = end = 6 * length
    bottom = top = energy
    slope_out = 1.0 / (curvature * eta_out * eta_out)
    slope_slow = eta_in / (curvature * eta_out)
    slope_in = eta_in * eta_in / curvature
    for t in range(length):
        before = pull[t] - wear
        after = pull[t] + wear
        if discharge_kw > 0:
            full, none = (before - curvature * discharge_kw) * eta_out, before * eta_out
            if full >= burning:
                start, end = _insert(values, changes, start, end, full, slope_out)
                start, end = _insert(values, changes, start, end, none, -slope_out)
            else:
                full = burning + (full - burning) / (eta_out * eta_in)
                start, end = _insert(values, changes, start, end, full, slope_slow)
                if none > burning:
                    start, end = _insert(values, changes, start, end, burning, slope_out - slope_slow)
                    start, end = _insert(values, changes, start, end, none, -slope_out)
                else:
                    none = burning + (none - burning) / (eta_out * eta_in)
                    start, end = _insert(values, changes, start, end, none, -slope_slow)
        if charge_kw > 0:
            start, end = _insert(values, changes, start, end, after / eta_in, slope_in)
            start, end = _insert(values, changes, start, end, (after + curvature * charge_kw) / eta_in, -slope_in)
        bottom -= discharge_kw / eta_out
        top += charge_kw * eta_in
        least, most = 0.0, capacity
        if t == length - 1:
            least = most = energy
        low, high = -_FAR, _FAR
        if bottom < least:
            start, low = _cut_left(values, changes, start, end, least - bottom)
            bottom = least
        if top > most:
            end, high = _cut_right(values, changes, start, end, top - most)
            top = most
        lows[t], highs[t] = low, high
    value = 0.0
    for t in range(length - 1, -1, -1):
        value = min(max(value, lows[t]), highs[t])
        worth[t] = value


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def burning_value(wear: float, eta_in: float, eta_out: float) -> float:
    """The value of stored energy below which burning it would pay, ct per kW-interval; -1e300 without losses."""
    lost = 1.0 / eta_out - eta_in
    return -2.0 * wear / lost if lost > 1e-12 else -_FAR


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def out_worth(worth: float, burning: float, eta_in: float, eta_out: float) -> float:
    """What a kW of discharging takes out of the store is worth, ct."""
    return max(worth, burning) / eta_out + min(worth - burning, 0.0) * eta_in


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cut_left(values: Floats, changes: Floats, start: int, end: int, rise: float) -> tuple[int, float]:
    """Cut the curve off where it has risen by `rise` from its left end: (new start, value there)."""
    slope = 0.0
    k = start
    while k < end - 1:
        slope += changes[k]
        step = slope * (values[k + 1] - values[k])
        if step >= rise:
            cut = min(values[k] + rise / slope, values[k + 1]) if rise > 0 else values[k]
            values[k] = cut
            changes[k] = slope
            return k, cut
        rise -= step
        k += 1
    cut = values[end - 1] if end > start else 0.0
    return end, cut


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cut_right(values: Floats, changes: Floats, start: int, end: int, fall: float) -> tuple[int, float]:
    """Cut the curve off where it lies `fall` below its right end: (new end, value there)."""
    slope = 0.0
    k = end - 1
    while k > start:
        slope -= changes[k]
        step = slope * (values[k] - values[k - 1])
        if step >= fall:
            cut = max(values[k] - fall / slope, values[k - 1]) if fall > 0 else values[k]
            values[k] = cut
            changes[k] = -slope
            return k + 1, cut
        fall -= step
        k -= 1
    cut = values[start] if end > start else 0.0
    return start, cut


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def battery(
    pull: Floats,
    curvature: float,
    wear: float,
    charge_kw: float,
    discharge_kw: float,
    eta_in: float,
    eta_out: float,
    energy: float,
    capacity: float,
    power: Floats,
    slope: Floats,
    sensitive: bool,
    worth: Floats,
    work: Floats,
) -> float:
    """Write the battery's best power [T] into `power`: it charges or discharges, never both.

    Where `sensitive`, -d power / d pull is added to `slope` [T, T], to its lower half.

    Returns:
        By how much at most, ct, something else that it can do would be better: 0 unless burning energy would pay.
    """
    length, burning = len(pull), burning_value(wear, eta_in, eta_out)
    battery_values(
        pull, curvature, wear, charge_kw, discharge_kw, eta_in, eta_out, energy, capacity, worth, work, burning
    )
    burns = False
    for t in range(length):
        into = min(max((eta_in * worth[t] - pull[t] - wear) / curvature, 0.0), charge_kw)
        left = out_worth(worth[t], burning, eta_in, eta_out)
        out_of = min(max((pull[t] - left - wear) / curvature, 0.0), discharge_kw)
        power[t] = into - out_of
        burns = burns or worth[t] < burning
    missed = 0.0
    if burns:
        ideal = np.empty(length)
        battery_values(
            pull, curvature, wear, charge_kw, discharge_kw, eta_in, eta_out, energy, capacity, ideal, work, -_FAR
        )
        for t in range(length):
            into = min(max((eta_in * ideal[t] - pull[t] - wear) / curvature, 0.0), charge_kw)
            out_of = min(max((pull[t] - ideal[t] / eta_out - wear) / curvature, 0.0), discharge_kw)
            missed += 0.5 * curvature * (power[t] * power[t] - into * into - out_of * out_of)
            missed += wear * (abs(power[t]) - into - out_of) + pull[t] * (power[t] - into + out_of)
        missed = max(missed, 0.0)
    if not sensitive:
        return missed
    where, beta = work[0], work[1]
    first = 0
    while first < length:
        last = first
        count, square = 0, 0.0
        while last < length and worth[last] == worth[first]:
            p = power[last]
            if (0.0 < p < charge_kw) or (-discharge_kw < p < 0.0):
                b = eta_in if p > 0 else 1.0 / eta_out
                if p < 0 and worth[last] < burning:
                    b = np.sqrt(eta_in / eta_out)  # its value moves it by eta_in, it moves the energy by 1 / eta_out
                where[count] = last
                beta[count] = b
                square += b * b
                count += 1
            last += 1
        for i in range(count):
            row = int(where[i])
            shared = beta[i] / (square * curvature)
            slope[row, row] += 1.0 / curvature
            for j in range(i + 1):
                slope[row, int(where[j])] -= shared * beta[j]
        first = last
    return missed


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def vehicle(  # noqa: PLR0912  compiled loops instead of array expressions
    pull: Floats,
    curvature: float,
    arrival: int,
    departure: int,
    most_kw: float,
    energy: float,
    power: Floats,
    slope: Floats,
    sensitive: bool,
) -> None:
    """Write a vehicle's best charging power [T] into `power`: water is filled up to one level of its pulls.

    Args:
        arrival, departure: intervals in which it is plugged in, the last not included.
        energy: what it needs, kW-intervals; where that is more than it can get, it charges all the time.
    """
    for t in range(len(pull)):
        power[t] = 0.0
    count = departure - arrival
    if count <= 0 or energy <= 0.0:
        return
    if energy >= most_kw * count:
        for t in range(arrival, departure):
            power[t] = most_kw
        return
    least, most = pull[arrival], pull[arrival]
    for t in range(arrival, departure):
        least, most = min(least, pull[t]), max(most, pull[t])
    low, high = least, most + curvature * most_kw
    level = min(max(least + curvature * energy / count, low), high)
    for _ in range(100):
        total, moving = 0.0, 0
        for t in range(arrival, departure):
            p = (level - pull[t]) / curvature
            if p > 0.0:
                if p < most_kw:
                    total += p
                    moving += 1
                else:
                    total += most_kw
        missing = energy - total
        if abs(missing) <= 1e-12 * energy:
            break
        if missing > 0:
            low = level
        else:
            high = level
        step = level + missing * curvature / moving if moving else 0.5 * (low + high)
        if not low < step < high:
            step = 0.5 * (low + high)
        if step == level:
            break
        level = step
    moving = 0
    for t in range(arrival, departure):
        p = (level - pull[t]) / curvature
        power[t] = min(max(p, 0.0), most_kw)
        if 0.0 < p < most_kw:
            moving += 1
    if not sensitive:
        return
    for t in range(arrival, departure):
        if 0.0 < power[t] < most_kw:
            slope[t, t] += 1.0 / curvature
            for s in range(arrival, t + 1):
                if 0.0 < power[s] < most_kw:
                    slope[t, s] -= 1.0 / (curvature * moving)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def curtailed(
    pull: Floats, curvature: float, available_kw: Floats, power: Floats, slope: Floats, sensitive: bool
) -> None:
    """Write into `power` [T] by how much a PV plant is best curtailed, kW >= 0."""
    for t in range(len(pull)):
        power[t] = min(max(-pull[t] / curvature, 0.0), available_kw[t])
    if sensitive:
        for t in range(len(pull)):
            if 0.0 < power[t] < available_kw[t]:
                slope[t, t] += 1.0 / curvature


def working_room(length: int) -> Floats:
    """What `battery` needs to work in, for `length` intervals."""
    return np.zeros((4, 12 * length))
