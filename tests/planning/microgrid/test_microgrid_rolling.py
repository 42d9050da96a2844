"""A plan is changed only where that brings something, and scenarios lie in a band as past days did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.microgrid.plan import plan
from agents.planning.microgrid.problem import Microgrid, MicrogridPlan
from agents.planning.microgrid.rolling import replan
from agents.planning.microgrid.scenarios import scenarios_of
from cim.model.errors import BadInput
from tests.planning.microgrid.small import ROWS, T, microgrid


def energies(grid: Microgrid, found: MicrogridPlan, since: int) -> tuple[float, ...]:
    """Each resource's energy as interval `since` begins when the plan was kept."""
    pairs = zip(grid.resources, found.power_kw, strict=True)
    return tuple(float(resource.stored_kwh(power, grid.hours)[since - 1]) for resource, power in pairs)


def moved(grid: Microgrid, seed: int, by_kw: float) -> Microgrid:
    """The same with scenarios that have moved a little."""
    rng = np.random.default_rng(seed)
    return replace(grid, scenarios_kw=tuple(row + by_kw * rng.standard_normal(T) for row in grid.scenarios_kw))


def changed(before: MicrogridPlan, after: MicrogridPlan) -> int:
    """How many resources do something else."""
    pairs = zip(before.power_kw, after.power_kw, strict=True)
    return sum(not np.allclose(x, y, atol=1e-3) for x, y in pairs)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, T - 1))
def test_where_nothing_is_new_the_plan_is_kept(seed: int, since: int) -> None:
    """The same scenarios, the plan kept until now: each resource goes on to the last bit."""
    grid = microgrid(seed)
    before = plan(grid)
    after = replan(grid, before, since=since, energy_kwh=energies(grid, before, since))
    assert all(np.array_equal(x, y) for x, y in zip(before.power_kw, after.power_kw, strict=True))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, T - 1), st.floats(0.5, 30))
def test_what_is_kept_costs_no_more_than_it_may(seed: int, since: int, by_kw: float) -> None:
    """Whatever is put back, the plan is within the share allowed of the cheapest, and within every bound."""
    grid = microgrid(seed)
    before = plan(grid)
    now, energy = moved(grid, seed, by_kw), energies(grid, before, since)
    best = plan(now, since=since, energy_kwh=energy, before=before)
    found = replan(now, before, since=since, energy_kwh=energy, least_gain=0.01)
    assert found.cost_ct <= best.cost_ct + 0.01 * abs(best.cost_ct) + 1e-6
    assert found.cost_ct == pytest.approx(now.cost_ct(found.power_kw, since))
    for resource, power, begun in zip(now.resources, found.power_kw, energy, strict=True):
        assert resource.can(power, now.hours, since=since, energy_kwh=begun)


def test_small_news_moves_fewer_than_the_optimum_does() -> None:
    """Over twenty days on which scenarios move by a kilowatt, less than half as many resources change as in the cheapest plans."""
    kept = cheapest = 0
    for seed in range(20):
        grid = microgrid(seed)
        before = plan(grid)
        now, energy = moved(grid, seed, 1.0), energies(grid, before, 2)
        kept += changed(before, replan(now, before, since=2, energy_kwh=energy, least_gain=0.01))
        cheapest += changed(before, plan(now, since=2, energy_kwh=energy, before=before))
    assert kept < cheapest / 2


def test_large_news_changes_the_plan() -> None:
    """When 60 kW more are drawn than foreseen late in the day, over the limit, it is not kept."""
    grid = microgrid(3)
    before = plan(grid)
    now = replace(grid, scenarios_kw=tuple(row + 60 * (np.arange(T) > 4) for row in grid.scenarios_kw))
    after = replan(now, before, since=2, energy_kwh=energies(grid, before, 2))
    assert changed(before, after) > 0
    assert after.cost_ct < now.cost_ct(before.power_kw, 2)


def test_a_resource_that_no_longer_can_is_not_put_back() -> None:
    """A plant that may give no more than 12 kW from now on leaves its plan, however much gain a change must bring."""
    grid = microgrid(2)
    before = plan(grid)
    limited = replace(grid.resources[1], low_kw=-12 * ROWS, baseline_kw=-12 * ROWS, ramp_kw=50.0)
    now = replace(grid, resources=(grid.resources[0], limited, grid.resources[2]))
    after = replan(now, before, since=3, energy_kwh=energies(grid, before, 3), least_gain=0.5)
    assert before.power_kw[1][3:].min() < -12.0
    assert after.power_kw[1][3:].min() >= -12.0 - 1e-6


def test_a_scenario_lies_in_the_band_as_the_past_day_did() -> None:
    """Half-way to the upper edge then is half-way to the upper edge now; far outside is cut at twice the width."""
    band = (np.array([0.0, 0.0]), np.array([10.0, 20.0]), np.array([30.0, 60.0]))
    then = (np.array([-4.0, -4.0]), np.array([0.0, 0.0]), np.array([2.0, 2.0]))
    first, second = scenarios_of(band, (then, then), (np.array([1.0, -2.0]), np.array([0.0, 99.0])))
    assert first == pytest.approx([20.0, 10.0])
    assert second == pytest.approx([10.0, 100.0])


def test_scenarios_need_a_past() -> None:
    """No past day, or bands of other days than came, are refused."""
    band = (np.zeros(2),) * 3
    with pytest.raises(BadInput, match="at least one"):
        scenarios_of(band, (), ())
    with pytest.raises(BadInput, match="1 bands and 2 days"):
        scenarios_of(band, (band,), (np.zeros(2), np.zeros(2)))


def test_scenarios_hold_what_the_band_says() -> None:
    """Of past days that lay within their bands four times in five, so do the paths, in another band."""
    rng = np.random.default_rng(1)
    then = tuple(np.full(96, 100 * edge) for edge in (-1.2816, 0.0, 1.2816))
    came = tuple(100 * rng.standard_normal(96) for _ in range(200))
    band = (np.full(96, 50.0), np.full(96, 60.0), np.full(96, 90.0))
    paths = np.array(scenarios_of(band, (then,) * 200, came))
    assert ((paths >= 50) & (paths <= 90)).mean() == pytest.approx(0.8, abs=0.02)
    assert np.median(paths) == pytest.approx(60.0, abs=0.5)
