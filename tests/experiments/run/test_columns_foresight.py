"""Perfect foresight: its program by hand, its models against the physics, and a day that it keeps within all limits."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cim.model.intervals import LocalDay
from environment.physics import Battery, ChargePoint, HeatPumpRoom, Series
from environment.physics.heat_pump import Room
from environment.physics.world import World
from environment.profiles.library import load
from environment.profiles.sessions import Session
from environment.sites import load_site
from experiments.run.bills import bills_of
from experiments.run.columns.column import Column
from experiments.run.columns.foresight import units
from experiments.run.columns.foresight.day import DayProgram, LeftAlone
from experiments.run.columns.foresight.grid_cuts import Cut, GridLimits
from experiments.run.columns.foresight.linear_program import LinearProgram, NoOptimum
from experiments.run.columns.foresight.run_foresight import run_foresight
from experiments.run.columns.foresight.units import Horizon, Visit
from experiments.run.grid import evaluate
from experiments.run.run import OPENING_HOUR
from experiments.run.settings import RunSettings

SITE = load_site("strem")
PROFILES = load(SITE.profiles)
DAY = LocalDay(date(2016, 5, 20), SITE.timezone)
COSTS = SITE.flexibility_costs
FOUR = Horizon(4, 1.0, 0.0)


@pytest.fixture(scope="module")
def foresight() -> Column:
    """The default day."""
    return run_foresight(RunSettings("strem", DAY.day, 1, 1, "local", "direct", 1, Path("unused")))


@pytest.fixture(scope="module")
def alone() -> World:
    """The default day, every device left to its own rule."""
    world = World(SITE, PROFILES, DAY.next(-1).at(OPENING_HOUR), 1)
    world.advance(DAY.end)
    return world


def test_a_program_without_an_answer_says_so() -> None:
    """Constraints that contradict each other are an error with the solver's own words, not a wrong plan."""
    program = LinearProgram()
    program.equal([(program.variables(0.0, 1.0, 1.0, 2), 1.0)], 2.0)
    with pytest.raises(NoOptimum, match="foresight: "):
        program.solve()


def test_a_battery_buys_cheap_and_keeps_what_it_owes() -> None:
    """By hand: 10 kW for an hour at 10 ct, less 5 % loss both ways, spare 9.025 kWh at 40 ct; what it began with stays."""
    program = LinearProgram()
    battery = Battery("b", 0.0, rated_w=10_000, capacity_wh=40_000, efficiency=0.95, stored_wh=20_000)
    steered = units.battery(program, FOUR, battery, 20_000, COSTS)
    bought = program.variables(0.0, 100.0, np.array([10.0, 20.0, 40.0, 21.0]), 4)
    program.equal([(bought, 1.0), *((block, -sign) for block, sign in steered.terms)], 15.0)
    found = program.solve()
    power = np.sum([sign * found[block] for block, sign in steered.terms], axis=0)
    np.testing.assert_allclose(power, [10.0, 10.0 * (10 / 0.95 - 9.5) / 9.5, -10.0, 0.0], atol=1e-6)
    steered.order(found, 2, battery)
    assert battery.target_w == pytest.approx(-10_000)


def test_a_rooms_model_is_its_physics() -> None:
    """The program's temperature at the end is the physics' to a hundredth of a kelvin, also far from the set point."""
    room = Room(capacity_wh_per_k=5000, loss_w_per_k=120, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)
    demand = Series(np.full(40, 0.4), 0.0)
    pump = HeatPumpRoom("h", 0.0, demand=demand, rated_w=4000, room=room, tan_phi=0.4)
    program = LinearProgram()
    steered = units.heat_pump(program, FOUR, pump, np.full(4, 1.6), 21.0)
    (power, _), *_ = steered.terms
    program.equal([(power, 1.0)], np.array([1.0, 1.0, 2.2, 2.3]))
    found = program.solve()
    decay = np.exp(-120 / 5000)
    by_model = 0.0
    for isp in range(4):
        by_model = decay * by_model + (1 - decay) * 3.0 * 1000 / 120 * (found[power[isp]] - 1.6)
        steered.order(found, isp, pump)
        for quarter in range(4):
            at = isp * 3600.0 + quarter * 900.0
            pump.settle(at)
            pump.step(900.0, at)
    assert pump.temperature_c - 21.0 == pytest.approx(by_model, abs=0.01)
    assert not pump.guarded


