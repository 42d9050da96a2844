"""The column: each day's optimum on what really comes, then executed by the same physics as every other column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.memory_store import MemoryStore
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import load_site
from experiments.run.columns.column import Column
from experiments.run.columns.foresight.aims import Aim, aims_of
from experiments.run.columns.foresight.day import DayProgram, LeftAlone
from experiments.run.columns.foresight.grid_cuts import Cut, GridLimits
from experiments.run.columns.peak import advance_metered
from experiments.run.columns.without_agents import column_of_world
from experiments.run.grid import Truth
from experiments.run.run import OPENING_HOUR, span
from experiments.run.settings import RunSettings

_ROUNDS = 12  # of optimum and power flow; some days need five
_EXECUTIONS = 4  # of the physics, each with a little more room where the last one broke a limit
_FREE_PCT = 0.1  # how far plans stay below every limit: powers within an ISP are not quite its mean
_ENOUGH_PCT = 0.02  # how far above a limit the power flow of a plan may be
_BEYOND_PCT = 0.3  # what is kept free beyond the excess that the execution showed: ramps, and what moves within an ISP

Step = tuple[datetime, Callable[[World], None]]  # from an instant on, these setpoints hold


def run_foresight(settings: RunSettings) -> Column:
    """Every day at least bills and wear (or what the scenario aims at), within comfort and below all limits of the grid."""
    physics = _Physics(settings)
    aims = aims_of(settings, physics.site)
    grid, steps = GridLimits(physics.site), list[Step]()
    for number in range(settings.days):
        day = physics.first.next(number)
        steps += _plan(physics, grid, day, aims(day), steps)
    start, end = physics.first.start, physics.last.end
    store = MemoryStore()
    return column_of_world(physics.lived(steps, end, store), store, start, end)


def _as_it_is(world: World) -> None:
    """Nothing is steered."""


class _Physics:
    """Lives through the run's days again and again, each time under other setpoints."""

    def __init__(self, settings: RunSettings) -> None:
        self.site = load_site(settings.site)
        self.first, self.last = span(self.site, settings)
        self._seed = settings.seed

    def lived(self, steps: list[Step], end: datetime, store: MemoryStore | None = None) -> World:
        """The world that has lived until `end` under these setpoints; a store is told what its points' meters count."""
        opening = self.first.next(-1).at(OPENING_HOUR)
        world = World(self.site, load(self.site.profiles), opening, self._seed)
        for at, steer in [*steps, (end, _as_it_is)]:
            if store is None:
                world.advance(at)
            else:
                advance_metered(world, at, store)
            steer(world)
        return world


def _plan(physics: _Physics, grid: GridLimits, day: LocalDay, aim: Aim, before: list[Step]) -> list[Step]:
    """A day's setpoints after those `before`, with which the physics breaks no limit that can be kept."""
    alone_world, morning = physics.lived(before, day.end), physics.lived(before, day.start)
    truth = alone_world.truth(day.start, day.end)
    alone = LeftAlone(truth, alone_world.device_truth(day.start, day.end), alone_world)
    powers = _powers(truth)
    tighter = np.full_like(grid.excess(*powers), _FREE_PCT)
    cuts, steps = grid.cuts(*powers, tighter), list[Step]()
    for _ in range(_EXECUTIONS):
        program = DayProgram(physics.site, day, morning, alone, aim)
        found = _within_limits(program, grid, cuts, tighter)
        steps = _steps(day, program, found)
        above = grid.excess(*_powers(physics.lived([*before, *steps], day.end).truth(day.start, day.end)))
        if above.max() <= 0:
            break
        tighter += np.where(above > 0, above + _BEYOND_PCT, 0.0)
        cuts = grid.cuts(program.net_w(found), program.reactive_var(found), tighter)
    return steps


def _within_limits(program: DayProgram, grid: GridLimits, cuts: list[Cut], tighter: Floats) -> Floats:
    """Optimum and power flow in turns, until the one's plan breaks nothing in the other."""
    program.limit(cuts)
    for _ in range(_ROUNDS):
        found = program.solve()
        powers = program.net_w(found), program.reactive_var(found)
        if (grid.excess(*powers) + tighter).max() <= _ENOUGH_PCT:
            break
        program.limit(grid.cuts(*powers, tighter))
    return found


def _powers(truth: Truth) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Active and reactive power by prosumer."""
    active = {name: power.astype(np.float64) for name, (power, _) in truth.items()}
    return active, {name: power.astype(np.float64) for name, (_, power) in truth.items()}


def _steps(day: LocalDay, program: DayProgram, found: Floats) -> list[Step]:
    """The setpoints of each ISP; after the day all is released."""

    def holding(isp: int) -> Callable[[World], None]:
        def steer(world: World) -> None:
            for name, steered in program.steered.items():
                steered.order(found, isp, world.devices[name])

        return steer

    length = timedelta(seconds=program.span.seconds)
    return [(day.start + isp * length, holding(isp)) for isp in range(day.count)]
