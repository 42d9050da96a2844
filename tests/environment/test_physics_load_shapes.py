"""Heat pump, charge point and PV under any orders, and whole connections: bounds, balances, counters, cuts in time."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environment.physics import (
    BaseLoad,
    Battery,
    ChargePoint,
    Chp,
    Connection,
    HeatPumpRoom,
    PhysicalUnit,
    PvArray,
    Series,
)
from environment.physics.heat_pump import Room
from environment.profiles.sessions import Session

START = 1_463_695_200.0
QUARTER_S = 900.0
ROOM = Room(capacity_wh_per_k=8000.0, loss_w_per_k=250.0, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5)
QUARTERS = 48
DEMANDS = st.lists(st.floats(0, 0.9), min_size=QUARTERS, max_size=QUARTERS)
TARGETS = st.lists(st.one_of(st.none(), st.floats(-500, 4000)), min_size=1, max_size=QUARTERS)
STAYS = st.lists(st.tuples(st.floats(1, 4000), st.floats(600, 8000), st.floats(100, 20_000)), min_size=1, max_size=5)


def series(values: list[float]) -> Series:
    """A profile from START on."""
    return Series(np.array(values, dtype=np.float64), START)


def heat_pump(demand: list[float]) -> HeatPumpRoom:
    """3 kW with a thermal mass of 8 kWh/K."""
    return HeatPumpRoom("h", START, demand=series(demand), rated_w=3000.0, room=ROOM, tan_phi=0.3)


def stays(parts: list[tuple[float, float, float]]) -> tuple[Session, ...]:
    """One vehicle after the other: gap before it, length of its stay, energy it wants."""
    found, now_s = [], START
    for gap_s, length_s, energy_wh in parts:
        found.append(Session(now_s + gap_s, now_s + gap_s + length_s, energy_wh))
        now_s += gap_s + length_s
    return tuple(found)


@given(DEMANDS, TARGETS)
def test_no_order_takes_a_room_out_of_its_comfort(demand: list[float], targets: list[float | None]) -> None:
    """Whatever is ordered: the power stays within the rating, the temperature within the band while the pump can hold it."""
    unit = heat_pump(demand)
    connection = Connection("p", (unit,))
    for number, target_w in enumerate(targets):
        unit.target_w = target_w
        connection.advance(START + number * QUARTER_S, START + (number + 1) * QUARTER_S)
        assert 0.0 <= unit.power_w <= unit.rated_w
        assert ROOM.level_min_c - 2e-2 <= unit.temperature_c <= ROOM.level_max_c + 2e-2
        assert unit.reactive_var == pytest.approx(0.3 * unit.power_w)


@given(DEMANDS, st.lists(st.floats(0, 3000), min_size=1, max_size=12))
def test_a_heat_pumps_energy_ends_as_heat_in_the_room(demand: list[float], targets: list[float]) -> None:
    """Three times the electricity is the profile's heat, what the mass gained, and the extra losses of a warmer room."""
    unit = heat_pump(demand)
    connection, step_s = Connection("p", (unit,)), 30.0
    lost_wh = drained_wh = 0.0
    for number, target_w in enumerate(targets):
        unit.target_w = target_w
        for step in range(30):
            now_s = START + number * QUARTER_S + step * step_s
            before_c = unit.temperature_c
            connection.advance(now_s, now_s + step_s)
            hours = step_s / 3600
            lost_wh += ROOM.loss_w_per_k * ((before_c + unit.temperature_c) / 2 - ROOM.set_c) * hours
            drained_wh += ROOM.cop * unit.rated_w * demand[number] * hours
    gained_wh = ROOM.capacity_wh_per_k * (unit.temperature_c - ROOM.set_c)
    assert gained_wh == pytest.approx(ROOM.cop * unit.import_wh - drained_wh - lost_wh, abs=0.5)


