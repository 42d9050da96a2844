"""The plan: least mean cost over all scenarios, as one linear programme, solved by HiGHS' simplex.

Scenarios meet the plan only in the sum of all resources, so their costs are one convex line in each interval
(`exchange.segments`): the programme is exactly as good as one with an import and an export for each scenario (the
extensive form), and grows with the number of scenarios by bounded variables alone, without a row. A later plan of the same
resources starts from the former one's basis; intervals that are over keep their place in it, fixed.
"""

from __future__ import annotations

from functools import lru_cache

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
_LOWER, _BASIC, _UPPER, _ZERO = 0, 1, 2, 3  # of HiGHS' states


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
        self._over = np.arange(grid.count) < since
        self._power: list[tuple[Ints, Ints]] = []
        self._width = 0  # columns so far
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
        self._column(*_fixed(over, at, resource.floor_kwh, resource.ceiling_kwh), np.zeros(len(steps)))
        # Energy of an interval less that of the one before is what came in; of intervals that are over nothing is asked.
        right = np.where(steps == 0, energy_kwh, 0.0)
        self._row(np.where(over, -np.inf, right), np.where(over, np.inf, right))
        if np.isfinite(resource.ramp_kw):
            jump = np.diff(resource.baseline_kw)
            free = over[1:]
            self._row(
                np.where(free, -np.inf, -resource.ramp_kw - jump), np.where(free, np.inf, resource.ramp_kw - jump)
            )
        return up, down

    def _balance(self) -> None:
        """The sum of all resources stands on the segments of the mean cost."""
        line = segments(self._grid.exchange, np.array(self._grid.scenarios_kw), self._grid.hours)
        first = line.edges_kw[0] - np.sum([r.baseline_kw for r in self._grid.resources], axis=0)
        self._row(np.where(self._over, -np.inf, first), np.where(self._over, np.inf, first))
        nothing, worth = np.zeros(self._grid.count), ~self._over
        self._column(nothing, np.where(self._over, 0.0, _FAR_KW), -line.slopes_ct[0] * worth)
        widths = np.concatenate([np.diff(line.edges_kw, axis=0), np.full((1, self._grid.count), _FAR_KW)])
        for width, slope in zip(widths, line.slopes_ct[1:], strict=True):
            self._column(nothing, np.where(self._over, 0.0, width), slope * worth)

    def _column(self, low: Floats, high: Floats, cost: Floats) -> Ints:
        begun = self._width
        self._width += len(low)
        self._columns.append((low, high, cost))
        return np.arange(begun, begun + len(low))

    def _row(self, low: Floats, high: Floats) -> None:
        self._rows.append((low, high))

    def _pass_to(self, solver: highspy.Highs) -> tuple[int, int]:
        """Tell the solver the programme, as arrays (as HighsLp's fields each number becomes an object); columns and rows."""
        low, high, cost = (np.concatenate(parts) for parts in zip(*self._columns, strict=True))
        row_low, row_high = (np.concatenate(parts) for parts in zip(*self._rows, strict=True))
        resources, count = self._grid.resources, self._grid.count
        shapes = tuple((one.efficiency, bool(np.isfinite(one.ramp_kw))) for one in resources)
        matrix = _matrix(shapes, len(low) // count - 3 * len(resources), count, self._grid.hours)
        solver.passModel(
            len(low), len(row_low), matrix.nnz, int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize), 0.0,
            cost, low, high, row_low, row_high, matrix.indptr, matrix.indices, matrix.data, np.zeros(len(low), np.int32),
        )  # fmt: skip
        return len(low), len(row_low)

    def solved(self) -> MicrogridPlan:
        """The optimum.

        Raises:
            NoPlan: there is none.
        """
        solver = highspy.Highs()
        for option, chosen in (("output_flag", False), ("solver", "simplex"), ("threads", 1), ("presolve", "off")):
            solver.setOptionValue(option, chosen)
        size = self._pass_to(solver)
        if self._before is not None and (len(self._before.columns), len(self._before.rows)) == size:
            solver.setBasis(_basis(self._before))
        value, burnt = self._run(solver), np.empty(0, dtype=np.int64)
        for _ in range(_MOST_REPAIRS):
            burning = self._burning(value)
            if not len(burning):
                break
            burnt = np.concatenate([burnt, burning])
            solver.changeColsBounds(len(burning), burning, np.zeros(len(burning)), np.zeros(len(burning)))
            value = self._run(solver)
        power = tuple(
            resource.baseline_kw + value[up] - value[down]
            for resource, (up, down) in zip(self._grid.resources, self._power, strict=True)
        )
        rounds, (columns, rows) = int(solver.getInfo().simplex_iteration_count), self._states(solver, burnt)
        return MicrogridPlan(power, self._grid.cost_ct(power, self._since), self._since, columns, rows, rounds)

    def _states(self, solver: highspy.Highs, burnt: Ints) -> tuple[bytes, bytes]:
        """HiGHS' states of columns and rows, by their values: asked of HiGHS they come one object each.

        Args:
            burnt: columns that were fixed at nothing.
        """
        _, basic = solver.getBasicVariables()
        low, high, _ = (np.concatenate(parts) for parts in zip(*self._columns, strict=True))
        high[burnt] = 0.0
        row_low, row_high = (np.concatenate(parts) for parts in zip(*self._rows, strict=True))
        found, solution = [], solver.getSolution()
        for value, at_least, at_most, inside in (
            (solution.col_value, low, high, basic[basic >= 0]),
            (solution.row_value, row_low, row_high, -1 - basic[basic < 0]),
        ):
            values = np.asarray(value)
            upper = np.abs(values - at_most) < np.abs(values - at_least)
            states = np.where(upper, _UPPER, np.where(np.isfinite(at_least), _LOWER, _ZERO)).astype(np.uint8)
            states[inside] = _BASIC
            found.append(states.tobytes())
        return found[0], found[1]

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


