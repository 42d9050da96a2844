"""Meters and connections of several units: what a substation counts, how batteries share a surplus, series and steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.physics import BaseLoad, Battery, ChargePoint, Connection, Series
from environment.physics.connection import SubstationMeter
from environment.physics.unit import QUARTER_S, PhysicalUnit, next_multiple
from environment.profiles.sessions import Session

START = 1_463_695_200.0
POWERS = st.lists(st.floats(-20_000, 20_000), min_size=4, max_size=4)


def rest(name: str, power_w: list[float]) -> BaseLoad:
    """What a connection draws (or gives) beside its batteries, a quarter-hour each."""
    return BaseLoad(name, START, active=Series(np.array(power_w), START), peak_w=1.0, reactive=None, peak_var=0.0)


def battery(name: str, stored_wh: float = 5000.0) -> Battery:
    """5 kW, 10 kWh, nine tenths each way."""
    return Battery(name, START, rated_w=5000.0, capacity_wh=10_000.0, efficiency=0.9, stored_wh=stored_wh)


def quarters(
    connections: list[Connection], meter: SubstationMeter, counted_every: int = 1
) -> list[tuple[float, float]]:
    """Four quarter-hours; the meter's two counters after each."""
    found = []
    for number in range(4):
        for connection in connections:
            connection.advance(START + number * QUARTER_S, START + (number + 1) * QUARTER_S)
        if number % counted_every == counted_every - 1:
            meter.count()
        found.append((meter.import_wh, meter.export_wh))
    return found


@settings(max_examples=40)
@given(POWERS, POWERS)
def test_a_substation_counts_the_sum_and_never_back(one: list[float], other: list[float]) -> None:
    """Each quarter-hour's net of all connections adds to import or to export, not to both; neither counter ever falls."""
    connections = [Connection("a", (rest("a", one),)), Connection("b", (rest("b", other),))]
    meter, before = SubstationMeter(tuple(connections)), (0.0, 0.0)
    for number, now in enumerate(quarters(connections, meter)):
        net_wh = (one[number] + other[number]) / 4
        assert now == pytest.approx((before[0] + max(net_wh, 0.0), before[1] + max(-net_wh, 0.0)), abs=1e-6)
        before = now
    sides = sum(connection.import_wh - connection.export_wh for connection in connections)
    assert meter.import_wh - meter.export_wh == pytest.approx(sides, abs=1e-6)


def test_within_a_count_a_substation_nets() -> None:
    """Counted once an hour, 4 kW in and out by turns is nothing; counted each quarter-hour it is 2 kWh each way."""
    swings = [4000.0, -4000.0, 4000.0, -4000.0]
    for every, expected in ((4, (0.0, 0.0)), (1, (2000.0, 2000.0))):
        connection = Connection("a", (rest("a", swings),))
        meter = SubstationMeter((connection,))
        assert quarters([connection], meter, every)[-1] == pytest.approx(expected)


def test_a_substation_shows_what_its_connections_show_now() -> None:
    """Active and reactive power are the sums of the connections' at this instant; a meter above nothing shows nothing."""
    loads = [
        BaseLoad(
            name, START, active=Series(np.array([0.5]), START), peak_w=peak_w,
            reactive=Series(np.array([0.25]), START), peak_var=peak_w / 2,
        )
        for name, peak_w in (("a", 1000.0), ("b", 3000.0))
    ]  # fmt: skip
    connections = tuple(Connection(load.name, (load,)) for load in loads)
    for connection in connections:
        connection.advance(START, START + 60)
    meter = SubstationMeter(connections)
    assert (meter.power_w, meter.reactive_var) == (2000.0, 500.0)
    assert (SubstationMeter(()).power_w, SubstationMeter(()).reactive_var) == (0, 0)


