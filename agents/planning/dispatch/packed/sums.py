"""Blocks of members answered in one compiled call: only the sums come back.

The three functions take a `Members` field by field, since compiled code knows no classes. A member is a battery, a
vehicle, a PV plant and a load; any of them may be nothing (rating or energy 0).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from agents.planning.dispatch.packed.kernels import battery, curtailed, vehicle
from cim.model.arrays import Floats


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def own_cost(curvature: float, wear: float, power: Floats) -> float:
    """What a device's power [T] costs its owner, ct."""
    square, moved = 0.0, 0.0
    for p in power:
        square += p * p
        moved += abs(p)
    return 0.5 * curvature * square + wear * moved


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def respond(
    members: tuple[Floats, Floats, Floats], which: Floats, pull: Floats, sensitive: bool, slope: Floats, total: Floats
) -> tuple[float, float]:
    """The sum of the best responses of the members `which` to one price.

    Args:
        members: ratings [N, 14], PV power available [N, T], load [N, T]; see `Members`.
        pull: [T] the price, ct/kW per interval.
        slope: [T, T] gets -d total / d pull added, its lower half, where `sensitive`.
        total: [T] gets the sum of net powers added, kW.

    Returns:
        Their own costs, ct, and the sum of their least of cost plus price, ct: no more than it is, where a battery's best
        is not known (`kernels.battery`).
    """
    ratings, available, load = members
    length = len(pull)
    power, worth, work = np.empty(length), np.empty(length), np.empty((4, 12 * length))
    cost, missed = 0.0, 0.0
    here = np.zeros(length)
    for i in which:
        r = ratings[i]
        if r[4] > 0.0:
            missed += battery(
                pull, r[0], r[1], r[2], r[3], r[5], r[6], r[7], r[4], power, slope, sensitive, worth, work
            )
            cost += own_cost(r[0], r[1], power)
            here += power
        if r[12] > 0.0:
            vehicle(pull, r[8], int(r[9]), int(r[10]), r[11], r[12], power, slope, sensitive)
            cost += own_cost(r[8], 0.0, power)
            here += power
        if r[13] > 0.0:
            curtailed(pull, r[13], available[i], power, slope, sensitive)
            cost += own_cost(r[13], 0.0, power)
            here += power
        for t in range(length):
            here[t] += load[i, t] - available[i, t]
    least = cost - missed
    for t in range(length):
        least += pull[t] * here[t]
        total[t] += here[t]
    return cost, least


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def promise(
    members: tuple[Floats, Floats, Floats],
    which: Floats,
    lost: Floats,
    number: int,
    pulls: Floats,
    promises: tuple[Floats, Floats, Floats, Floats],
    slope: Floats,
    total: Floats,
) -> tuple[float, float]:
    """As `respond`, but a member whose answer is lost holds its last promise.

    What such a member could gain at the new price is bounded by its promise's worth there, less what its devices could
    move for the difference of the prices (their curvatures are known): so the second sum still lies below the true one.
    Where its promise was not surely its best, what its devices could move at all stands in for that.

    Args:
        lost: [N] whose answers do not arrive.
        number: of the round; `pulls` [R, T] holds its price in row `number`, and those of the rounds before.
        promises: net powers [N, T], costs [N], what they miss of the best at most [N] and rounds [N] of the last answers
            that arrived; a round of -1 is none yet.
    """
    ratings, available, load = members
    profiles, costs, misses, rounds = promises
    length = pulls.shape[1]
    cost, least = 0.0, 0.0
    one = np.empty(1, dtype=np.int64)
    mine = np.empty(length)
    for i in which:
        then = int(rounds[i])
        if not lost[i] or then < 0:
            one[0] = i
            mine[:] = 0.0
            own, best = respond(members, one, pulls[number], True, slope, mine)
            profiles[i] = mine
            costs[i] = own
            misses[i] = own + np.sum(pulls[number] * mine) - best
            if misses[i] <= 1e-9 * (1.0 + abs(best)):
                misses[i] = 0.0
            rounds[i] = number
            then = number
        gain = 0.0
        for t in range(length):
            off = pulls[number, t] - pulls[then, t]
            gain += off * off
            least += pulls[number, t] * profiles[i, t]
            total[t] += profiles[i, t]
        if misses[i] > 0.0:
            r = ratings[i]
            for t in range(length):
                off = pulls[number, t] - pulls[then, t]
                fixed = load[i, t] - available[i, t]
                most = fixed + (r[2] if r[4] > 0.0 else 0.0) + (r[11] if r[12] > 0.0 else 0.0)
                most += available[i, t] if r[13] > 0.0 else 0.0
                low = fixed - (r[3] if r[4] > 0.0 else 0.0)
                least += min(off * low, off * most) - off * profiles[i, t]
            least += costs[i] - misses[i]
            cost += costs[i]
            continue
        loose = 0.0
        for k, there in ((0, 4), (8, 12), (13, 13)):
            if ratings[i, there] > 0.0:
                loose += 1.0 / ratings[i, k]
        least += costs[i] - 0.5 * loose * gain
        cost += costs[i]
    return cost, least


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def approach(
    members: tuple[Floats, Floats, Floats],
    which: Floats,
    signal: tuple[Floats, Floats],
    penalty: tuple[float, float],
    answers: Floats,
    shared: Floats,
    total: Floats,
) -> float:
    """One ADMM round: each device's best power near its share of the sum; returns the members' own costs.

    Args:
        signal: [T] by how much all shares are less than the devices' last (relaxed) powers, and [T] the scaled price, kW.
        penalty: rho and over-relaxation.
        answers: [N, 3, T] last answers of battery, vehicle and plant; replaced by the new ones.
        shared: [N, 3, T] their shares of the sum; replaced as well.
        total: [T] gets the sum of the devices' powers added, without loads and available PV power.
    """
    ratings, available, _ = members
    shift, dual = signal
    rho, relaxation = penalty
    length = len(dual)
    power, pull, worth, work = np.empty(length), np.empty(length), np.empty(length), np.empty((4, 12 * length))
    slope = np.empty((1, 1))
    cost = 0.0
    for i in which:
        r = ratings[i]
        for device in range(3):
            rated = (r[4], r[12], r[13])[device]
            if rated <= 0.0:
                continue
            for t in range(length):
                share = relaxation * answers[i, device, t] + (1.0 - relaxation) * shared[i, device, t] - shift[t]
                shared[i, device, t] = share
                pull[t] = rho * (dual[t] - share)
            if device == 0:
                battery(pull, r[0] + rho, r[1], r[2], r[3], r[5], r[6], r[7], r[4], power, slope, False, worth, work)
                cost += own_cost(r[0], r[1], power)
            elif device == 1:
                vehicle(pull, r[8] + rho, int(r[9]), int(r[10]), r[11], r[12], power, slope, False)
                cost += own_cost(r[8], 0.0, power)
            else:
                curtailed(pull, r[13] + rho, available[i], power, slope, False)
                cost += own_cost(r[13], 0.0, power)
            for t in range(length):
                answers[i, device, t] = power[t]
                total[t] += power[t]
    return cost