@pytest.mark.parametrize(("demand", "retail_ct", "warmer"), [(0.4, 20.0, True), (0.4, 0.0, False), (0.0, 20.0, False)])
def test_warmth_at_midnight_is_worth_what_it_saves_the_next_day(demand: float, retail_ct: float, warmer: bool) -> None:
    """In the last hour power costs 10 ct; the next day it is bought at 20, or nothing is heated, or nobody counts it.

    The house is never left colder than it would be: that would live on the next day.
    """
    room = Room(capacity_wh_per_k=5000, loss_w_per_k=120, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)
    pump = HeatPumpRoom("h", 0.0, demand=Series(np.full(400, demand), 0.0), rated_w=4000, room=room, tan_phi=0.4)
    program = LinearProgram()
    steered = units.heat_pump(program, FOUR, pump, np.full(4, 4 * demand), 21.0, retail_ct)
    (power, _), *_ = steered.terms
    bought = program.variables(0.0, 100.0, np.full(4, 10.0), 4)
    program.equal([(bought, 1.0), (power, -1.0)], 0.0)
    kept, warm_k = np.exp(-120 / 5000), 0.0
    for kw in program.solve()[power]:
        warm_k = warm_k * kept + (1 - kept) * 25.0 * (kw - 4 * demand)
    assert bool(warm_k > 0.5) is warmer
    assert warm_k > -1e-6


def test_a_large_house_is_not_cooled_for_less_than_it_takes_to_heat_it() -> None:
    """An estate's kelvin is 140 kWh: at 1000 ct a kelvin it was left a quarter of a kelvin cold at midnight, 34 kWh."""
    room = Room(capacity_wh_per_k=420_000, loss_w_per_k=7000, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)
    pump = HeatPumpRoom("h", 0.0, demand=Series(np.full(400, 0.3), 0.0), rated_w=80_000, room=room, tan_phi=0.4)
    program = LinearProgram()
    steered = units.heat_pump(program, FOUR, pump, np.full(4, 24.0), 21.0, 20.0)
    (power, _), *_ = steered.terms
    bought = program.variables(0.0, 500.0, np.full(4, 20.0), 4)
    program.equal([(bought, 1.0), (power, -1.0)], 0.0)
    kept, warm_k = np.exp(-7000 / 420_000), 0.0
    for kw in program.solve()[power]:
        warm_k = warm_k * kept + (1 - kept) * 3000 / 7000 * (kw - 24.0)
    assert warm_k > -1e-6


def test_vehicles_get_what_they_are_owed_while_they_are_there() -> None:
    """One leaves after an hour and a half with 12 kWh, the next comes at the third hour: each charges in its own time."""
    program = LinearProgram()
    first, second = Session(1800.0, 7200.0, 12_000), Session(10_800.0, 20_000.0, 30_000)
    point = ChargePoint("s", 0.0, sessions=(first, second), rated_w=10_000)
    steered = units.station(program, FOUR, point, (Visit(first, 12.0), Visit(second, 30.0)))
    (power, _), *_ = steered.terms
    found = program.solve()
    np.testing.assert_allclose(
        found[power], [5.0, 7.0, 0.0, 10.0], atol=1e-6
    )  # what it cannot have by the end, it is not owed
    steered.order(found, 0, point)
    assert point.limit_w == pytest.approx(10_000)  # 5 kW on average are 10 kW for the half hour that it is there


