"""The best coefficients for expected hours, as a linear programme: most worth to all, and no member worse than by fixed ones.

Hours of one group (for example 11 h on working days of May) share their coefficients, since they are agreed before; where each
hour is a group of its own, they are as good as sharing after the fact. With x = what a member uses of its share:

    max  sum_h,i  (p_buy - p_exc)[h] x[h,i] + p_exc[h] beta[g(h),i] ENG[h]
    x[h,i] <= EC[h,i]      x[h,i] <= beta[g(h),i] ENG[h]      sum_i beta[g,i] = 1
    each member's part of the objective >= its worth by fixed coefficients

No solver is known here: whoever has one hands it in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from market.community.exact import MILLION
from market.community.money import exact_worth
from market.community.spain.sharing import Shared, share


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
    """What is expected of some hours, of one billing period.

    Attributes:
        generated_wh: [H]; consumed_wh: [H, n].
        buy_e4_per_mwh: [H] what a bought MWh costs a member, all that its own use saves; surplus_e4_per_mwh: [H] what one of its
            surplus earns it.
        group: [H] which hours share coefficients, numbered from 0.
    """

    generated_wh: Ints
    consumed_wh: Ints
    buy_e4_per_mwh: Ints
    surplus_e4_per_mwh: Ints
    group: Ints


def best_coefficients(expected: Expected, fixed_e6: Ints, solve: Solver) -> Ints:
    """[groups, n] millionths; every member's worth over the expected hours is at least that by `fixed_e6` ([n]), exactly.

    Where rounding to millionths and watt-hours would take that from any member, the mix with the fixed coefficients
    nearest to the optimum that keeps it is given; the fixed ones themselves always do.
    """
    if np.any(expected.surplus_e4_per_mwh > expected.buy_e4_per_mwh):
        raise BadInput(
            "prices: surplus is worth more than what is bought; expected own use to be worth at least as much"
        )
    groups = int(expected.group.max()) + 1
    fixed = np.broadcast_to(fixed_e6, (groups, len(fixed_e6)))
    found = solve(programme(expected, fixed_e6))
    if found is None:
        return np.array(fixed)
    n, hours = len(fixed_e6), len(expected.generated_wh)
    beta = np.maximum(found[n * hours :].reshape(groups, n), 0.0)
    least = worth_of_members(expected, fixed)
    for keep in (1.0, 0.999, 0.99, 0.9, 0.5):
        mixed = whole(keep * beta + (1 - keep) * fixed / MILLION)
        if all(now >= then for now, then in zip(worth_of_members(expected, mixed), least, strict=True)):
            return mixed
    return np.array(fixed)


def programme(expected: Expected, fixed_e6: Ints) -> LinearProgramme:
    """The programme in kWh: first x by hour and member, then beta by group and member."""
    hours, n = expected.consumed_wh.shape
    groups = int(expected.group.max()) + 1
    eng = expected.generated_wh / 1000.0
    margin = np.repeat((expected.buy_e4_per_mwh - expected.surplus_e4_per_mwh) / 1000.0, n)
    x = np.arange(hours * n)
    member = np.tile(np.arange(n), hours)
    beta = hours * n + np.repeat(expected.group, n) * n + member
    surplus = np.repeat(expected.surplus_e4_per_mwh / 1000.0 * eng, n)
    cost = np.zeros(hours * n + groups * n)
    cost[: hours * n] = -margin
    np.add.at(cost, beta, -surplus)
    least = np.array([float(w) for w in worth_of_members(expected, np.broadcast_to(fixed_e6, (groups, n)))])
    rows = np.concatenate((x, x, hours * n + member, hours * n + member))
    columns = np.concatenate((x, beta, x, beta))
    values = np.concatenate((np.ones(hours * n), -np.repeat(eng, n), -margin, -surplus))
    which = np.repeat(np.arange(groups), n)
    return LinearProgramme(
        cost=cost,
        upper=(rows, columns, values),
        upper_b=np.concatenate((np.zeros(hours * n), -least)),
        equal=(which, hours * n + np.arange(groups * n), np.ones(groups * n)),
        equal_b=np.ones(groups),
        most=np.concatenate((expected.consumed_wh.reshape(-1) / 1000.0, np.ones(groups * n))),
    )


def shared_by(expected: Expected, e6: Ints) -> Shared:
    """The expected hours shared by coefficients of their groups."""
    return share(expected.generated_wh, expected.consumed_wh, e6[expected.group])


def worth_of_members(expected: Expected, e6: Ints) -> list[Fraction]:
    """What own use saves and surplus earns each member, ten-thousandths of the currency unit, before any cap."""
    shared = shared_by(expected, e6)
    return [
        exact_worth(shared.own_wh[:, i], expected.buy_e4_per_mwh)
        + exact_worth(shared.surplus_wh[:, i], expected.surplus_e4_per_mwh)
        for i in range(shared.own_wh.shape[1])
    ]


def whole(beta: Floats) -> Ints:
    """Coefficients as millionths whose rows sum to a million, by largest remainders."""
    exact = beta / beta.sum(axis=1, keepdims=True) * MILLION
    parts = np.floor(exact).astype(np.int64)
    missing = MILLION - parts.sum(axis=1)
    rank = np.argsort(np.argsort(-(exact - parts), axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(parts + (rank < missing[:, None]), dtype=np.int64)
