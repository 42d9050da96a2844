"""A home's forecasts and plans keep to ratings and energy, on days of any length and at the edges of what can be known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Curtailable, Storable
from agents.planning.elements.home import (
    EFFICIENCY,
    ElementConfig,
    ElementCosts,
    battery_flexibility,
    charging,
    corrected,
    fit,
    generator_flexibility,
    heating,
    like_day,
    self_consumption,
    solar,
    thermal_flexibility,
    vehicle_flexibility,
)
from cim.model.devices import DeviceKind, ThermalDescription, ThermalUsage, VehiclePlugged, WeatherForecast
from cim.model.intervals import LocalDay

DAY = LocalDay(date(2026, 5, 20), "Europe/Vienna")
BATTERY = ElementConfig("b", DeviceKind.BATTERY, 5_000, 4_000, 10_000)
STATION = ElementConfig("s", DeviceKind.STATION, 0, 11_000)
PV = ElementConfig("pv", DeviceKind.PV, 30_000)
ROOM = ThermalDescription(19.0, 23.0, 0, 4_000, 2.5e-8, datetime(2026, 5, 20, tzinfo=UTC))
PREFERENCES = ElementCosts(7.0, 5.0, 2.0, 0.002, 0.05, 0.02)


def plugged(energy_wh: int, departure: datetime) -> VehiclePlugged:
    """A vehicle that may take up to 22 kW."""
    return VehiclePlugged(energy_wh, 22_000, departure, departure - timedelta(hours=9))


def test_a_like_day_fits_days_of_any_length() -> None:
    """92, 96 and 100 quarter-hours are stretched or cut by time of day; the last ten days count; none gives zero."""
    shape = np.sin(np.linspace(0, np.pi, 96))
    for count in (92, 96, 100):
        assert like_day((shape,), count).shape == (count,)
        assert fit(shape, count).mean() == pytest.approx(shape.mean(), abs=0.01)
        np.testing.assert_allclose(like_day((np.full(92, 2.0), np.full(100, 4.0)), count), 3.0)
        np.testing.assert_array_equal(like_day((), count), np.zeros(count))
    old, new = np.full(96, 100.0), np.ones(96)
    np.testing.assert_allclose(like_day((old, *[new] * 10), 96), 1.0)


def test_a_correction_starts_at_the_last_measurement_and_fades() -> None:
    """The past is not rewritten, the running ISP takes the whole error, two hours later a third of it is left."""
    forecast = np.full(96, 3.0)
    result = corrected(forecast, 5.0, 41)
    np.testing.assert_array_equal(result[:40], 3.0)
    assert result[40] == pytest.approx(5.0)
    assert result[48] == pytest.approx(3.0 + 2 / np.e)
    assert (np.diff(result[40:]) < 0).all()
    np.testing.assert_array_equal(forecast, 3.0)
    np.testing.assert_array_equal(corrected(forecast, 5.0, 1), forecast)  # nothing was measured before the first ISP


def test_solar_follows_the_weather_service_at_the_plants_rating() -> None:
    """Per unit times rating, never consumption; outside the forecast nothing is expected."""
    sun = WeatherForecast(DAY.start, DAY.start, 900, tuple([0.5] * 40))
    expected = solar(PV, sun, DAY)
    np.testing.assert_allclose(expected, np.where(np.arange(96) < 40, -15.0, 0.0))
    hourly = WeatherForecast(DAY.start, DAY.start + timedelta(hours=1), 3600, (0.1, 0.2))
    np.testing.assert_allclose(solar(PV, hourly, DAY)[:13], [0] * 4 + [-3] * 4 + [-6] * 4 + [0])


def test_without_weather_the_last_days_are_expected_and_never_consumption() -> None:
    """A PV plant's small night consumption in its history is not taken for a plan."""
    config = ElementConfig("pv", DeviceKind.PV, 30_000, history_kw=(np.full(96, 0.01), np.full(96, -10.0)))
    assert (solar(config, None, DAY) <= 0).all()
    np.testing.assert_array_equal(solar(PV, None, DAY), np.zeros(96))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(1, 97), share=st.floats(0, 1))