@lru_cache(maxsize=4)
def _matrix(resources: tuple[tuple[float, bool], ...], segments: int, count: int, hours: float) -> csc_array:
    """What the programme's rows hold of its columns: the same all day long, whatever is known of it.

    Args:
        resources: of each its efficiency, and whether its change is limited.
        segments: blocks of columns after the resources' own.
        count: intervals.
    """
    steps, entries, row = np.arange(count), list[tuple[Ints, Ints, Floats]](), 0

    def enter(rows: Ints, columns: Ints, value: float) -> None:
        entries.append((rows, columns, np.full(len(rows), value)))

    for number, (efficiency, ramped) in enumerate(resources):
        up, down, energy = (steps + (3 * number + block) * count for block in range(3))
        # Energy of an interval less that of the one before is what came in.
        enter(steps + row, energy, 1.0)
        enter(steps[1:] + row, energy[:-1], -1.0)
        enter(steps + row, up, -hours * efficiency)
        enter(steps + row, down, hours / efficiency)
        row += count
        for variables, sign in ((up, 1.0), (down, -1.0)) if ramped else ():
            enter(steps[:-1] + row, variables[1:], sign)
            enter(steps[:-1] + row, variables[:-1], -sign)
        row += (count - 1) * ramped
    for number in range(len(resources)):
        enter(steps + row, steps + 3 * number * count, 1.0)
        enter(steps + row, steps + (3 * number + 1) * count, -1.0)
    for block in range(segments):  # the first is what lies below all turns
        enter(steps + row, steps + (3 * len(resources) + block) * count, 1.0 if block == 0 else -1.0)
    rows, columns, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    return csc_array((values, (rows, columns)), shape=(row + count, (3 * len(resources) + segments) * count))


def _fixed(over: Mask, at: Floats, low: Floats | float, high: Floats) -> tuple[Floats, Floats]:
    """Bounds of variables: those of intervals that are over stand still at `at`."""
    return np.where(over, at, low), np.where(over, at, high)


def _basis(before: MicrogridPlan) -> highspy.HighsBasis:
    found = highspy.HighsBasis()
    found.col_status = [_STATES[state] for state in before.columns]
    found.row_status = [_STATES[state] for state in before.rows]
    found.valid = True
    return found
