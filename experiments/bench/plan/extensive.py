"""The extensive form, to compare with: an import and an export for each scenario, written down by itself (HiGHS by scipy)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from agents.planning.microgrid.problem import Microgrid
from cim.model.errors import ProgrammingFault


def extensive_cost_ct(grid: Microgrid) -> float:
    """The least mean cost over all scenarios, by one linear programme that holds each of them.

    Columns, each [T]: for each resource what it takes more and less; for each scenario what is imported and exported within
    the limits and beyond them.
    """
    count, hours, exchange = grid.count, grid.hours, grid.exchange
    one, none = eye_array(count), np.zeros(count)
    low, high, cost = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for resource in grid.resources:
        low += [none, none]
        high += [resource.high_kw - resource.baseline_kw, resource.baseline_kw - resource.low_kw]
        cost += [np.full(count, resource.up_ct_per_kwh * hours), np.full(count, resource.down_ct_per_kwh * hours)]
    share, far = hours / len(grid.scenarios_kw), np.full(count, np.inf)
    for _ in grid.scenarios_kw:
        low += [none] * 4
        high += [exchange.import_kw, exchange.export_kw, far, far]
        cost += [exchange.buy_ct_per_kwh * share, -exchange.sell_ct_per_kwh * share]
        cost += [(exchange.buy_ct_per_kwh + exchange.over_ct_per_kwh) * share]
        cost += [(exchange.over_ct_per_kwh - exchange.sell_ct_per_kwh) * share]
    steered = hstack([hstack([one, -one])] * len(grid.resources))
    met = kron(eye_array(len(grid.scenarios_kw)), hstack([-one, one, -one, one]))
    equal = hstack([vstack([steered] * len(grid.scenarios_kw)), met])
    baseline = np.sum([resource.baseline_kw for resource in grid.resources], axis=0)
    right = np.concatenate([-row - baseline for row in grid.scenarios_kw])
    bound, most = _bounds_of_resources(grid)
    left = csr_array((bound.shape[0], met.shape[1]))
    found = linprog(
        np.concatenate(cost),
        A_ub=hstack([bound, left]).tocsr(),
        b_ub=most,
        A_eq=equal.tocsr(),
        b_eq=right,
        bounds=np.column_stack([np.concatenate(low), np.concatenate(high)]),
        method="highs",
    )
    if found.x is None:
        raise ProgrammingFault(f"extensive form: {found.message}")
    return float(found.fun)


def _bounds_of_resources(grid: Microgrid) -> tuple[csr_array, np.ndarray]:
    """Energy (as a sum over the intervals so far) and ramps: rows over the resources' columns alone, at most."""
    count = grid.count
    so_far = np.tril(np.ones((count, count))) * grid.hours
    step = np.eye(count)[1:] - np.eye(count)[:-1]
    rows, most = list[csr_array](), list[np.ndarray]()
    for number, resource in enumerate(grid.resources):
        energy = np.hstack([so_far * resource.efficiency, -so_far / resource.efficiency])
        blocks = [energy, -energy]
        most += [resource.ceiling_kwh - resource.energy_kwh, resource.energy_kwh - resource.floor_kwh]
        if np.isfinite(resource.ramp_kw):
            change, jump = np.hstack([step, -step]), np.diff(resource.baseline_kw)
            blocks += [change, -change]
            most += [resource.ramp_kw - jump, resource.ramp_kw + jump]
        before = csr_array((sum(map(len, blocks)), 2 * count * number))
        after = csr_array((sum(map(len, blocks)), 2 * count * (len(grid.resources) - number - 1)))
        rows.append(hstack([before, csr_array(np.vstack(blocks)), after]).tocsr())
    return vstack(rows).tocsr(), np.concatenate(most)
