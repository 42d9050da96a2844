"""The island's frequency against closed forms, and what its relays and units do by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.arrays import Floats
from environment.physics import frequency as f
from environment.physics.island import Island, IslandLimits, separated

BATTERY_W, CHP_W = 100_000.0, 200_000.0


def limits(**changed: float) -> IslandLimits:
    """A battery of 100 kW and 100 kWh without restoring, no CHP plant, inverters by EN 50549, no damping."""
    values = np.zeros(f.LIMITS_SIZE)
    given_ = {
        "NOMINAL_HZ": 50, "BATTERY_RATED_W": BATTERY_W, "CAPACITY_WH": 100_000, "EMPTY_WH": 2_000, "EFFICIENCY": 0.95,
        "BATTERY_INERTIA_S": 4, "BATTERY_DROOP": 0.01, "BATTERY_RESPONSE_S": 0.05, "RESTORE_S": 0,
        "CHP_DROOP": 0.05, "CHP_INERTIA_S": 1, "CHP_RATE_W_PER_S": 10_000, "CHP_START_S": 30,
        "INVERTER_RATED_W": 500_000, "OVER_HZ": 50.2, "INVERTER_DROOP": 0.05, "TRIP_HZ": 51.5, "RECONNECT_S": 60, "RAMP_S": 100,
        "SHED_DELAY_S": 0.1, "LOWEST_ALLOWED_HZ": 47, "HIGHEST_ALLOWED_HZ": 52.5, "TRIP_DELAY_S": 0.2,
    } | changed  # fmt: skip
    for name, value in given_.items():
        values[getattr(f, name)] = value
    return IslandLimits(values, np.zeros(2))


def island(
    held: IslandLimits, *, stored_wh: float = 50_000, battery_w: float = 0.0, chp_w: float = 0.0, sun_w: float = 0.0
) -> Island:
    """An island of two stages in the instant of separation."""
    return separated(held, stored_wh=stored_wh, battery_w=battery_w, chp_w=chp_w, sun_w=sun_w, stages=2)


def loads(first_w: float, second_w: float = 0.0) -> Floats:
    """What the two stages draw."""
    return np.array([first_w, second_w])


WITH_CHP = {"CHP_RATED_W": CHP_W, "CHP_MIN_W": 80_000.0, "CHP_RATE_W_PER_S": 1e9}


@pytest.mark.parametrize("step_w", [-30_000.0, 10_000.0, 50_000.0])
def test_the_first_slope_is_the_swing_equation_s(step_w: float) -> None:
    """RoCoF = -dP f0 / (2 sum(H S)), with the battery's virtual inertia and the CHP plant's."""
    held = limits(**WITH_CHP, BATTERY_RESPONSE_S=1e9)
    one = island(held, chp_w=100_000)
    one.separate(f.STEP_S, loads(100_000 + step_w), 0.0)
    turning = 4 * BATTERY_W + 1 * CHP_W
    assert (one.state[f.HZ] - 50) / f.STEP_S == pytest.approx(-step_w * 50 / (2 * turning))


@pytest.mark.parametrize("step_w", [-40_000.0, 20_000.0, 60_000.0])
def test_a_battery_alone_settles_on_its_droop(step_w: float) -> None:
    """Steady state: df = -dP R f0 / S."""
    one = island(limits())
    one.advance(60, loads(max(0.0, step_w)), max(0.0, -step_w))
    # above 50.2 Hz inverters give less too, and below they do not: only this side stays on the battery's droop alone
    assert one.state[f.HZ] == pytest.approx(50 - step_w * 0.01 * 50 / BATTERY_W, abs=1e-4)


def test_battery_and_engine_share_by_their_droops() -> None:
    """Steady state: df = -dP / (S_b/(R_b f0) + S_c/(R_c f0)); each gives its part of it."""
    one = island(limits(**WITH_CHP), chp_w=100_000)
    one.advance(120, loads(160_000), 0.0)
    per_hz = BATTERY_W / (0.01 * 50), CHP_W / (0.05 * 50)
    below = 60_000 / sum(per_hz)
    assert 50 - one.state[f.HZ] == pytest.approx(below, abs=1e-4)
    assert one.state[f.BATTERY_W] == pytest.approx(per_hz[0] * below, rel=1e-3)
    assert one.state[f.CHP_W] - 100_000 == pytest.approx(per_hz[1] * below, rel=1e-3)


def test_loads_that_fall_with_the_frequency_help() -> None:
    """Steady state with damping: df = -dP / (S/(R f0) + D P / f0)."""
    one = island(limits(DAMPING=1.5))
    one.advance(60, loads(80_000), 0.0)
    below = 80_000 / (BATTERY_W / (0.01 * 50) + 1.5 * 80_000 / 50)
    assert 50 - one.state[f.HZ] == pytest.approx(below, abs=1e-4)


def test_the_battery_brings_the_frequency_back() -> None:
    """With restoring the frequency ends at what is to be held, and what is held can be moved."""
    one = island(limits(RESTORE_S=2))
    one.advance(60, loads(60_000), 0.0)
    assert one.state[f.HZ] == pytest.approx(50, abs=2e-3)
    one.orders.hold_hz = 50.05
    one.advance(60, loads(60_000), 0.0)
    assert one.state[f.HZ] == pytest.approx(50.05, abs=2e-3)


def test_relays_shed_in_their_order_and_only_as_much_as_is_needed() -> None:
    """150 kW on 100 kW: the stage with the higher setting goes, after its delay; the other stays."""
    held = limits()
    held.below_hz[:] = 48.8, 49.2
    one = island(held)
    one.advance(30, loads(90_000, 60_000), 0.0)
    assert one.closed.tolist() == [1, 0]
    assert one.lit
    assert 48.8 < one.state[f.LOWEST_HZ] < 49.2
    assert one.served_wh[0] == pytest.approx(one.demand_wh[0])
    assert one.served_wh[1] < 0.1 * one.demand_wh[1]


def test_a_dip_shorter_than_the_delay_sheds_nothing() -> None:
    """A relay counts anew once the frequency is back."""
    held = limits(SHED_DELAY_S=100)
    held.below_hz[:] = 49.9
    one = island(held)
    one.advance(30, loads(60_000), 0.0)
    assert one.state[f.LOWEST_HZ] < 49.9
    assert one.closed.tolist() == [1, 1]


def test_inverters_give_less_the_higher_the_frequency() -> None:
    """Above 50.2 Hz with 5 % droop: at 51 Hz they give 1 - 0.8/2.5 of what the sun does; all together balance."""
    one = island(limits(RECONNECT_S=0), sun_w=150_000)
    one.advance(120, loads(10_000), 150_000.0)
    hz = float(one.state[f.HZ])
    assert 50.2 < hz < 51.5
    assert one.state[f.PV_W] == pytest.approx(150_000 * (1 - (hz - 50.2) / 2.5), rel=1e-3)
    assert one.state[f.PV_W] + one.state[f.BATTERY_W] == pytest.approx(10_000, abs=200)


def test_inverters_trip_wait_and_ramp() -> None:
    """Above 51.5 Hz they are off at once, for a minute, then come back at a hundredth of their rating each second."""
    one = island(limits(), sun_w=400_000)
    trace = one.advance(130, loads(50_000), 400_000.0, traced=True)
    assert one.state[f.HIGHEST_HZ] > 51.5
    assert trace[10:58, 3].max() == 0
    assert trace[70, 3] == pytest.approx(10 * 5_000, rel=0.15)
    assert one.lit


def test_a_limit_on_inverters_holds() -> None:
    """They never give more than they are told."""
    one = island(limits(), sun_w=0)
    one.orders.sun_limit_w = 30_000
    trace = one.advance(20, loads(40_000), 400_000.0, traced=True)
    assert trace[:, 3].max() <= 30_000 + 1e-6


def test_an_empty_battery_lets_the_island_go_dark() -> None:
    """With nothing left the frequency falls until all is out; what is out is not served."""
    one = island(limits(), stored_wh=2_100)
    trace = one.advance(60, loads(50_000), 0.0, traced=True)
    assert not one.lit
    assert one.state[f.BLACKOUTS] == 1
    assert one.state[f.STORED_WH] == pytest.approx(2_000, abs=20)
    assert trace[-1, 0] == trace[-1, 4] == 0
    assert one.served_wh[0] < one.demand_wh[0] == pytest.approx(50_000 / 60)


def test_a_full_battery_takes_nothing() -> None:
    """Too much generation then ends in too high a frequency: inverters give way."""
    one = island(limits(), stored_wh=100_000, sun_w=60_000)
    one.advance(100, loads(30_000), 60_000.0)
    assert one.state[f.STORED_WH] <= 100_000
    assert one.lit
    assert one.state[f.PV_W] <= 31_000


def test_an_engine_starts_ramps_and_stops() -> None:
    """Nothing while it starts, then at its governor's speed to its least power and on to what is ordered; off at once."""
    held = limits(CHP_RATED_W=CHP_W, CHP_MIN_W=80_000)
    one = island(held)
    one.orders.chp_w = 90_000
    trace = one.advance(60, loads(95_000), 0.0, traced=True)
    assert trace[:29, 2].max() == 0
    assert np.diff(trace[:, 2]).max() <= 10_000 + 1e-6
    assert trace[-1, 2] == pytest.approx(90_000, abs=3_000)
    one.orders.chp_w = 0
    one.advance(1, loads(95_000), 0.0)
    assert one.state[f.CHP_W] == 0
    assert one.state[f.CHP_MODE] == f.CHP_OFF


