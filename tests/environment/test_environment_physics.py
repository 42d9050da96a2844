"""Physics: energy is conserved, limits hold, and how time is cut into steps makes no difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.physics import BaseLoad, Battery, ChargePoint, Chp, Connection, HeatPumpRoom, PvArray, Series
from environment.physics.heat_pump import Room
from environment.profiles.sessions import Session

START = 1_463_695_200.0  # a whole quarter-hour
HOUR = 3600.0


def series(values: list[float]) -> Series:
    """A profile from START on."""
    return Series(np.array(values, dtype=np.float64), START)


def battery(stored_wh: float = 5000.0) -> Battery:
    """5 kW, 10 kWh, 95 % each way."""
    return Battery("b", START, rated_w=5000.0, capacity_wh=10000.0, efficiency=0.95, stored_wh=stored_wh)


def room(demand: list[float]) -> HeatPumpRoom:
    """A 3 kW heat pump with a thermal mass of about 16 kWh/K and a comfort band of 19.5 to 22.5 degrees."""
    thermal = Room(
        capacity_wh_per_k=16000.0, loss_w_per_k=270.0, cop=3.0, set_c=21.0, level_min_c=19.5, level_max_c=22.5
    )
    return HeatPumpRoom("h", START, demand=series(demand), rated_w=3000.0, room=thermal, tan_phi=0.4)


targets = st.lists(st.one_of(st.none(), st.floats(-8000, 8000)), min_size=1, max_size=12)


@given(targets, st.floats(0, 10000), st.floats(1, 7200))
def test_battery_balances_its_energy(orders: list[float | None], stored_wh: float, seconds: float) -> None:
    """Import - export - losses is what the store gained; it stays within its bounds, power within its rating."""
    unit = battery(stored_wh)
    connection = Connection("p", (unit,))
    now_s = START
    for order in orders:
        unit.target_w = order
        assert abs(unit.power_w) <= 5000
        connection.advance(now_s, now_s + seconds)
        now_s += seconds
        assert 0 <= unit.stored_wh <= 10000
    gained_wh = unit.import_wh - unit.export_wh - unit.losses_wh
    assert gained_wh == pytest.approx(unit.stored_wh - stored_wh, abs=1e-6)
    assert unit.losses_wh >= -1e-9
    assert connection.import_wh == pytest.approx(unit.import_wh)


def test_battery_stops_exactly_when_full_and_empty() -> None:
    """It takes and gives exactly what its energy and efficiency allow, then idles."""
    unit = battery()
    connection = Connection("p", (unit,))
    unit.target_w = 5000.0
    connection.advance(START, START + 3 * HOUR)
    assert (unit.soc_pct, unit.power_w) == (pytest.approx(100), 0)
    assert unit.import_wh == pytest.approx(5000 / 0.95)
    unit.target_w = -9999.0
    assert unit.power_w == -5000
    connection.advance(START + 3 * HOUR, START + 9 * HOUR)
    assert unit.export_wh == pytest.approx(10000 * 0.95)
    unit.target_w = None
    assert unit.power_w == 0


def test_pv_is_limited_but_never_raised() -> None:
    """A limit lets less through; a limit beyond what the sun gives changes nothing; a positive one means none."""
    unit = PvArray("pv", START, available=series([0.5, 0.25]), rated_w=1000.0)
    assert (unit.power_w, unit.available_w) == (-500, -500)
    unit.limit_w = -200.0
    assert (unit.power_w, unit.available_w) == (-200, -500)
    unit.limit_w = -900.0
    assert unit.power_w == -500
    unit.limit_w = 10.0
    assert unit.power_w == 0
    unit.limit_w = None
    Connection("p", (unit,)).advance(START, START + 1800)
    assert unit.export_wh == pytest.approx(500 / 4 + 250 / 4)


def test_chp_ramps_in_whole_minutes_between_part_load_and_rating() -> None:
    """It starts at its plan, moves a tenth of its rating a minute, and never below part load."""
    unit = Chp("c", START, rated_w=500e3, plan_w=-450e3, min_w=200e3, ramp_w_per_min=50e3)
    connection = Connection("p", (unit,))
    unit.target_w = 0.0
    assert unit.power_w == -450e3
    connection.advance(START, START + 60)
    assert unit.power_w == -400e3
    connection.advance(START + 60, START + 600)
    assert unit.power_w == -200e3
    unit.target_w = None
    connection.advance(START + 600, START + 1800)
    assert unit.power_w == -450e3
    down_wh, up_wh = [450, 400, 350, 300, 250], [200, 250, 300, 350, 400]
    steady_wh = [200] * 5 + [450] * 15
    assert unit.export_wh == pytest.approx(sum(down_wh + up_wh + steady_wh) * 1e3 / 60)


def test_room_without_a_target_follows_the_profile() -> None:
    """At the set temperature the thermostat draws just what the profile says, and the temperature stays."""
    unit = room([0.2, 0.6, 0.0, 1.0])
    Connection("p", (unit,)).advance(START, START + HOUR)
    assert unit.import_wh == pytest.approx(3000 * 1.8 / 4)
    assert unit.temperature_c == pytest.approx(21.0)
    assert unit.reactive_var == pytest.approx(0.4 * unit.power_w)


def test_room_keeps_its_comfort_against_any_target() -> None:
    """A target that would leave the band is overruled at its edge; afterwards the room comes back to its set point."""
    for order, edge in ((3000.0, 22.5), (0.0, 19.5)):
        unit = room([0.4] * 4 * 24 * 10)
        connection = Connection("p", (unit,))
        unit.target_w = order
        warmest = coldest = unit.temperature_c
        for step in range(12 * 24 * 3):
            connection.advance(START + step * 300, START + step * 300 + 300)
            warmest, coldest = max(warmest, unit.temperature_c), min(coldest, unit.temperature_c)
        assert 19.5 - 1e-3 <= coldest <= warmest <= 22.5 + 1e-3
        assert unit.guarded
        assert (warmest if edge > 21 else coldest) == pytest.approx(edge, abs=0.02)
        assert unit.temperature_c == pytest.approx(21.0, abs=0.05)


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.floats(0, 3000))
def test_room_balances_its_heat(demand: list[float], order: float) -> None:
    """Heat in minus heat demand minus the extra losses is what the thermal mass gained (integrated numerically)."""
    unit = room(demand)
    connection = Connection("p", (unit,))
    unit.target_w = order
    lost_wh = drained_wh = 0.0
    for step in range(240):
        now_s = START + step * 30
        before_k = unit.temperature_c - 21
        connection.advance(now_s, now_s + 30)
        lost_wh += 270 * (before_k + unit.temperature_c - 21) / 2 * 30 / HOUR
        drained_wh += 3.0 * 3000 * demand[step // 30] * 30 / HOUR
    gained_wh = 16000 * (unit.temperature_c - 21)
    assert gained_wh == pytest.approx(3.0 * unit.import_wh - drained_wh - lost_wh, abs=0.5)


def test_room_describes_itself_truly() -> None:
    """The fill rate and usage it tells predict what its temperature then does."""
    unit = room([0.3] * 8)
    connection = Connection("p", (unit,))
    unit.target_w = 2000.0
    connection.advance(START, START + 60)
    predicted = 60 * (unit.fill_rate_per_w * 2000 - unit.usage(START, 1)[0])
    assert unit.temperature_c - 21 == pytest.approx(predicted, rel=1e-3)


def charge_point(*sessions: Session) -> ChargePoint:
    """An 11 kW charge point."""
    return ChargePoint("ev", START, sessions=sessions, rated_w=11000.0)


def test_vehicle_charges_at_once_and_news_is_told() -> None:
    """Unlimited, a vehicle gets its energy as fast as the rating allows, and its coming and going are told once."""
    unit = charge_point(Session(START + 300, START + 2 * HOUR, 5500.0))
    connection = Connection("p", (unit,))
    connection.advance(START, START + 300)
    assert [event.plugged for event in unit.drain()] == [True]
    assert (unit.power_w, unit.remaining_wh) == (11000, 5500)
    connection.advance(START + 300, START + 300 + HOUR)
    assert (unit.power_w, unit.delivered_wh) == (0, pytest.approx(5500))
    connection.advance(START + 300 + HOUR, START + 3 * HOUR)
    (event,) = unit.drain()
    assert (event.plugged, event.at_s, event.energy_wh) == (False, START + 2 * HOUR, pytest.approx(5500))
    assert unit.drain() == ()


@given(st.lists(st.one_of(st.none(), st.floats(-10, 30000)), min_size=8, max_size=8), st.floats(1, 40000))
def test_vehicle_never_gets_more_than_it_wants_or_the_limit_allows(
    limits: list[float | None], energy_wh: float
) -> None:
    """Delivered + unserved is what was wanted, whatever the limits; power stays within limit and rating."""
    unit = charge_point(Session(START, START + 2 * HOUR, energy_wh))
    connection = Connection("p", (unit,))
    for number, limit in enumerate(limits):
        unit.limit_w = limit
        assert 0 <= unit.power_w <= max(0.0, min(11000.0, 11000.0 if limit is None else limit))
        connection.advance(START + number * 900, START + number * 900 + 900)
    connection.advance(START + 2 * HOUR, START + 3 * HOUR)
    assert unit.import_wh + unit.unserved_wh == pytest.approx(energy_wh)


def household() -> tuple[Connection, Battery, PvArray, HeatPumpRoom, ChargePoint]:
    """A connection with one of everything."""
    rng = np.random.default_rng(7)
    load = BaseLoad(
        "l",
        START,
        active=series(list(rng.uniform(0, 1, 24))),
        peak_w=4000.0,
        reactive=series(list(rng.uniform(-1, 1, 24))),
        peak_var=1000.0,
    )
    pv = PvArray("pv", START, available=series(list(rng.uniform(0, 1, 24))), rated_w=9000.0)
    heat = room(list(rng.uniform(0, 1, 24)))
    unit, vehicle = battery(), charge_point(Session(START + 1000, START + 9000, 12345.0))
    return Connection("p", (load, pv, unit, heat, vehicle)), unit, pv, heat, vehicle


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=12))
def test_how_time_is_cut_makes_no_difference(pieces: list[int]) -> None:
    """Advancing in any pieces gives the same counters and states as advancing at once."""
    results = []
    end_s = START + sum(pieces[:5]) + 600
    for cuts in ([], np.cumsum(pieces[:5]).tolist()):
        connection, unit, pv, heat, vehicle = household()
        unit.target_w, pv.limit_w, heat.target_w = 3000.0, -4000.0, 2500.0
        now_s = START
        for cut in [*cuts, end_s - START]:
            connection.advance(now_s, START + cut)
            now_s = START + cut
        results.append(
            [connection.import_wh, connection.export_wh, unit.stored_wh, heat.temperature_c, vehicle.delivered_wh]
        )
    np.testing.assert_allclose(results[0], results[1], rtol=1e-9, atol=1e-6)


@given(st.lists(st.floats(-6000, 6000), min_size=4, max_size=20))
def test_connection_counts_the_sum_of_its_parts(orders: list[float]) -> None:
    """Net import - export is the sum over units; neither counter ever falls."""
    connection, unit, _, _, _ = household()
    seen = (0.0, 0.0)
    for number, order in enumerate(orders):
        unit.target_w = order
        connection.advance(START + number * 300, START + number * 300 + 300)
        assert connection.power_w == pytest.approx(sum(unit.power_w for unit in connection.units))
        assert connection.import_wh >= seen[0]
        assert connection.export_wh >= seen[1]
        seen = (connection.import_wh, connection.export_wh)
    parts_wh = sum(unit.import_wh - unit.export_wh for unit in connection.units)
    assert connection.import_wh - connection.export_wh == pytest.approx(parts_wh, abs=1e-6)


def test_a_profile_ends_where_it_ends() -> None:
    """Beyond its profile nothing is invented."""
    with pytest.raises(BadInput, match="outside the profile"):
        series([0.1]).at(START + 901)
