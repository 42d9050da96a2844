"""The DSO's choice among offers: the cheapest activation factors that cover the need, as a small linear programme.

A job (see `agents.planning.jobs`): it uses a solver, so it is never called inside a role.
"""

from __future__ import annotations

import math

import numpy as np

from agents.planning.storage import Floats

_SHORTAGE = 1e4  # ten-thousandths per kW and ISP left uncovered: above any offer's price, so need comes first


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
    from scipy.optimize import linprog

    if not offers:
        return ()
    asked = np.flatnonzero(need_kw)
    sign = np.sign(need_kw[asked])
    matrix = np.array([[offer[t] * s for offer in offers] for t, s in zip(asked, sign, strict=True)])
    count, rows = len(offers), len(asked)
    cost = np.concatenate([np.array(prices, dtype=float), np.full(rows, _SHORTAGE)])
    result = linprog(
        cost,
        A_ub=-np.hstack([matrix, np.eye(rows)]),
        b_ub=-np.abs(need_kw[asked]),
        bounds=[(0, 1)] * count + [(0, None)] * rows,
        method="highs",
    )
    factors = result.x[:count]
    return tuple(
        0 if factor < 1e-3 else max(min(math.ceil(factor * 100 - 1e-6), 100), low)
        for factor, low in zip(factors, minimum_pct, strict=True)
    )