@given(STAYS, st.lists(st.one_of(st.none(), st.floats(-100, 15_000)), min_size=1, max_size=60))
def test_a_charge_point_obeys_limit_and_wish(
    parts: list[tuple[float, float, float]], limits: list[float | None]
) -> None:
    """No more than the limit or the rating flows, nothing flows without a vehicle, nobody gets more than wanted, all is told."""
    sessions = stays(parts)
    unit = ChargePoint("ev", START, sessions=sessions, rated_w=11_000.0)
    connection, now_s, got_wh = Connection("p", (unit,)), START, 0.0
    for limit_w in [*limits, *[None] * 80]:
        unit.limit_w = limit_w
        seen: list[tuple[float, bool]] = []
        connection.advance(
            now_s, now_s + QUARTER_S, lambda *_, seen=seen: seen.append((unit.power_w, bool(unit.session)))
        )
        now_s += QUARTER_S
        most_w = 11_000.0 if limit_w is None else max(0.0, min(limit_w, 11_000.0))
        assert all(0.0 <= power_w <= most_w and (plugged or not power_w) for power_w, plugged in seen)
        assert unit.delivered_wh <= (unit.session.energy_wh + 1e-6 if unit.session else 20_000.0)
    events = unit.drain()
    assert [event.plugged for event in events] == [True, False] * len(sessions)
    for session, came, left in zip(sessions, events[::2], events[1::2], strict=True):
        assert (came.session, left.session) == (session, session)
        assert came.at_s == pytest.approx(session.start_s, abs=1e-2)
        assert left.at_s == pytest.approx(session.departure_s, abs=1e-2)
        assert left.energy_wh <= session.energy_wh + 1e-6
        got_wh += left.energy_wh
    assert unit.import_wh == pytest.approx(got_wh, abs=1e-6)
    assert got_wh + unit.unserved_wh == pytest.approx(sum(session.energy_wh for session in sessions), abs=0.1)


@given(STAYS)
def test_unlimited_nobody_leaves_wanting_what_there_was_time_for(parts: list[tuple[float, float, float]]) -> None:
    """What a vehicle leaves without is only what its stay was too short for."""
    sessions = stays(parts)
    unit = ChargePoint("ev", START, sessions=sessions, rated_w=11_000.0)
    Connection("p", (unit,)).advance(START, sessions[-1].departure_s + 1)
    too_much_wh = sum(max(0.0, s.energy_wh - (s.departure_s - s.start_s) / 3600 * 11_000.0) for s in sessions)
    assert unit.unserved_wh == pytest.approx(too_much_wh, abs=0.1)


@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.lists(st.one_of(st.none(), st.floats(-12_000, 500)), min_size=8, max_size=8),
)
def test_pv_gives_the_sun_or_its_limit(sun: list[float], limits: list[float | None]) -> None:
    """In each quarter-hour the lesser of sun and limit is exported; nothing is ever imported."""
    unit = PvArray("pv", START, available=series(sun), rated_w=9000.0)
    connection, expected_wh = Connection("p", (unit,)), 0.0
    for number, (share, limit_w) in enumerate(zip(sun, limits, strict=True)):
        unit.limit_w = limit_w
        connection.advance(START + number * QUARTER_S, START + (number + 1) * QUARTER_S)
        allowed_w = 9000.0 if limit_w is None else max(0.0, -limit_w)
        expected_wh += min(9000.0 * share, allowed_w) / 4
    assert unit.export_wh == pytest.approx(expected_wh)
    assert unit.import_wh == 0.0


