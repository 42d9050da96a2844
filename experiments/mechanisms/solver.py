"""The linear solver that is handed to mechanisms which clear by optimisation: HiGHS."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from cim.model.arrays import Floats
from cim.model.errors import IlesError
from market.mechanisms.network import Optimum


class NoOptimum(IlesError):
    """The program has no solution."""


def highs(costs: Floats, matrix: Floats, room: Floats, most: Floats) -> Optimum:
    """See `market.mechanisms.network.LinearSolver`.

    Raises:
        NoOptimum: HiGHS found none, in its words.
    """
    bounds = np.stack([np.zeros_like(most), most], axis=1)
    found = linprog(costs, A_ub=matrix, b_ub=room, bounds=bounds, method="highs-ds")
    if found.x is None:
        raise NoOptimum(f"mechanism's program: {found.message}")
    return Optimum(found.x, -found.ineqlin.marginals)
