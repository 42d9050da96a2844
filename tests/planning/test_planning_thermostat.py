"""What a heat pump would have drawn by its thermostat: told from powers and temperatures of a day on which orders moved it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.thermostat import by_thermostat
from cim.model.devices import ThermalDescription
from environment.physics.heat_pump import HeatPumpRoom, Room
from environment.physics.unit import QUARTER_S, Series

RATED_W, HOURS, SIZE = 4000.0, 0.25, 16
ROOM = Room(capacity_wh_per_k=8000, loss_w_per_k=8000 / 60, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)


def described(pump: HeatPumpRoom) -> ThermalDescription:
    """What its gateway tells of it."""
    return ThermalDescription(19.5, 22.5, 0, round(RATED_W), pump.fill_rate_per_w, datetime(2016, 1, 1, tzinfo=UTC))


def day_of(demand: list[float], targets: list[float | None], start_c: float = 21.0) -> tuple[np.ndarray, np.ndarray]:
    """[T] kW and [T + 1] temperatures of the physical model under targets (None: its thermostat)."""
    series = Series(np.array(demand), 0.0)
    pump = HeatPumpRoom("pump", 0.0, demand=series, rated_w=RATED_W, room=ROOM, tan_phi=0.0)
    pump.temperature_c = start_c
    power, warm = [], [pump.temperature_c]
    for k, target in enumerate(targets):
        pump.target_w = target
        now_s, end_s, energy = k * QUARTER_S, (k + 1) * QUARTER_S, 0.0
        while now_s < end_s:
            pump.settle(now_s)
            seconds = min(end_s, max(pump.until(now_s), now_s + 1e-3)) - now_s
            energy += pump.power_w * seconds
            pump.step(seconds, now_s)
            now_s += seconds
        power.append(energy / QUARTER_S / 1000)
        warm.append(pump.temperature_c)
    return np.array(power), np.array(warm)


def reconstructed(demand: list[float], targets: list[float | None], start_c: float = 21.0) -> np.ndarray:
    """The day without targets, by what the day with them showed."""
    pump = HeatPumpRoom("pump", 0.0, demand=Series(np.array(demand), 0.0), rated_w=RATED_W, room=ROOM, tan_phi=0.0)
    return by_thermostat(*day_of(demand, targets, start_c), described(pump), HOURS)


def test_heat_that_stays_in_the_walls_was_not_needed() -> None:
    """A summer day without demand: what an order heated, the thermostat would not have drawn, and nothing is spread."""
    targets = [None] * 6 + [2000.0, 1000.0] + [None] * 8
    np.testing.assert_allclose(reconstructed([0.0] * SIZE, targets), 0.0, atol=1e-3)


def test_heat_that_was_saved_later_is_put_back() -> None:
    """A winter day: after an hour at full power the pump rests; without the order it would have run evenly."""
    demand = [0.4] * SIZE
    targets = [None] * 4 + [4000.0] * 4 + [None] * 8
    with_order, _ = day_of(demand, targets)
    assert with_order[-8:].sum() < 0.9 * 8 * 1.6
    np.testing.assert_allclose(reconstructed(demand, targets), 1.6, atol=2e-3)


def test_a_building_that_begins_the_day_warm_saves_first() -> None:
    """What it holds at midnight is no order's of this day: its thermostat draws less until it is used up."""
    demand = [0.4] * SIZE
    free, _ = day_of(demand, [None] * SIZE, start_c=21.8)
    found = reconstructed(demand, [None] * 4 + [0.0, 3000.0] + [None] * 10, start_c=21.8)
    np.testing.assert_allclose(found, free, atol=0.02)


LEVELS = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5]), min_size=SIZE, max_size=SIZE)
TARGETS = st.lists(st.sampled_from([None, None, None, 0.0, 500.0, 1500.0]), min_size=SIZE, max_size=SIZE)


@settings(max_examples=40)
@given(demand=LEVELS, targets=TARGETS)
def test_whatever_was_ordered_the_day_without_is_found(demand: list[float], targets: list[float | None]) -> None:
    """Against the physical model's own day without orders, within 20 W of each quarter-hour."""
    _, warm = day_of(demand, targets)
    if warm.min() > 19.6 and warm.max() < 22.4:  # within its comfort the building obeys
        free, _ = day_of(demand, [None] * SIZE)
        assert reconstructed(demand, targets) == pytest.approx(free, abs=0.02)