def test_a_dark_island_starts_with_what_it_is_told_to_and_finds_back_to_mains() -> None:
    """Black start by the battery; it closes only within 10 degrees and 0.1 Hz of mains, and then stops counting."""
    one = island(limits(RESTORE_S=2), stored_wh=50_000)
    f.go_dark(one.state)
    one.advance(10, loads(20_000, 30_000), 0.0)
    assert one.served_wh.sum() == 0
    one.start_black(np.array([1.0, 0.0]))
    one.advance(60, loads(20_000, 30_000), 0.0)
    assert one.lit
    assert one.served_wh[1] == 0 < one.served_wh[0]
    one.orders.hold_hz, one.orders.close = 50.05, True
    before = one.seconds
    one.advance(600, loads(20_000, 30_000), 0.0)
    assert one.connected
    assert one.seconds - before < 30
    angle = one.state[f.ANGLE_DEG]
    assert min(angle, 360 - angle) < 10


def test_it_does_not_close_at_another_frequency() -> None:
    """Half a hertz away from mains it never closes, whatever the phase."""
    one = island(limits(RESTORE_S=2))
    one.orders.hold_hz = 50.5
    one.advance(30, loads(20_000), 0.0)
    one.orders.close = True
    one.advance(60, loads(20_000), 0.0)
    assert not one.connected


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0, 60_000), st.floats(0, 60_000), st.floats(0, 200_000), st.floats(0, 100_000), st.integers(1, 90),
)  # fmt: skip
def test_energy_is_conserved_and_bounds_hold(
    first_w: float, second_w: float, sun_w: float, stored_wh: float, seconds: int
) -> None:
    """Whatever the load, sun and charge: the store stays within its bounds, and nobody is served more than it asked for."""
    held = limits(RESTORE_S=2)
    held.below_hz[:] = 48.8, 49.2
    one = island(held, stored_wh=stored_wh, sun_w=sun_w)
    trace = one.advance(seconds, loads(first_w, second_w), sun_w, traced=True)
    assert (one.served_wh <= one.demand_wh + 1e-6).all()
    assert 0 <= one.state[f.STORED_WH] <= 100_000
    assert (np.abs(trace[:, 1]) <= BATTERY_W + 1e-6).all()
    assert (trace[:, 3] <= sun_w + 1e-6).all()


def test_quiet_seconds_say_what_fine_steps_say() -> None:
    """A second in which nothing moves is one step: what is stored and served is the same as in 50 steps."""
    quick, fine = island(limits(RESTORE_S=2)), island(limits(RESTORE_S=2))
    quick.advance(120, loads(40_000), 10_000.0)
    fine.separate(120.0, loads(40_000), 10_000.0)
    assert quick.state[f.STORED_WH] == pytest.approx(fine.state[f.STORED_WH], abs=1.0)
    assert quick.served_wh[0] == pytest.approx(fine.served_wh[0], rel=1e-6)
    assert quick.state[f.HZ] == pytest.approx(fine.state[f.HZ], abs=2e-3)
