"""The dispatch with on/off devices as a mixed-integer programme of HiGHS': what the product's own is compared with.

HiGHS takes no squares with whole numbers, so each square is the most of some of its tangents. These lie below it: the
programme's lower bound is one of the dispatch, and its solution is a dispatch whose true cost is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from agents.planning.dispatch.packed import central
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members
from agents.planning.dispatch.packed.on_off import LeastPowerVehicle, OnOff, RunOnce
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput

TANGENTS = 6
_FAR_KW = 1e3  # per member: no sum is beyond


@dataclass(frozen=True, slots=True)
class MixedInteger:
    """The true cost of HiGHS' solution and its lower bound, ct; how many columns are whole numbers."""

    cost_ct: float
    bound_ct: float
    whole: int


class _Columns:
    """Columns and rows that are added to a programme: entries in its rows, and rows of their own."""

    def __init__(self, columns: int, rows: int) -> None:
        self.count, self.rows = columns, rows
        self.entries: list[tuple[Ints, Ints, Floats]] = []
        self.bounds: list[tuple[Floats, Floats, bool, float]] = []
        self.rights: list[tuple[float, float]] = []

    def column(self, low: Floats, high: Floats, *, whole: bool = False, quadratic: float = 0.0) -> Ints:
        at = np.arange(self.count, self.count + len(low), dtype=np.int64)
        self.count += len(low)
        self.bounds.append((low, high, whole, quadratic))
        return at

    def row(self, low: float, high: float) -> int:
        self.rights.append((low, high))
        self.rows += 1
        return self.rows - 1

    def entry(self, rows: Ints | int, columns: Ints, values: Floats | float) -> None:
        shape = np.broadcast_shapes(np.shape(rows), np.shape(columns), np.shape(values))
        self.entries.append(
            (np.broadcast_to(rows, shape), np.broadcast_to(columns, shape), np.broadcast_to(values, shape))
        )


def by_highs(
    members: Members, devices: Sequence[OnOff], coupling: Coupling, *, gap: float = 2e-3, seconds: float = 60.0
) -> MixedInteger:
    """Solve it to a relative gap, or for so many seconds.

    Raises:
        BadInput: HiGHS found no solution in that time.
    """
    p = central.programme(members, coupling)
    base, sums = len(p.linear), len(members) * (members.length + 1)
    made = _Columns(base, len(p.value))
    for device in devices:
        _add(made, device, sums)
    low = np.concatenate([np.maximum(p.low, -_FAR_KW * len(members)), *(b[0] for b in made.bounds)])
    high = np.concatenate([np.minimum(p.high, _FAR_KW * len(members)), *(b[1] for b in made.bounds)])
    whole = np.concatenate([np.zeros(base), *(np.full(len(b[0]), float(b[2])) for b in made.bounds)])
    curved = np.concatenate([p.quadratic, *(np.full(len(b[0]), b[3]) for b in made.bounds)])
    linear = np.concatenate([p.linear, np.zeros(made.count - base)])
    # Of the sum, what lies within its caps counts; beyond, it costs far more than its square.
    z = slice(len(members) * 5 * members.length, len(members) * 5 * members.length + members.length)
    seen_low, seen_high = low.copy(), high.copy()
    seen_low[z], seen_high[z] = -coupling.export_kw, coupling.import_kw
    within = (curved > 0) & (seen_high > seen_low) & (seen_high < _FAR_KW * len(members))
    squares = np.flatnonzero(within).astype(np.int64)
    tangents, limits = _tangents(made.count, squares, curved, seen_low, seen_high)
    rows, columns, values = (np.concatenate([e[k].ravel() for e in made.entries] or [np.zeros(0)]) for k in range(3))
    added = sparse.coo_array((values, (rows.astype(int), columns.astype(int))), shape=(made.rows, made.count))
    first = p.equal.tocoo()
    all_rows = (sparse.coo_array((first.data, (first.row, first.col)), shape=(made.rows, made.count)) + added).tocsr()
    more = len(squares)
    right_low = np.concatenate([p.value, [r[0] for r in made.rights]])
    right_high = np.concatenate([p.value, [r[1] for r in made.rights]])
    wide = sparse.hstack([all_rows, sparse.csr_array((made.rows, more))])
    found = milp(
        np.concatenate([linear, np.ones(more)]),
        integrality=np.concatenate([whole, np.zeros(more)]),
        bounds=Bounds(np.concatenate([low, np.zeros(more)]), np.concatenate([high, np.full(more, np.inf)])),
        constraints=[LinearConstraint(wide, right_low, right_high), LinearConstraint(tangents, -np.inf, limits)],
        options={"mip_rel_gap": gap, "time_limit": seconds},
    )
    if found.x is None:
        raise BadInput(f"mixed-integer dispatch: HiGHS ended with {found.message!r}; expected a solution")
    x = found.x[: made.count]
    return MixedInteger(float(linear @ x + curved @ (x * x) / 2), float(found.mip_dual_bound), int(whole.sum()))


def _add(made: _Columns, device: OnOff, sums: int) -> None:
    """A device's columns; its power enters the rows of the sum, which begin at `sums`."""
    if isinstance(device, RunOnce):
        starts = device.choices(np.zeros(device.length), 0.0)
        chosen = made.column(np.zeros(len(starts)), np.ones(len(starts)), whole=True)
        for at, profile in zip(chosen, starts, strict=True):
            run = np.flatnonzero(profile).astype(np.int64)
            made.entry(sums + run, np.full(len(run), at, dtype=np.int64), profile[run])
        made.entry(made.row(1.0, 1.0), chosen, 1.0)
        return
    if not isinstance(device, LeastPowerVehicle):
        raise BadInput(f"mixed-integer dispatch: {type(device).__name__}; expected RunOnce or LeastPowerVehicle")
    if device.charged <= 0:
        return
    there = np.arange(device.arrival, device.departure, dtype=np.int64)
    power = made.column(np.zeros(len(there)), np.full(len(there), device.most_kw), quadratic=device.curvature)
    on = made.column(np.zeros(len(there)), np.ones(len(there)), whole=True)
    made.entry(sums + there, power, 1.0)
    made.entry(made.row(device.charged, device.charged), power, 1.0)
    for p, switch in zip(power, on, strict=True):
        least, most = made.row(0.0, np.inf), made.row(-np.inf, 0.0)
        made.entry(np.array([least, least]), np.array([p, switch]), np.array([1.0, -device.least_kw]))
        made.entry(np.array([most, most]), np.array([p, switch]), np.array([1.0, -device.most_kw]))


def _tangents(
    columns: int, squares: Ints, curved: Floats, low: Floats, high: Floats
) -> tuple[sparse.csr_array, Floats]:
    """Rows  curvature a x - e <= curvature a^2 / 2  for some a between low and high, e the column's square cost."""
    count = len(squares)
    k = np.arange(count)
    blocks, limits = [], []
    for share in np.linspace(0, 1, TANGENTS):
        at = low[squares] + share * (high[squares] - low[squares])
        slope = curved[squares] * at
        blocks.append(
            sparse.coo_array(
                (
                    np.concatenate([slope, -np.ones(count)]),
                    (np.concatenate([k, k]), np.concatenate([squares, columns + k])),
                ),
                shape=(count, columns + count),
            )
        )
        limits.append(curved[squares] * at * at / 2)
    return sparse.vstack(blocks, format="csr"), np.concatenate(limits)