class _Everything:
    """A connection with one unit of each kind, and the orders that each understands."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)

        def shape() -> Series:
            return series(draw.uniform(0, 0.9, QUARTERS).tolist())

        self.heat = HeatPumpRoom("h", START, demand=shape(), rated_w=3000.0, room=ROOM, tan_phi=0.3)
        self.battery = Battery("b", START, rated_w=5000.0, capacity_wh=9000.0, efficiency=0.94, stored_wh=4000.0)
        self.pv = PvArray("pv", START, available=shape(), rated_w=12_000.0)
        self.vehicle = ChargePoint(
            "ev", START, sessions=stays([(1000.0, 7000.0, 9000.0), (2500.0, 9000.0, 30_000.0)]), rated_w=11_000.0
        )
        self.chp = Chp("c", START, rated_w=20e3, plan_w=-15e3, min_w=8e3, ramp_w_per_min=2e3)
        load = BaseLoad("l", START, active=shape(), peak_w=4000.0, reactive=shape(), peak_var=900.0)
        self.units: tuple[PhysicalUnit, ...] = (load, self.heat, self.battery, self.pv, self.vehicle, self.chp)
        self.connection = Connection("p", self.units)

    def order(self, battery_w: float, limit_w: float, heat_w: float) -> None:
        """New setpoints for everything that takes one."""
        self.battery.target_w, self.pv.limit_w, self.heat.target_w = battery_w, -limit_w, heat_w
        self.vehicle.limit_w, self.chp.target_w = limit_w, -limit_w

    def state(self) -> list[float]:
        """Counters and everything that is stored."""
        counters = [count for unit in self.units for count in (unit.import_wh, unit.export_wh)]
        own = [self.battery.stored_wh, self.heat.temperature_c, self.vehicle.delivered_wh, self.vehicle.unserved_wh]
        return [self.connection.import_wh, self.connection.export_wh, *counters, *own]


_ORDERS = st.tuples(st.floats(-6000, 6000), st.floats(0, 14_000), st.floats(0, 3500))


@pytest.mark.parametrize("warm_k", [-1.2, -0.3, 0.0, 0.4, 1.2])
@pytest.mark.parametrize("demand", [0.0, 0.1, 0.5])
def test_warmth_saves_what_the_thermostat_then_draws_less(warm_k: float, demand: float) -> None:
    """A day of physics from a warm or cold room beside one from the set temperature: the difference is what was said."""
    energy_wh = []
    for above in (0.0, warm_k):
        pump = HeatPumpRoom("h", START, demand=series([demand] * 96), rated_w=3000.0, room=ROOM, tan_phi=0.3)
        pump.temperature_c, taken = ROOM.set_c + above, 0.0
        for k in range(288):
            pump.settle(START + 300.0 * k)
            taken += pump.power_w / 12
            pump.step(300.0, START + 300.0 * k)
        energy_wh.append(taken)
    pump = HeatPumpRoom("h", START, demand=series([demand] * 96), rated_w=3000.0, room=ROOM, tan_phi=0.3)
    saved_wh = pump.saved_wh(warm_k, START)
    assert saved_wh == pytest.approx(energy_wh[0] - energy_wh[1], rel=0.02, abs=5.0)
    assert saved_wh * warm_k >= 0


@settings(max_examples=60)
@given(
    st.integers(0, 99), st.lists(st.tuples(_ORDERS, st.lists(st.floats(1, 2500), max_size=6)), min_size=1, max_size=4)
)
def test_many_segments_are_one_long_step(
    seed: int, spans: list[tuple[tuple[float, float, float], list[float]]]
) -> None:
    """Between two orders time may be cut anywhere: every counter and every state comes out the same."""
    ends: list[list[float]] = []
    for cut in (False, True):
        world, now_s = _Everything(seed), START
        for orders, pieces in spans:
            world.order(*orders)
            length_s = sum(pieces) + 300.0
            stops = [now_s + at for at in accumulate(pieces)] if cut else []
            for stop_s in [*stops, now_s + length_s]:
                world.connection.advance(world.heat.now_s, stop_s)
            now_s += length_s
        ends.append(world.state())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9, atol=1e-5)


@settings(max_examples=60)
@given(st.integers(0, 99), st.lists(_ORDERS, min_size=1, max_size=30))
def test_no_counter_ever_falls_and_the_meter_is_the_net(seed: int, orders: list[tuple[float, float, float]]) -> None:
    """Import and export of the meter and of every unit only grow; the meter's net is the sum of the units' nets."""
    world, before = _Everything(seed), [0.0] * 14
    for number, wanted in enumerate(orders):
        world.order(*wanted)
        world.connection.advance(START + number * 300, START + (number + 1) * 300)
        counters = world.state()[:14]
        assert all(now >= then for now, then in zip(counters, before, strict=True))
        before = counters
    net_wh = sum(unit.import_wh - unit.export_wh for unit in world.units)
    assert world.connection.import_wh - world.connection.export_wh == pytest.approx(net_wh, abs=1e-6)
    assert world.connection.import_wh <= sum(unit.import_wh for unit in world.units) + 1e-6
