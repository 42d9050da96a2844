"""The problem that `iles bench plan` measures, and that its plan is as cheap as the extensive form at full size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.microgrid.plan import plan
from agents.planning.microgrid.rolling import replan
from experiments.bench.plan.extensive import extensive_cost_ct
from experiments.bench.plan.measure import energy_after
from experiments.bench.plan.problem import ISPS, later, microgrid


def test_the_problem_is_of_the_size_that_is_said() -> None:
    """20 scenarios, 96 ISPs, 40 resources, the same again for a seed and another one for another."""
    grid = microgrid(1)
    assert (len(grid.scenarios_kw), grid.count, len(grid.resources)) == (20, 96, 40)
    kinds = [resource.name.partition("-")[0] for resource in grid.resources]
    assert (kinds.count("battery"), kinds.count("chp"), kinds.count("aggregator")) == (14, 4, 22)
    assert np.array_equal(microgrid(1).scenarios_kw, grid.scenarios_kw)
    assert not np.array_equal(microgrid(2).scenarios_kw, grid.scenarios_kw)


def test_the_plan_at_full_size_costs_what_the_extensive_form_costs() -> None:
    """And every resource can do it; the optimum is worth far more than doing nothing."""
    grid = microgrid(1)
    found = plan(grid)
    assert found.cost_ct == pytest.approx(extensive_cost_ct(grid), rel=1e-6)
    assert found.cost_ct < 0.9 * grid.cost_ct(tuple(resource.baseline_kw for resource in grid.resources))
    for resource, power in zip(grid.resources, found.power_kw, strict=True):
        assert resource.can(power, grid.hours), resource.name


def test_a_quarter_hour_later_few_resources_change() -> None:
    """What is over stays, news are only of what is to come, and most of the plan is kept within a thousandth of its cost."""
    grid = microgrid(1)
    before = plan(grid)
    now = replace(grid, scenarios_kw=later(grid.scenarios_kw, 1, 1))
    assert all(old[0] == new[0] for old, new in zip(grid.scenarios_kw, now.scenarios_kw, strict=True))
    start = np.array([resource.energy_kwh for resource in grid.resources])
    energy = tuple(energy_after(grid, before, start, 0, 1).tolist())
    after = replan(now, before, since=1, energy_kwh=energy)
    best = plan(now, since=1, energy_kwh=energy, before=before)
    assert after.cost_ct <= best.cost_ct + 0.001 * abs(best.cost_ct) + 1e-6
    assert after.rounds < before.rounds / 10
    same = sum(np.array_equal(old, new) for old, new in zip(before.power_kw, after.power_kw, strict=True))
    assert same >= 20
    assert after.power_kw[0].shape == (ISPS,)
