"""The same dispatch in one piece, as a quadratic programme: what few members are dispatched by, and the rounds are held to.

It needs every member's ratings in one place, which only members packed in one host have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import PriceAsked
from agents.planning.dispatch.packed.second_order import Dispatch
from cim.model.arrays import Floats, Mask
from cim.model.errors import BadInput

Solver = Literal["clarabel", "piqp", "osqp"]
_NO_BOUND = 1e20
_KEPT_KW = 1e-6  # per member: what a solver's tolerance leaves of an excess


@dataclass(frozen=True, slots=True)
class Programme:
    """min x'Px/2 + q'x with Ax = b and low <= x <= high; `profiles` gives each member's net powers from x.

    Columns: for each member charge, discharge, energy (kW-intervals), vehicle, curtailed [each T]; then the sum and its
    excess beyond import and export cap [each T].
    """

    quadratic: Floats
    linear: Floats
    equal: Any
    value: Floats
    low: Floats
    high: Floats
    constant_ct: float


def programme(members: Members, coupling: Coupling) -> Programme:
    """The members' dispatch as a quadratic programme."""
    n, length, r = len(members), members.length, members.ratings
    each = np.ones(length)

    def column(rating: Rating) -> Floats:
        values: Floats = np.repeat(r[:, rating], length).reshape(n, length)
        return values

    t = np.arange(length)[None, :]
    there = (t >= r[:, [Rating.ARRIVAL]]) & (t < r[:, [Rating.DEPARTURE]])
    capacity, start = column(Rating.CAPACITY) / members.hours, column(Rating.ENERGY) / members.hours
    high_energy, low_energy = capacity.copy(), np.zeros((n, length))
    high_energy[:, -1] = low_energy[:, -1] = start[:, -1]
    nothing = np.zeros((n, length))
    has = r[:, [Rating.CAPACITY]] > 0
    curvature, wear = column(Rating.BATTERY_CURVATURE), column(Rating.BATTERY_WEAR)
    sun = np.where(r[:, [Rating.PV_CURVATURE]] > 0, members.available_kw, 0.0)
    quadratic = np.stack(
        [curvature, curvature, nothing, column(Rating.VEHICLE_CURVATURE), column(Rating.PV_CURVATURE)], 1
    )
    linear = np.stack([wear, wear, nothing, nothing, nothing], 1)
    high = np.stack(
        [
            np.where(has, column(Rating.CHARGE_KW), 0.0),
            np.where(has, column(Rating.DISCHARGE_KW), 0.0),
            high_energy,
            np.where(there, column(Rating.VEHICLE_KW), 0.0),
            sun,
        ],
        1,
    )
    low = np.stack([nothing, nothing, low_energy, nothing, nothing], 1)
    need = np.maximum(r[:, Rating.VEHICLE_ENERGY] - members.unserved_kwh(), 0.0) / members.hours
    step = sparse.eye(length) - sparse.eye(length, k=-1)
    rows = sparse.block_diag(
        [
            sparse.bmat(
                [
                    [-eta_in * sparse.eye(length), sparse.eye(length) / eta_out, step, None, None],
                    [None, None, None, sparse.csr_matrix(each[None, :]), sparse.csr_matrix((1, length))],
                ]
            )
            for eta_in, eta_out in np.maximum(r[:, [Rating.ETA_IN, Rating.ETA_OUT]], 1e-3)
        ]
    )
    unit, zero = sparse.eye(length), sparse.csr_matrix((length, length))
    net = sparse.hstack([sparse.hstack([unit, -unit, zero, unit, unit])] * n)
    dear = coupling.excess_ct_per_kwh * coupling.hours
    soft = coupling.softness
    first = np.zeros((n, length + 1))
    first[:, 0] = np.where(r[:, Rating.CAPACITY] > 0, start[:, 0], 0.0)
    first[:, -1] = need
    fixed = (members.load_kw - members.available_kw).sum(axis=0)
    # The sum, then: sum - over + under lies within the caps.
    width = 5 * n * length
    equal = sparse.bmat(
        [
            [rows, None, None, None, None],
            [net, -unit, None, None, None],
            [sparse.csr_matrix((length, width)), unit, -unit, unit, -unit],
        ],
        format="csc",
    )
    return Programme(
        np.concatenate([quadratic.ravel(), np.full(length, coupling.peak_ct_per_kw2), *soft, np.zeros(length)]),
        np.concatenate(
            [linear.ravel(), coupling.price_ct_per_kwh * coupling.hours, dear * each, dear * each, 0 * each]
        ),
        equal,
        np.concatenate([first.ravel(), -fixed, np.zeros(length)]),
        np.concatenate([low.ravel(), -_NO_BOUND * each, 0 * each, 0 * each, -coupling.export_kw]),
        np.concatenate([high.ravel(), _NO_BOUND * each, _NO_BOUND * each, _NO_BOUND * each, coupling.import_kw]),
        0.0,
    )