def test_self_consumption_keeps_to_ratings_energy_and_purpose(seed: int, first: int, share: float) -> None:
    """Charges only from surplus, gives only to need, never beyond power or energy; before `first` nothing."""
    net = np.random.default_rng(seed).normal(size=96) * 6
    plan = self_consumption(net, BATTERY, share * 10.0, first, 0.25)
    assert not plan[: first - 1].any()
    assert (plan <= np.clip(-net, 0, 4.0) + 1e-12).all()
    assert (plan >= -np.clip(net, 0, 5.0) - 1e-12).all()
    energy = share * 10.0 + np.cumsum(np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY)) * 0.25
    assert (energy >= -1e-9).all()
    assert (energy <= 10.0 + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(
    energy=st.integers(0, 120_000), delivered=st.floats(0, 130_000), hours=st.integers(-5, 30), first=st.integers(1, 96)
)
def test_charging_stops_at_departure_and_at_what_was_asked(
    energy: int, delivered: float, hours: int, first: int
) -> None:
    """As fast as station and vehicle allow, never more than is missing, nothing from the departure on."""
    departure = DAY.start + timedelta(hours=hours)
    plan = charging(plugged(energy, departure), delivered, STATION, DAY, first, DAY.isp_start(first))
    gone = np.array([DAY.isp_start(k) >= departure for k in range(1, 97)])
    assert not plan[gone].any()
    assert not plan[: first - 1].any()
    assert (plan >= 0).all()
    assert (plan <= 11.0).all()
    missing = max(energy - delivered, 0.0) / 1000
    assert plan.sum() * 0.25 <= missing + 1e-9
    time_left = max(int((~gone[first - 1 :]).sum()), 0) * 0.25
    assert plan.sum() * 0.25 == pytest.approx(min(missing, time_left * 11.0))


def test_what_a_vehicle_takes_before_the_first_isp_is_not_planned_again() -> None:
    """Planned six minutes before the ISP, 11 kW for that time are counted as delivered by then."""
    session = plugged(22_000, DAY.end)
    start = DAY.isp_start(5)
    early = charging(session, 0.0, STATION, DAY, 5, start - timedelta(minutes=6))
    assert early.sum() * 0.25 == pytest.approx(22.0 - 1.1)
    late = charging(session, 0.0, STATION, DAY, 5, start + timedelta(minutes=6))  # the running ISP: nothing to deduct
    assert late.sum() * 0.25 == pytest.approx(22.0)
    done = charging(plugged(500, DAY.end), 0.0, STATION, DAY, 5, start - timedelta(minutes=6))
    np.testing.assert_array_equal(done, 0.0)


def test_heating_makes_up_for_what_drains_the_room() -> None:
    """Usage over fill rate, within the heat pump's power; nothing without a forecast or with an empty one."""
    usage = ThermalUsage(DAY.start, 900, (2.5e-5, 1.0, -1.0), DAY.start)
    plan = heating(usage, ROOM, DAY)
    np.testing.assert_allclose(plan[:3], [1.0, 4.0, 0.0])
    np.testing.assert_allclose(plan[3:], 0.0)  # a short horizon: its last value holds
    for missing in (heating(None, ROOM, DAY), heating(usage, None, DAY)):
        np.testing.assert_array_equal(missing, np.zeros(96))
    np.testing.assert_array_equal(heating(ThermalUsage(DAY.start, 900, (), DAY.start), ROOM, DAY), np.zeros(96))


def test_a_whole_day_of_usage_repeats_on_another_day() -> None:
    """Yesterday's forecast of 24 hours stands for the same times of today."""
    rates = tuple(2.5e-8 * 1000 * (k % 4) for k in range(96))
    usage = ThermalUsage(DAY.start, 900, rates, DAY.start)
    np.testing.assert_allclose(heating(usage, ROOM, DAY.next()), heating(usage, ROOM, DAY))


def test_pv_can_be_curtailed_to_nothing_and_a_chp_moves_within_its_range() -> None:
    """Bounds are deviations from the expected power, of the session's ISPs only."""
    expected = -np.arange(96.0)
    pv = generator_flexibility(PV, expected, 11, 20, PREFERENCES, 0.25)
    assert isinstance(pv, Curtailable)
    np.testing.assert_array_equal(pv.up_kw, np.arange(10.0, 20.0))
    np.testing.assert_array_equal(pv.down_kw, 0.0)
    chp = ElementConfig("chp", DeviceKind.CHP, 500_000, planned_w=-300_000, floor_w=-100_000)
    model = generator_flexibility(chp, np.full(96, -300.0), 1, 4, PREFERENCES, 0.25)
    assert isinstance(model, Curtailable)
    np.testing.assert_array_equal(model.up_kw, 200.0)
    np.testing.assert_array_equal(model.down_kw, -200.0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), stored=st.floats(-5, 15))
