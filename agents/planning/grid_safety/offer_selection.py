"""The DSO's choice among offers: the cheapest activation factors that cover the need, as a small mixed-integer programme.

An offer is ordered not at all or between its MinActivationFactor and the whole (Shapeshifter 3.1.0, "OfferOption").

A job (see `agents.planning.jobs`): it uses a solver, so it is never called inside a role.
"""

from __future__ import annotations

import math

import numpy as np

from cim.model.arrays import Floats

_SHORTAGE = 1e4  # ten-thousandths per kW and ISP left uncovered: far above an offer's price, so need comes first
_NOTHING = 1e-7  # a factor that is only the solver's tolerance


def select(
    need_kw: Floats, offers: tuple[Floats, ...], prices: tuple[int, ...], minimum_pct: tuple[int, ...]
) -> tuple[int, ...]:
    """Activation factors in whole percent (0 = not ordered), one per offer.

    Args:
        need_kw: [T] change asked for, by the one sign rule; 0 where none.
        offers: each [T] kW.
        prices: of each whole offer, ten-thousandths.
        minimum_pct: smallest factor of each.

    Returns:
        Factors, rounded up so that rounding leaves no need uncovered.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    asked = np.flatnonzero(need_kw)
    count, rows = len(offers), len(asked)
    if not offers or not rows:
        return (0,) * count
    helps = np.stack(offers, axis=1)[asked] * np.sign(need_kw[asked])[:, None]
    # variables: factor of each offer, whether it is ordered at all, what is left uncovered in each ISP asked for
    lowest = np.array(minimum_pct) / 100
    none, whole = np.zeros((count, rows)), np.eye(count)
    rules = [
        LinearConstraint(np.hstack([helps, np.zeros((rows, count)), np.eye(rows)]), lb=np.abs(need_kw[asked])),
        LinearConstraint(np.hstack([whole, -whole, none]), ub=0.0),
        LinearConstraint(np.hstack([whole, -np.diag(lowest), none]), lb=0.0),
    ]
    result = milp(
        np.concatenate([np.array(prices, dtype=float), np.zeros(count), np.full(rows, _SHORTAGE)]),
        integrality=np.repeat([0, 1, 0], [count, count, rows]),
        bounds=Bounds(0.0, np.repeat([1.0, 1.0, np.inf], [count, count, rows])),
        constraints=rules,
    )
    return tuple(
        0 if factor < _NOTHING else max(min(math.ceil(factor * 100 - 1e-6), 100), low)
        for factor, low in zip(result.x[:count], minimum_pct, strict=True)
    )
