"""The DSO's choice among offers: the cheapest mix that covers the need, as a small mixed-integer programme.

An offer's options are alternatives: at most one is ordered, not at all or between its MinActivationFactor and the whole
(Shapeshifter 3.1.0, "OfferOption"). What is cheaper by the DSO's own means is left to them.

A job (see `agents.planning.jobs`): it uses a solver, so it is never called inside a role.
"""

from __future__ import annotations

import math

import numpy as np

from cim.model.arrays import Floats

SHORTAGE_E4 = (
    1e4  # ten-thousandths per kW and ISP left uncovered, where nothing else is said: far above an offer's price
)
_NOTHING = 1e-7  # a factor that is only the solver's tolerance


def select(
    need_kw: Floats,
    options: tuple[Floats, ...],
    prices: tuple[int, ...],
    minimum_pct: tuple[int, ...],
    offers: tuple[int, ...] | None = None,
    outside_e4_per_kw: Floats | None = None,
) -> tuple[int, ...]:
    """Activation factors in whole percent (0 = not ordered), one per option.

    Args:
        need_kw: [T] change asked for, by the one sign rule; 0 where none.
        options: each [T] kW.
        prices: of each whole option, ten-thousandths.
        minimum_pct: smallest factor of each.
        offers: which offer each option belongs to; each to one of its own where it is left out.
        outside_e4_per_kw: [T] what a kW not ordered costs by other means, ten-thousandths per ISP.

    Returns:
        Factors, rounded up so that rounding leaves no need uncovered.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    asked = np.flatnonzero(need_kw)
    count, rows = len(options), len(asked)
    if not options or not rows:
        return (0,) * count
    helps = np.stack(options, axis=1)[asked] * np.sign(need_kw[asked])[:, None]
    outside = np.full(rows, SHORTAGE_E4) if outside_e4_per_kw is None else outside_e4_per_kw[asked]
    # variables: factor of each option, whether it is ordered at all, what is left uncovered in each ISP asked for
    lowest = np.array(minimum_pct) / 100
    none, whole = np.zeros((count, rows)), np.eye(count)
    of = np.arange(count) if offers is None else np.array(offers)
    one = (of[None, :] == np.unique(of)[:, None]).astype(float)  # of each offer, its options
    rules = [
        LinearConstraint(np.hstack([helps, np.zeros((rows, count)), np.eye(rows)]), lb=np.abs(need_kw[asked])),
        LinearConstraint(np.hstack([whole, -whole, none]), ub=0.0),
        LinearConstraint(np.hstack([whole, -np.diag(lowest), none]), lb=0.0),
        LinearConstraint(np.hstack([np.zeros_like(one), one, np.zeros((len(one), rows))]), ub=1.0),
    ]
    costs = np.concatenate([np.array(prices, dtype=float), np.zeros(count), outside])
    result = milp(
        costs / max(float(costs.max()), 1.0),
        integrality=np.repeat([0, 1, 0], [count, count, rows]),
        bounds=Bounds(0.0, np.repeat([1.0, 1.0, np.inf], [count, count, rows])),
        constraints=rules,
    )
    return tuple(
        0 if factor < _NOTHING else max(min(math.ceil(factor * 100 - 1e-6), 100), low)
        for factor, low in zip(result.x[:count], minimum_pct, strict=True)
    )
