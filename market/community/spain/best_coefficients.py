"""The best coefficients for expected hours, as a linear programme: most worth to all, and no member worse than by fixed ones.

Hours of one group (for example 11 h on working days of May) share their coefficients, since they are agreed before; where each
hour is a group of its own, they are as good as sharing after the fact. With x = what a member uses of its share:

    max  sum_h,i  (p_buy[h,i] - p_exc[h]) x[h,i] + p_exc[h] beta[g(h),i] ENG[h]
    x[h,i] <= EC[h,i]      x[h,i] <= beta[g(h),i] ENG[h]      sum_i beta[g,i] = 1
    each member's part of the objective, in each billing period >= that by fixed coefficients

Many coefficients may be as good; the nearest to the fixed ones are wanted, since what is expected is not what comes. So each kWh
that is moved from one member to another costs a little of what a bought one does (d = what beta is above the fixed one).

No solver is known here: whoever has one hands it in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from market.community.exact import MILLION
from market.community.money import exact_worth
from market.community.spain.sharing import Shared, share

_MOVED_COSTS = 0.03  # of what a bought kWh costs; chosen on unseen weeks, see docs/decisions.md
_STEPS = 10  # for each member, to give back what rounding took


@dataclass(frozen=True, eq=False)
class LinearProgramme:
    """min cost.x; rows (row, column, value) of `upper` give A x <= b, of `equal` A x = b; 0 <= x <= most."""

    cost: Floats
    upper: tuple[Ints, Ints, Floats]
    upper_b: Floats
    equal: tuple[Ints, Ints, Floats]
    equal_b: Floats
    most: Floats


Solver = Callable[[LinearProgramme], Floats | None]  # the optimal x, or None where nothing satisfies the rows


@dataclass(frozen=True, eq=False)
class Expected:
    """What is expected of some hours.

    Attributes:
        generated_wh: [H]; consumed_wh: [H, n].
        buy_e4_per_mwh: [H, n] what own use of a MWh saves a member; surplus_e4_per_mwh: [H] what one of its surplus earns it.
        group: [H] which hours share coefficients, numbered from 0.
        period: [H] the billing period of each, numbered from 0.
    """

    generated_wh: Ints
    consumed_wh: Ints
    buy_e4_per_mwh: Ints
    surplus_e4_per_mwh: Ints
    group: Ints
    period: Ints


def best_coefficients(expected: Expected, fixed_e6: Ints, solve: Solver) -> Ints:
    """[groups, n] millionths; every member's worth in each period is at least that by `fixed_e6` ([n]), exactly.

    What rounding to millionths and watt-hours takes from a member is given back by those who gain most. Where that cannot be, the
    mix with the fixed coefficients nearest to the optimum that keeps the bound is given; the fixed ones themselves always do.
    """
    if np.any(expected.surplus_e4_per_mwh[:, None] > expected.buy_e4_per_mwh):
        raise BadInput(
            "prices: surplus is worth more than what is bought; expected own use to be worth at least as much"
        )
    groups = int(expected.group.max()) + 1
    fixed = np.broadcast_to(fixed_e6, (groups, len(fixed_e6)))
    found = solve(programme(expected, fixed_e6))
    if found is None:
        return np.array(fixed)
    n, hours = len(fixed_e6), len(expected.generated_wh)
    beta = np.maximum(found[n * hours : n * (hours + groups)].reshape(groups, n), 0.0)
    least = worth_of_members(expected, fixed)
    for keep in (1.0, 0.99, 0.9, 0.5):
        mixed = _given_back(expected, whole(keep * beta + (1 - keep) * fixed / MILLION), least)
        if mixed is not None:
            return mixed
    return np.array(fixed)


def _given_back(expected: Expected, e6: Ints, least: list[Fraction]) -> Ints | None:
    """Coefficients near `e6` by which nobody has less than `least`; None where some steps do not lead there.

    Each step moves a few millionths of one group, where they are worth most to the member that lacks most, from the member
    that has most to spare.
    """
    e6 = e6.copy()
    n = e6.shape[1]
    for _ in range(_STEPS * len(least)):
        worth = worth_of_members(expected, e6)
        spare = [now - then for now, then in zip(worth, least, strict=True)]
        poorest = min(range(len(spare)), key=lambda k: spare[k])
        if spare[poorest] >= 0:
            return e6
        period, poor = divmod(poorest, n)
        shared = shared_by(expected, e6)
        lacking = (shared.allotted_wh[:, poor] < shared.consumed_wh[:, poor]) & (expected.period == period)
        per_e6 = expected.generated_wh * expected.buy_e4_per_mwh[:, poor] * lacking / 1e12
        by_group = np.bincount(expected.group, weights=per_e6, minlength=len(e6))
        group = int(by_group.argmax())
        if not by_group[group]:
            return None
        step = math.ceil(float(-spare[poorest]) / by_group[group]) + 1
        least_spare = [min(spare[k::n]) for k in range(n)]
        donors = [k for k in range(n) if k != poor and e6[group, k] >= step and least_spare[k] > 0]
        if not donors:
            return None
        e6[group, max(donors, key=lambda k: least_spare[k])] -= step
        e6[group, poor] += step
    return None


def programme(expected: Expected, fixed_e6: Ints) -> LinearProgramme:
    """The programme in kWh: first x by hour and member, then beta by group and member, then d likewise."""
    hours, n = expected.consumed_wh.shape
    groups = int(expected.group.max()) + 1
    eng = expected.generated_wh / 1000.0
    margin = ((expected.buy_e4_per_mwh - expected.surplus_e4_per_mwh[:, None]) / 1000.0).reshape(-1)
    x = np.arange(hours * n)
    member = np.tile(np.arange(n), hours)
    beta = hours * n + np.repeat(expected.group, n) * n + member
    surplus = np.repeat(expected.surplus_e4_per_mwh / 1000.0 * eng, n)
    least = np.array([float(w) for w in worth_of_members(expected, np.broadcast_to(fixed_e6, (groups, n)))])
    first_d = (hours + groups) * n
    cost = np.zeros(first_d + groups * n)
    cost[: hours * n] = -margin
    np.add.at(cost, beta, -surplus)
    energy = np.bincount(expected.group, weights=eng, minlength=groups)
    cost[first_d:] = np.repeat(energy, n) * expected.buy_e4_per_mwh.mean() / 1000.0 * _MOVED_COSTS
    own = np.arange(groups * n)
    bound = (hours + np.repeat(expected.period, n)) * n + member  # rows of least worth by period and member
    above = hours * n + len(least) + own  # rows beta - d <= fixed
    rows = np.concatenate((x, x, bound, bound, above, above))
    columns = np.concatenate((x, beta, x, beta, hours * n + own, first_d + own))
    values = np.concatenate(
        (np.ones(hours * n), -np.repeat(eng, n), -margin, -surplus, np.ones(groups * n), -np.ones(groups * n))
    )
    which = np.repeat(np.arange(groups), n)
    return LinearProgramme(
        cost=cost,
        upper=(rows, columns, values),
        upper_b=np.concatenate((np.zeros(hours * n), -least, np.tile(fixed_e6 / MILLION, groups))),
        equal=(which, hours * n + np.arange(groups * n), np.ones(groups * n)),
        equal_b=np.ones(groups),
        most=np.concatenate((expected.consumed_wh.reshape(-1) / 1000.0, np.ones(2 * groups * n))),
    )


def shared_by(expected: Expected, e6: Ints) -> Shared:
    """The expected hours shared by coefficients of their groups."""
    return share(expected.generated_wh, expected.consumed_wh, e6[expected.group])


def worth_of_members(expected: Expected, e6: Ints) -> list[Fraction]:
    """What own use saves and surplus earns in each period each member, ten-thousandths of the currency unit, before any cap."""
    shared, found = shared_by(expected, e6), []
    for period in range(int(expected.period.max()) + 1):
        there = expected.period == period
        surplus = expected.surplus_e4_per_mwh[there]
        for i in range(e6.shape[1]):
            own = exact_worth(shared.own_wh[there, i], expected.buy_e4_per_mwh[there, i])
            found.append(own + exact_worth(shared.surplus_wh[there, i], surplus))
    return found


def whole(beta: Floats) -> Ints:
    """Coefficients as millionths whose rows sum to a million, by largest remainders."""
    exact = beta / beta.sum(axis=1, keepdims=True) * MILLION
    parts = np.floor(exact).astype(np.int64)
    missing = MILLION - parts.sum(axis=1)
    rank = np.argsort(np.argsort(-(exact - parts), axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(parts + (rank < missing[:, None]), dtype=np.int64)
