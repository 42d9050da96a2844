"""One plan for all scenarios: as cheap as the extensive form, within every bound, and by hand where that can be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.jobs import run
from agents.planning.microgrid.exchange import Exchange, segments
from agents.planning.microgrid.plan import plan
from agents.planning.microgrid.problem import NoPlan
from agents.planning.microgrid.resource import FlexResource
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from experiments.bench.plan.extensive import extensive_cost_ct
from tests.planning.microgrid.small import ROWS, T, aggregator, alone, battery, chp, exchange, microgrid, two_prices

EARLY = np.arange(T) < 4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_plan_costs_what_the_extensive_form_costs(seed: int, count: int) -> None:
    """A programme with an import and an export for each scenario, written down by itself, is no cheaper and no dearer."""
    grid = microgrid(seed, count)
    found = plan(grid)
    assert found.cost_ct == pytest.approx(extensive_cost_ct(grid), rel=1e-6, abs=1e-4)
    assert found.cost_ct == pytest.approx(grid.cost_ct(found.power_kw))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_resource_can_do_what_is_planned(seed: int) -> None:
    """Power, energy and ramps stay within their bounds, by the resource's own account."""
    grid = microgrid(seed)
    for resource, power in zip(grid.resources, plan(grid).power_kw, strict=True):
        assert resource.can(power, grid.hours), resource.name


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, T - 1))
def test_a_plan_from_an_earlier_ones_basis_is_the_same_optimum(seed: int, since: int) -> None:
    """Beginning from a basis saves work and changes no cost; what is over stays as it was."""
    grid = microgrid(seed)
    first = plan(grid)
    now = replace(grid, scenarios_kw=microgrid(seed + 1).scenarios_kw)
    pairs = list(zip(now.resources, first.power_kw, strict=True))
    energy = tuple(float(resource.stored_kwh(power, 1.0)[since - 1]) for resource, power in pairs)
    warm = plan(now, since=since, energy_kwh=energy, before=first)
    cold = plan(now, since=since, energy_kwh=energy, before=replace(first, columns=b"", rows=b""))
    assert warm.cost_ct == pytest.approx(cold.cost_ct, rel=1e-6, abs=1e-4)
    for (resource, old), new, begun in zip(pairs, warm.power_kw, energy, strict=True):
        assert new[:since] == pytest.approx(old[:since])
        assert resource.can(new, 1.0, since=since, energy_kwh=begun)


def test_a_battery_shifts_where_that_pays_by_hand() -> None:
    """9 kWh, 90 % each way: it takes 10 kWh at 10 ct and gives 8.1 at 30, worn by 1 ct for each kWh either way."""
    prices = Exchange(np.where(EARLY, 10.0, 30.0), 0 * ROWS, 100 * ROWS, 100 * ROWS, 0.0)
    store = FlexResource("b", 0 * ROWS, -9 * ROWS, 9 * ROWS, 0 * ROWS, 9 * ROWS, 0.0, 1.0, 1.0, 0.9)
    found = plan(alone(store, prices, 50 * ROWS))
    assert found.power_kw[0][:4].sum() == pytest.approx(10.0)
    assert found.power_kw[0][4:].sum() == pytest.approx(-8.1)
    assert found.cost_ct == pytest.approx(50 * (4 * 10 + 4 * 30) + 10 * 11 - 8.1 * 29)


def test_a_battery_rests_where_its_losses_and_wear_cost_more() -> None:
    """At one price nothing is moved."""
    assert np.abs(plan(alone(battery(0.9), exchange(), 50 * ROWS)).power_kw[0]).max() == pytest.approx(0.0)


def test_one_plan_hedges_between_scenarios() -> None:
    """Early surplus or none, alike likely: storing saves a sale at 2 or costs 20, and is worth 12 later, less 1 of wear.

    Alone the sunny scenario fills the battery (12 - 2 - 1 > 0); with both it does not pay: 12 - (2 + 20) / 2 - 1 is nothing,
    and a little less at a late price of 11.
    """
    prices = Exchange(np.where(EARLY, 20.0, 11.0), np.where(EARLY, 2.0, 11.0), 100 * ROWS, 100 * ROWS, 0.0)
    sunny, dull, store = np.where(EARLY, -8.0, 10.0), 10 * ROWS, battery(1.0, 0.5)
    assert plan(alone(store, prices, sunny)).power_kw[0][:4].sum() == pytest.approx(20.0)
    assert plan(alone(store, prices, sunny, dull)).power_kw[0][:4].sum() == pytest.approx(0.0)
    assert plan(alone(store, prices, sunny, sunny, dull)).power_kw[0][:4].sum() == pytest.approx(20.0)


def test_limits_of_the_exchange_are_kept_where_that_is_possible() -> None:
    """30 kW of surplus against a limit of 20: the battery takes what is beyond, as long as there is room."""
    found = plan(alone(battery(), two_prices(20.0, 20.0, 20.0), np.where(np.arange(T) < 2, -30.0, 0.0)))
    assert found.power_kw[0][:2] == pytest.approx([10.0, 10.0])