def _reduced(p: Programme) -> tuple[Programme, Mask, Mask]:
    """Without the columns that have one value only, which interior points cannot do with; which columns and rows are left."""
    free = p.high > p.low
    fixed = np.where(free, 0.0, p.low)
    value = p.value - p.equal @ fixed
    equal = p.equal[:, free].tocsr()
    full = np.diff(equal.indptr) > 0
    less = Programme(
        p.quadratic[free], p.linear[free], equal[full].tocsc(), value[full], p.low[free], p.high[free], 0.0
    )
    constant = float(p.linear @ fixed + p.quadratic @ (fixed * fixed) / 2)
    return replace(less, constant_ct=p.constant_ct + constant), free, full


def solve(p: Programme, solver: Solver, tolerance: float) -> tuple[Floats, float, Floats]:
    """The optimal x, its cost, ct, and the equations' multipliers: b's growth by 1 saves as much, ct.

    Raises:
        BadInput: the solver found no optimum; its own word is told.
    """
    whole, (p, free, full) = p, _reduced(p)
    quadratic = sparse.diags(p.quadratic, format="csc")
    if solver == "piqp":
        import piqp

        machine = piqp.SparseSolver()
        machine.settings.eps_rel = tolerance
        machine.settings.eps_abs = tolerance
        low = np.where(p.low > -_NO_BOUND, p.low, -np.inf)
        high = np.where(p.high < _NO_BOUND, p.high, np.inf)
        machine.setup(quadratic, p.linear, p.equal, p.value, x_l=low, x_u=high)
        status = machine.solve()
        x, y = np.asarray(machine.result.x), np.asarray(machine.result.y)
        fine = status == piqp.PIQP_SOLVED
    elif solver == "osqp":
        import osqp

        both = sparse.vstack([p.equal, sparse.eye(len(p.linear))], format="csc")
        first = osqp.OSQP()
        first.setup(
            quadratic,
            p.linear,
            both,
            np.concatenate([p.value, p.low]),
            np.concatenate([p.value, p.high]),
            verbose=False,
            eps_abs=tolerance,
            eps_rel=tolerance,
            max_iter=100_000,
        )
        result = first.solve()
        x, y, status, fine = result.x, result.y[: len(p.value)], result.info.status, result.info.status == "solved"
    else:
        x, y, status, fine = _clarabel(p, tolerance)
    if not fine:
        raise BadInput(f"dispatch: {solver} ended with {status}; expected an optimum")
    found = whole.low.copy()
    found[free] = x
    multipliers = np.zeros(len(whole.value))
    multipliers[full] = y
    return found, float(p.linear @ x + p.quadratic @ (x * x) / 2) + p.constant_ct, multipliers


