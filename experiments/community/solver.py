"""The market's linear programmes solved by scipy's HiGHS."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from market.community.spain.best_coefficients import LinearProgramme


def solved(programme: LinearProgramme) -> Floats | None:
    """The optimal x; None where no x satisfies the rows, or the solver gives up."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    width = len(programme.cost)
    rows, columns, values = programme.upper
    upper = coo_array((values, (rows, columns)), shape=(len(programme.upper_b), width)).tocsr()
    rows, columns, values = programme.equal
    equal = coo_array((values, (rows, columns)), shape=(len(programme.equal_b), width)).tocsr()
    found = linprog(
        programme.cost,
        A_ub=upper,
        b_ub=programme.upper_b,
        A_eq=equal,
        b_eq=programme.equal_b,
        bounds=np.stack((np.zeros(width), programme.most), axis=1),
        method="highs",
    )
    return np.asarray(found.x, dtype=np.float64) if found.success else None