def test_a_chp_plant_follows_prices_no_faster_than_its_ramp() -> None:
    """From 25 kW at a price above its fuel down to 8 below it, by 5 kW an interval."""
    (power,) = plan(alone(chp(), two_prices(20.0, 1.0), 0 * ROWS)).power_kw
    assert power[:3] == pytest.approx([-25.0] * 3)
    assert power[-1] == pytest.approx(-8.0)
    assert np.abs(np.diff(power)).max() <= 5.0 + 1e-6


def test_an_aggregator_has_back_what_it_gave() -> None:
    """It draws 12 kWh less while it is dear, and by the day's end as much as it would have."""
    (power,) = plan(alone(aggregator(), two_prices(30.0, 10.0), 50 * ROWS)).power_kw
    assert power[:4].sum() == pytest.approx(4 * 8 - 12)
    assert power.sum() == pytest.approx(8 * T)


def test_nobody_burns_energy_where_power_has_a_negative_price() -> None:
    """At -30 ct a store that charged and discharged at once would earn by its losses on paper: the plan can be done."""
    store = replace(battery(0.8, 0.1), ceiling_kwh=4 * ROWS)
    grid = alone(store, two_prices(-30.0, -30.0), 0 * ROWS)
    found = plan(grid)
    assert store.can(found.power_kw[0], 1.0)
    assert found.cost_ct == pytest.approx(grid.cost_ct(found.power_kw))
    assert found.cost_ct < -30 * 4.9  # it fills at least once: 5 kWh at 30 ct, less wear


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_segments_are_the_mean_cost(seed: int, count: int) -> None:
    """Between any two powers the line rises by the difference of the mean costs, whatever the scenarios, and is convex."""
    rng = np.random.default_rng(seed)
    grid = microgrid(seed, count)
    scenarios = np.array(grid.scenarios_kw)
    line = segments(grid.exchange, scenarios, 1.0)
    assert (np.diff(line.slopes_ct, axis=0) >= -1e-9).all()
    low, high = np.sort(rng.normal(0, 60, (2, T)), axis=0)
    rise = 0.0
    for t in range(T):
        marks = np.concatenate([[low[t]], np.clip(line.edges_kw[:, t], low[t], high[t]), [high[t]]])
        rise += float(np.diff(marks) @ line.slopes_ct[:, t])
    mean = [grid.exchange.mean_cost_ct(power, scenarios, 1.0) for power in (low, high)]
    assert rise == pytest.approx(mean[1] - mean[0], rel=1e-9, abs=1e-6)


def test_bounds_that_contradict_each_other_are_told() -> None:
    """A battery that must end full and cannot charge that much."""
    floor = np.where(np.arange(T) == T - 1, 20.0, 0.0)
    with pytest.raises(NoPlan, match="Infeasible"):
        plan(alone(replace(battery(), high_kw=1 * ROWS, floor_kwh=floor), exchange(), 0 * ROWS))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low_kw": 1 * ROWS}, "baseline_kw outside"),
        ({"up_ct_per_kwh": -2.0}, "to less than 0"),
        ({"efficiency": 0.0}, "efficiency 0.0"),
        ({"high_kw": np.ones(3)}, "one length"),
    ],
)
def test_a_resource_that_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    """Bounds around the baseline, costs that no wheel earns by, an efficiency, rows of one length."""
    with pytest.raises(BadInput, match=words):
        replace(battery(), **change)


def test_an_exchange_that_cannot_be_is_refused() -> None:
    """Selling for more than buying costs, and a limit below nothing."""
    with pytest.raises(BadInput, match="interval 0 is above"):
        exchange(buy=4.0, sell=5.0)
    with pytest.raises(BadInput, match="expected magnitudes"):
        replace(exchange(), import_kw=-1 * ROWS)


def test_rows_of_other_lengths_are_refused() -> None:
    """A scenario of three intervals in a day of eight."""
    with pytest.raises(BadInput, match=r"\[3, 8\] intervals"):
        replace(microgrid(), scenarios_kw=(np.ones(3),))


def test_a_plan_is_a_job_and_travels() -> None:
    """What a host is asked for by name, and what comes back, survive the wire; the same again is the same plan."""
    grid = microgrid()
    found = decode(encode(run("microgrid-plan", (decode(encode(grid)),))))
    assert found.cost_ct == plan(grid).cost_ct
    energy = tuple(float(r.stored_kwh(p, 1.0)[1]) for r, p in zip(grid.resources, found.power_kw, strict=True))
    again = run("microgrid-replan", (grid, found, 2, energy))
    assert again.since == 2
    assert all(np.array_equal(x, y) for x, y in zip(found.power_kw, again.power_kw, strict=True))