def test_a_cut_foretells_the_power_flow() -> None:
    """Moved by 10 kW and 5 kvar from where it was drawn, a transformer's loading is what the cut says to 0.2 %."""
    grid = GridLimits(SITE)
    p = {prosumer.name: np.full(1, -12_000.0) for prosumer in SITE.prosumers}
    q = {prosumer.name: np.full(1, 1_000.0) for prosumer in SITE.prosumers}
    p["pv-field"] -= 700_000.0
    cuts = grid.cuts(p, q, np.zeros_like(grid.excess(p, q)))
    assert cuts
    p["farm-4"] += 10_000.0
    q["farm-4"] -= 5_000.0
    moved = grid.excess(p, q)[0]
    for cut in cuts:
        said = _left_side(cut, p, q) - cut.room
        assert np.abs(moved - said).min() < 0.2


def _left_side(cut: Cut, p: dict[str, np.ndarray], q: dict[str, np.ndarray]) -> float:
    return float(sum(cut.per_w[x.node] * p[x.name][0] + cut.per_var[x.node] * q[x.name][0] for x in SITE.prosumers))


def test_what_cannot_be_kept_is_broken_as_little_as_possible(alone: World) -> None:
    """A limit far below what any order could reach is no error: the plan gives all it can."""
    morning = World(SITE, PROFILES, DAY.next(-1).at(OPENING_HOUR), 1)
    morning.advance(DAY.start)
    truth = alone.truth(DAY.start, DAY.end)
    program = DayProgram(SITE, DAY, morning, LeftAlone(truth, alone.device_truth(DAY.start, DAY.end), alone))
    program.limit([Cut(50, {"LV1.101 Bus 1": -0.001}, {}, -1000.0)])  # farm 1 is to draw a megawatt
    net = program.net_w(program.solve())["farm-1"]
    assert truth["farm-1"][0][50] < -20_000
    assert net[50] > 0  # all its sun is given up, and what it can store beside its load is drawn


def test_the_day_is_kept_within_all_limits_and_nobody_goes_without(foresight: Column, alone: World) -> None:
    """No limit is broken in the executed day, vehicles get all they want, and bills are below those of devices left alone."""
    assert evaluate(SITE, foresight.truth).violations == ()
    assert foresight.devices.unserved_ev_wh < 1
    names = {prosumer.name: prosumer.name for prosumer in SITE.prosumers}
    left, found = (
        sum(bill.total_e4 for bill in bills_of(SITE, [DAY], truth, (), names).values())
        for truth in (alone.truth(DAY.start, DAY.end), foresight.truth)
    )
    over = evaluate(SITE, alone.truth(DAY.start, DAY.end)).over_limit_wh
    assert over > 50_000
    # What limits cost: at most the feed-in that would be lost if all that is above them were curtailed (8.24 ct/kWh).
    assert found < left + over / 1000 * 8.24 * 100


def test_the_same_seed_gives_the_same_column(foresight: Column) -> None:
    """The optimum is deterministic to the last watt."""
    again = run_foresight(RunSettings("strem", DAY.day, 1, 1, "local", "direct", 1, Path("unused")))
    for name, (active, reactive) in again.truth.items():
        np.testing.assert_array_equal(active, foresight.truth[name][0])
        np.testing.assert_array_equal(reactive, foresight.truth[name][1])


def test_what_a_day_cannot_give_is_no_contradiction() -> None:
    """A room that begins too cold for its pump, and a store that is to end fuller than it can, end as near as they can."""
    room = Room(capacity_wh_per_k=5000, loss_w_per_k=120, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)
    pump = HeatPumpRoom("h", 0.0, demand=Series(np.full(40, 0.9), 0.0), rated_w=4000, room=room, tan_phi=0.4)
    pump.temperature_c = 18.0
    battery = Battery("b", 0.0, rated_w=1_000, capacity_wh=40_000, efficiency=0.95, stored_wh=0.0)
    program = LinearProgram()
    heated = units.heat_pump(program, FOUR, pump, np.full(4, 3.6), 21.0)
    stored = units.battery(program, FOUR, battery, 20_000, COSTS)
    found = program.solve()
    (power, _), *_ = heated.terms
    np.testing.assert_allclose(found[power], 4.0)
    np.testing.assert_allclose(np.sum([sign * found[block] for block, sign in stored.terms], axis=0), 1.0)