def test_a_batterys_flexibility_can_always_be_served(seed: int, stored: float) -> None:
    """Whatever the meter said of the stored energy, the model's answer stays within power and energy."""
    rng = np.random.default_rng(seed)
    net = rng.normal(size=96) * 5
    plan = self_consumption(net, BATTERY, min(max(stored, 0.0), 10.0), 1, 0.25)
    model = battery_flexibility(BATTERY, plan, stored, 9, 96, PREFERENCES, 0.25)
    assert isinstance(model, Storable)
    power = plan[8:] + model.respond(rng.normal(size=88) * 5, 0.1)
    assert (np.abs(power) <= 5 + 1e-9).all()
    energy = model.energy_kwh + np.cumsum(np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY)) * 0.25
    assert (energy >= -1e-5).all()
    assert (energy <= 10 + 1e-5).all()


def test_a_vehicle_moves_its_charging_but_keeps_its_energy() -> None:
    """What it planned to take in the window it takes before it leaves; nothing to move is no flexibility."""
    departure = DAY.start + timedelta(hours=7)
    session = plugged(22_000, departure)
    plan = charging(session, 0.0, STATION, DAY, 1, DAY.start)
    model = vehicle_flexibility(session, STATION, plan, DAY, 1, 96, PREFERENCES)
    assert isinstance(model, Storable)
    power = plan + model.respond(np.where(np.arange(96) < 8, -20.0, 20.0), 1.0)
    assert power[:8].sum() == pytest.approx(0, abs=1e-6)
    assert not np.abs(power[28:]).max() > 1e-9
    assert power.sum() * 0.25 == pytest.approx(22.0, abs=1e-5)
    assert vehicle_flexibility(session, STATION, np.zeros(96), DAY, 1, 96, PREFERENCES) is None


def test_a_vehicle_about_to_leave_has_nothing_it_could_move() -> None:
    """Departure before the session's first ISP leaves no plan, hence no flexibility."""
    session = plugged(22_000, DAY.start - timedelta(hours=1))
    plan = charging(session, 0.0, STATION, DAY, 1, DAY.start)
    assert vehicle_flexibility(session, STATION, plan, DAY, 1, 96, PREFERENCES) is None


def test_a_room_is_flexible_between_its_comfort_bounds_only() -> None:
    """Inside the bounds the heat stored stays within them; at or outside them there is no flexibility."""
    config = ElementConfig("hp", DeviceKind.GATEWAY, 0, 4_000)
    plan = np.full(96, 1.0)
    model = thermal_flexibility(ROOM, 21.0, config, plan, 1, 96, PREFERENCES, 0.25)
    assert isinstance(model, Storable)
    moved = model.respond(np.where(np.arange(96) % 48 < 24, 3.0, -3.0), 1.0)
    kelvin = np.cumsum(moved) * 0.25 * 3.6e6 * ROOM.fill_rate_per_w
    assert (np.abs(kelvin) <= 2.0 + 1e-5).all()
    assert kelvin[-1] == pytest.approx(0.0, abs=1e-5)
    for outside in (19.0, 18.0, 23.0, 30.0):
        assert thermal_flexibility(ROOM, outside, config, plan, 1, 96, PREFERENCES, 0.25) is None