def _clarabel(p: Programme, tolerance: float) -> tuple[Floats, Floats, str, bool]:
    import clarabel

    unit = sparse.eye(len(p.linear), format="csr")
    upper, lower = p.high < _NO_BOUND, p.low > -_NO_BOUND
    rows = sparse.vstack([p.equal, unit[upper], -unit[lower]], format="csc")
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_rel = settings.tol_gap_abs = settings.tol_feas = tolerance
    result = clarabel.DefaultSolver(
        sparse.diags(p.quadratic, format="csc"),
        p.linear,
        rows,
        np.concatenate([p.value, p.high[upper], -p.low[lower]]),
        [clarabel.ZeroConeT(len(p.value)), clarabel.NonnegativeConeT(int(upper.sum() + lower.sum()))],
        settings,
    ).solve()
    fine = result.status in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved)
    return np.asarray(result.x), np.asarray(result.z)[: len(p.value)], str(result.status), fine


def profiles(members: Members, x: Floats) -> Floats:
    """[N, 3, T] what battery, vehicle and plant of each member do in a solution."""
    n, length = len(members), members.length
    parts = x[: 5 * n * length].reshape(n, 5, length)
    return np.stack([parts[:, 0] - parts[:, 1], parts[:, 3], parts[:, 4]], 1)


def burned_kw(members: Members, x: Floats) -> Floats:
    """[N, T] kW that a solution charges and discharges at once: what no battery can do."""
    n, length = len(members), members.length
    parts = x[: 5 * n * length].reshape(n, 5, length)
    return np.minimum(parts[:, 0], parts[:, 1])


def one_way(p: Programme, members: Members, price_ct_per_kwh: Floats) -> Programme:
    """The programme in which every battery does in each interval one of both alone: which, its own answer to a price says."""
    n, length = len(members), members.length
    answer = PackedHost(members).profiles(price_ct_per_kwh)[:, 0]
    burns = members.ratings[:, [Rating.CAPACITY]] > 0
    high = p.high.copy()
    parts = high[: 5 * n * length].reshape(n, 5, length)
    # Where its answer is to rest, the price says which of both would come first.
    charges = np.where(answer == 0, price_ct_per_kwh[None, :] < np.median(price_ct_per_kwh), answer > 0)
    parts[:, 0] = np.where(burns & ~charges, 0.0, parts[:, 0])
    parts[:, 1] = np.where(burns & charges, 0.0, parts[:, 1])
    return replace(p, high=high)


def dispatch_few(members: Members, coupling: Coupling) -> tuple[Dispatch, Floats]:
    """The dispatch of few members (below about 50) in one piece: with its certificate, and their profiles [N, 3, T].

    The bound is the members' and the coupling's own at the solver's price: the solver need not be right for it to hold.
    Where prices are so low that charging and discharging at once would pay, the programme is solved again with one of both
    alone in each interval: a dispatch that can be done, within the gap that is told of the best.
    """
    n, length = len(members), members.length
    whole = programme(members, coupling)
    x, _, multipliers = solve(whole, "clarabel", 1e-9)
    rows = n * (length + 1)
    price = multipliers[rows : rows + length] / coupling.hours
    if (burned_kw(members, x) > _KEPT_KW).any():
        x, _, _ = solve(one_way(whole, members, price), "clarabel", 1e-9)
    found = profiles(members, x)
    total = (found.sum(axis=1) + members.load_kw - members.available_kw).sum(axis=0)
    r = members.ratings
    square = (found**2).sum(axis=2)
    curved = r[:, [Rating.BATTERY_CURVATURE, Rating.VEHICLE_CURVATURE, Rating.PV_CURVATURE]]
    own = float((curved * square).sum() / 2 + r[:, Rating.BATTERY_WEAR] @ np.abs(found[:, 0]).sum(axis=1))
    least = PackedHost(members).ask(PriceAsked(0, price, sensitive=False))().least_ct + coupling.least_ct(price)
    answer = Dispatch(price, total, own + coupling.cost_ct(total), least, 1, 0, True)
    return replace(answer, broken=coupling.broken(total, _KEPT_KW * n), gaps=(answer.gap,)), found