@settings(max_examples=40)
@given(POWERS, st.floats(0, 10_000), st.floats(0, 10_000))
def test_batteries_behind_one_connection_do_not_work_against_each_other(
    power_w: list[float], first_wh: float, second_wh: float
) -> None:
    """By their own rule two batteries never charge and discharge at once, and never turn a surplus into a need."""
    one, two = battery("one", first_wh), battery("two", second_wh)
    connection = Connection("p", (rest("r", power_w), one, two))

    def look(now_s: float, seconds: float) -> None:
        rest_w = connection.power_w - one.power_w - two.power_w
        assert one.power_w * two.power_w >= 0
        assert seconds > 0
        assert now_s >= START
        assert abs(connection.power_w) <= abs(rest_w) + 1e-9
        assert connection.power_w * rest_w >= -1e-9

    connection.advance(START, START + 4 * QUARTER_S, look)
    for unit, stored_wh in ((one, first_wh), (two, second_wh)):
        gained_wh = unit.import_wh - unit.export_wh - unit.losses_wh
        assert unit.stored_wh == pytest.approx(stored_wh + gained_wh, abs=1e-6)


def test_the_first_battery_takes_what_it_can_and_the_next_the_rest() -> None:
    """Of 8 kW of surplus the first takes its 5 kW, the second 3 kW; of 12 kW 2 kW are fed in."""
    for surplus_w, expected in ((8000.0, (5000.0, 3000.0, 0.0)), (12_000.0, (5000.0, 5000.0, -2000.0))):
        one, two = battery("one"), battery("two")
        connection = Connection("p", (one, rest("r", [-surplus_w]), two))
        connection.advance(START, START + 60)
        assert (one.power_w, two.power_w, connection.power_w) == expected


def test_a_charge_point_tells_who_is_there_and_who_will_come() -> None:
    """The vehicle that is plugged in with what it got, then those that come before the end; none that began before."""
    visits = tuple(Session(START + at, START + at + 1800, 5000.0) for at in (-60.0, 600.0, 3600.0, 7200.0))
    unit = ChargePoint("ev", START, sessions=visits, rated_w=11_000.0)
    assert unit.visits_until(START + 7200) == [(visits[1], 0.0), (visits[2], 0.0)]
    Connection("p", (unit,)).advance(START, START + 900)
    assert unit.visits_until(START + 3600) == [(visits[1], pytest.approx(11_000 / 12))]
    assert unit.visits_until(START + 7201)[1:] == [(visits[2], 0.0), (visits[3], 0.0)]


@given(st.floats(0, 4e9), st.sampled_from([60.0, 300.0, 900.0]))
def test_the_next_step_lies_ahead_and_on_the_grid(now_s: float, grid_s: float) -> None:
    """At most one step ahead, never now, always a whole multiple."""
    found = next_multiple(now_s, grid_s)
    assert now_s < found <= now_s + grid_s
    assert found % grid_s == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0, 1, exclude_max=True))
def test_a_profiles_value_holds_for_its_quarter_hour(values: list[float], within: float) -> None:
    """From its begin to just before its end; the last one at the very end, too; nothing before or beyond."""
    profile = Series(np.array(values), START)
    for number, value in enumerate(values):
        assert profile.at(START + number * QUARTER_S) == value
        assert profile.at(START + number * QUARTER_S + math.floor(within * 899)) == value
    end_s = START + len(values) * QUARTER_S
    assert profile.at(end_s) == values[-1]
    for outside_s in (START - 1, end_s + 1):
        with pytest.raises(BadInput, match=f"instant: {outside_s:.0f} s is outside the profile"):
            profile.at(outside_s)


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 5000)), max_size=12))
def test_a_units_counters_split_by_sign(steps: list[tuple[float, float]]) -> None:
    """Consumption counts as import, generation as export, each to the watt-second; a unit's clock ends where time does."""
    unit, now_s = PhysicalUnit("u", START), START
    for power_w, seconds in steps:
        unit.power_w = power_w
        unit.step(seconds, now_s)
        now_s += seconds
    wh = [power_w * seconds / 3600 for power_w, seconds in steps]
    assert unit.import_wh == pytest.approx(sum(value for value in wh if value > 0))
    assert unit.export_wh == pytest.approx(-sum(value for value in wh if value < 0))
    assert unit.now_s == now_s
