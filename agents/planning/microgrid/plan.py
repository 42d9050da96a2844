"""The plan: least mean cost over all scenarios, as one linear programme, solved by HiGHS' simplex.

Scenarios meet the plan only in the sum of all resources, so their costs are one convex line in each interval
(`exchange.segments`): the programme is exactly as good as one with an import and an export for each scenario (the
extensive form), and grows with the number of scenarios by bounded variables alone, without a row. A later plan of the same
resources starts from the former one's basis; intervals that are over keep their place in it, fixed.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy.sparse import csc_array

from agents.planning.microgrid.exchange import segments
from agents.planning.microgrid.problem import Microgrid, MicrogridPlan, NoPlan
from agents.planning.microgrid.resource import FlexResource
from cim.model.arrays import Floats, Ints, Mask

_FAR_KW = 1e7
_TINY_KW = 1e-6
_MOST_REPAIRS = 5
_STATES = tuple(highspy.HighsBasisStatus(number) for number in range(5))


def plan(
    grid: Microgrid, *, since: int = 0, energy_kwh: tuple[float, ...] = (), before: MicrogridPlan | None = None
) -> MicrogridPlan:
    """The cheapest plan from interval `since` on; earlier ones stay as in `before`.

    Args:
        energy_kwh: each resource's energy as interval `since` begins; its own where nothing is given.
        before: a plan of the same resources over the same day, from whose basis this one starts.

    Raises:
        NoPlan: nothing fits the bounds.
    """
    programme = _Programme(grid, since, energy_kwh or tuple(r.energy_kwh for r in grid.resources), before)
    return programme.solved()


class _Programme:
    """Columns by block of [T]: for each resource up, down and energy, then the segments; rows alike."""

    def __init__(
        self, grid: Microgrid, since: int, energy_kwh: tuple[float, ...], before: MicrogridPlan | None
    ) -> None:
        self._grid, self._since, self._before = grid, since, before
        self._columns: list[tuple[Floats, Floats, Floats]] = []
        self._rows: list[tuple[Floats, Floats]] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._over = np.arange(grid.count) < since
        self._power: list[tuple[Ints, Ints]] = []
        self._widths = [0, 0]  # columns and rows so far
        for number, resource in enumerate(grid.resources):
            executed = resource.baseline_kw if before is None else before.power_kw[number]
            self._power.append(self._resource(resource, executed, energy_kwh[number]))
        self._balance()

    def _resource(self, resource: FlexResource, executed_kw: Floats, energy_kwh: float) -> tuple[Ints, Ints]:
        hours, over, steps = self._grid.hours, self._over, np.arange(self._grid.count)
        done = np.where(over, executed_kw - resource.baseline_kw, 0.0)
        most_up, most_down = resource.high_kw - resource.baseline_kw, resource.baseline_kw - resource.low_kw
        to_come = np.where(over, 0.0, hours)  # what is over costs nothing any more
        up = self._column(*_fixed(over, np.maximum(done, 0), 0.0, most_up), resource.up_ct_per_kwh * to_come)
        down = self._column(*_fixed(over, np.maximum(-done, 0), 0.0, most_down), resource.down_ct_per_kwh * to_come)
        at = np.full(len(steps), energy_kwh)
        energy = self._column(*_fixed(over, at, resource.floor_kwh, resource.ceiling_kwh), np.zeros(len(steps)))
        # Energy of an interval less that of the one before is what came in; of intervals that are over nothing is asked.
        right = np.where(steps == 0, energy_kwh, 0.0)
        row = self._row(np.where(over, -np.inf, right), np.where(over, np.inf, right))
        self._entry(row, energy, 1.0)
        self._entry(row[1:], energy[:-1], -1.0)
        self._entry(row, up, -hours * resource.efficiency)
        self._entry(row, down, hours / resource.efficiency)
        if np.isfinite(resource.ramp_kw):
            jump = np.diff(resource.baseline_kw)
            free = over[1:]
            ramp = self._row(
                np.where(free, -np.inf, -resource.ramp_kw - jump), np.where(free, np.inf, resource.ramp_kw - jump)
            )
            for variables, sign in ((up, 1.0), (down, -1.0)):
                self._entry(ramp, variables[1:], sign)
                self._entry(ramp, variables[:-1], -sign)
        return up, down

    def _balance(self) -> None:
        """The sum of all resources stands on the segments of the mean cost."""
        line = segments(self._grid.exchange, np.array(self._grid.scenarios_kw), self._grid.hours)
        first = line.edges_kw[0] - np.sum([r.baseline_kw for r in self._grid.resources], axis=0)
        row = self._row(np.where(self._over, -np.inf, first), np.where(self._over, np.inf, first))
        for up, down in self._power:
            self._entry(row, up, 1.0)
            self._entry(row, down, -1.0)
        nothing, worth = np.zeros(self._grid.count), ~self._over
        below = self._column(nothing, np.where(self._over, 0.0, _FAR_KW), -line.slopes_ct[0] * worth)
        self._entry(row, below, 1.0)
        widths = np.concatenate([np.diff(line.edges_kw, axis=0), np.full((1, self._grid.count), _FAR_KW)])
        for width, slope in zip(widths, line.slopes_ct[1:], strict=True):
            part = self._column(nothing, np.where(self._over, 0.0, width), slope * worth)
            self._entry(row, part, -1.0)

    def _column(self, low: Floats, high: Floats, cost: Floats) -> Ints:
        begun = self._widths[0]
        self._widths[0] += len(low)
        self._columns.append((low, high, cost))
        return np.arange(begun, begun + len(low))

    def _row(self, low: Floats, high: Floats) -> Ints:
        begun = self._widths[1]
        self._widths[1] += len(low)
        self._rows.append((low, high))
        return np.arange(begun, begun + len(low))

    def _entry(self, rows: Ints, columns: Ints, value: float) -> None:
        self._entries.append((rows, columns, np.full(len(rows), value)))

    def _programme(self) -> highspy.HighsLp:
        low, high, cost = (np.concatenate(parts) for parts in zip(*self._columns, strict=True))
        row_low, row_high = (np.concatenate(parts) for parts in zip(*self._rows, strict=True))
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        matrix = csc_array((values, (rows, columns)), shape=(len(row_low), len(low)))
        found = highspy.HighsLp()
        found.num_col_, found.num_row_ = len(low), len(row_low)
        found.col_lower_, found.col_upper_, found.col_cost_ = low, high, cost
        found.row_lower_, found.row_upper_ = row_low, row_high
        found.a_matrix_.start_, found.a_matrix_.index_, found.a_matrix_.value_ = (
            matrix.indptr,
            matrix.indices,
            matrix.data,
        )
        return found

    def solved(self) -> MicrogridPlan:
        """The optimum.

        Raises:
            NoPlan: there is none.
        """
        solver = highspy.Highs()
        for option, chosen in (("output_flag", False), ("solver", "simplex"), ("threads", 1), ("presolve", "off")):
            solver.setOptionValue(option, chosen)
        programme = self._programme()
        solver.passModel(programme)
        if self._before is not None and _fits(self._before, programme):
            solver.setBasis(_basis(self._before))
        value = self._run(solver)
        for _ in range(_MOST_REPAIRS):
            burning = self._burning(value)
            if not len(burning):
                break
            solver.changeColsBounds(len(burning), burning, np.zeros(len(burning)), np.zeros(len(burning)))
            value = self._run(solver)
        power = tuple(
            resource.baseline_kw + value[up] - value[down]
            for resource, (up, down) in zip(self._grid.resources, self._power, strict=True)
        )
        basis, rounds = solver.getBasis(), int(solver.getInfo().simplex_iteration_count)
        columns, rows = bytes(map(int, basis.col_status)), bytes(map(int, basis.row_status))
        return MicrogridPlan(power, self._grid.cost_ct(power, self._since), self._since, columns, rows, rounds)

    @staticmethod
    def _run(solver: highspy.Highs) -> Floats:
        solver.run()
        status = solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise NoPlan(f"plan: {solver.modelStatusToString(status)}; expected bounds that can be met together")
        return np.array(solver.getSolution().col_value)

    def _burning(self, value: Floats) -> Ints:
        """The smaller of taking more and taking less where a store with losses does both: it would burn energy on paper."""
        found = []
        for resource, (up, down) in zip(self._grid.resources, self._power, strict=True):
            if resource.efficiency < 1:
                smaller = np.where(value[up] < value[down], up, down)
                found.append(smaller[(value[smaller] > _TINY_KW) & ~self._over])
        return np.concatenate(found).astype(np.int32) if found else np.empty(0, dtype=np.int32)


def _fixed(over: Mask, at: Floats, low: Floats | float, high: Floats) -> tuple[Floats, Floats]:
    """Bounds of variables: those of intervals that are over stand still at `at`."""
    return np.where(over, at, low), np.where(over, at, high)


def _fits(before: MicrogridPlan, programme: highspy.HighsLp) -> bool:
    return (len(before.columns), len(before.rows)) == (programme.num_col_, programme.num_row_)


def _basis(before: MicrogridPlan) -> highspy.HighsBasis:
    found = highspy.HighsBasis()
    found.col_status = [_STATES[state] for state in before.columns]
    found.row_status = [_STATES[state] for state in before.rows]
    found.valid = True
    return found
