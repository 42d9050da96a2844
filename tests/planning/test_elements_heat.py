"""A heated building makes up for what drains it, and is a store between its comfort bounds only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig, ElementKnowledge
from agents.planning.elements.heat import Heat, course, heating
from cim.model.devices import DeviceKind, ThermalDescription, ThermalUsage
from tests.worlds.elements import DAY, NOTHING, RETAIL, priced, unknown, window

ROOM = ThermalDescription(19.0, 23.0, 0, 4_000, 2.5e-8, datetime(2026, 5, 20, tzinfo=UTC))
CONFIG = ElementConfig("hp", DeviceKind.GATEWAY, 0, 4_000, history_kw=(np.full(96, 0.8),))


def test_heating_makes_up_for_what_drains_the_room() -> None:
    """Usage over fill rate, within the heat pump's power; nothing for a forecast that is empty or of no known room."""
    usage = ThermalUsage(DAY.start, 900, (2.5e-5, 1.0, -1.0), DAY.start)
    plan = heating(usage, ROOM, DAY)
    np.testing.assert_allclose(plan[:3], [1.0, 4.0, 0.0])
    np.testing.assert_allclose(plan[3:], 0.0)  # a short horizon: its last value holds
    np.testing.assert_array_equal(heating(usage, None, DAY), np.zeros(96))
    np.testing.assert_array_equal(heating(ThermalUsage(DAY.start, 900, (), DAY.start), ROOM, DAY), np.zeros(96))


@given(
    begins_min=st.integers(-3000, 3000), step_s=st.sampled_from([300, 900, 1000, 3600]),
    rates=st.lists(st.floats(-1e-4, 2e-4), min_size=1, max_size=300),
)  # fmt: skip
def test_each_isp_takes_the_step_that_holds_when_it_begins(begins_min: int, step_s: int, rates: list[float]) -> None:
    """Whenever the forecast begins and however long its steps are: by the step itself, its edge, or another day's."""
    usage = ThermalUsage(DAY.start + timedelta(minutes=begins_min), step_s, tuple(rates), DAY.start)
    plan = heating(usage, ROOM, DAY)
    for k in range(DAY.count):
        index = (DAY.isp_start(k + 1) - usage.start) // timedelta(seconds=step_s)
        known = index % len(rates) if len(rates) * step_s >= 86_400 else min(max(index, 0), len(rates) - 1)
        assert plan[k] == min(max(rates[known] / ROOM.fill_rate_per_w, 0), 4_000) / 1000


def test_a_whole_day_of_usage_repeats_on_another_day() -> None:
    """Yesterday's forecast of 24 hours stands for the same times of today."""
    rates = tuple(2.5e-8 * 1000 * (k % 4) for k in range(96))
    usage = ThermalUsage(DAY.start, 900, rates, DAY.start)
    np.testing.assert_allclose(heating(usage, ROOM, DAY.next()), heating(usage, ROOM, DAY))


def test_a_building_that_told_nothing_is_expected_as_on_its_last_days() -> None:
    """What it tells of its heat replaces them."""
    np.testing.assert_allclose(Heat().forecast(unknown(CONFIG), window(), NOTHING), 0.8)
    usage = ThermalUsage(DAY.start, 900, (2.5e-5,), DAY.start)
    told = replace(unknown(CONFIG), usage=usage, room=ROOM)
    np.testing.assert_allclose(Heat().forecast(told, window(), NOTHING), 1.0)


def test_a_room_is_flexible_between_its_comfort_bounds_only() -> None:
    """Inside the bounds the heat stored stays within them; at or outside them there is no flexibility."""
    plan = np.full(96, 1.0)
    usage = ThermalUsage(DAY.start, 900, (2.5e-5,), DAY.start)  # what 1 kW makes up for
    warm = replace(unknown(CONFIG), room=ROOM, temperature_c=21.0, usage=usage)
    model = Heat().flexibility(warm, plan, window())
    assert isinstance(model, Storable)
    moved = model.respond(np.where(np.arange(96) % 48 < 24, 3.0, -3.0), 1.0)
    kelvin = np.cumsum(moved) * 0.25 * 3.6e6 * ROOM.fill_rate_per_w
    assert (np.abs(kelvin) <= 2.0 + 1e-5).all()
    assert kelvin[-1] == pytest.approx(0.0, abs=1e-5)
    for outside_c in (19.0, 18.0, 23.0, 30.0, None):
        assert Heat().flexibility(replace(warm, temperature_c=outside_c), plan, window()) is None
    assert Heat().flexibility(replace(warm, room=None), plan, window()) is None


def told(temperature_c: float, held_kw: np.ndarray | None = None) -> ElementKnowledge:
    """A house that needs 1 kW to keep its temperature."""
    usage = ThermalUsage(DAY.start, 900, (2.5e-5,), DAY.start)
    return replace(priced(CONFIG, 3.0), room=ROOM, usage=usage, temperature_c=temperature_c, held_kw=held_kw)


@pytest.mark.parametrize(("temperature_c", "way"), [(22.5, -1), (19.5, 1), (21.0, 0)])
def test_a_warm_house_is_expected_to_heat_less_and_a_cold_one_more(temperature_c: float, way: int) -> None:
    """The thermostat brings it back to the middle of its band: at once most, less and less afterwards."""
    expected = Heat().forecast(told(temperature_c), window(41), NOTHING)
    assert np.sign(np.round(expected[40] - 1.0, 6)) == way
    assert (np.diff(expected[40:]) * way <= 1e-9).all()
    assert abs(expected[-1] - 1.0) <= 0.5 * abs(expected[40] - 1.0) + 1e-9


def test_an_order_to_heat_shows_as_heating_that_is_saved_after_it() -> None:
    """Two hours at 4 kW instead of 1: the forecast saves most of the 6 kWh afterwards, but not what the warmth loses."""
    held = np.full(96, np.nan)
    held[44:52] = 4.0
    known = told(21.0, held)
    expected = Heat().forecast(known, window(41), NOTHING)
    np.testing.assert_allclose(expected[44:52], 4.0)
    saved = (1.0 - expected[52:]).sum() * 0.25
    assert 4.5 < saved < 5.9
    assert (expected[52:] <= 1.0 + 1e-9).all()
    assert course(known, window(41)).warmth_k[51] > 0.4


def test_the_day_before_it_keeps_its_temperature() -> None:
    """How warm it will be at midnight nobody knows at eleven."""
    before = window(now=DAY.start - timedelta(hours=13))
    np.testing.assert_allclose(Heat().forecast(told(22.5), before, NOTHING), 1.0)


def test_heat_that_is_held_costs_what_it_loses() -> None:
    """Of a kWh heated 14 hours before midnight 14/60 is lost until then at a time constant of 60 h: so much retail it costs."""
    model = Heat().flexibility(told(21.0), np.full(96, 1.0), window(41))
    assert isinstance(model, Storable)
    moved = np.zeros(56)
    moved[0], moved[40] = 0.5, -0.5  # 0.125 kWh from 20:00 to 10:00
    there_and_back = model.cost(moved) - model.weight / 2 * 0.5
    assert there_and_back == pytest.approx(0.125 * RETAIL * 13.75 / 60)


@given(seed=st.integers(0, 10_000), net_kw=st.floats(3.0, 9.0))
def test_to_heat_at_another_time_is_never_a_gain(seed: int, net_kw: float) -> None:
    """A home that buys all day saves nothing by it, earlier or later: no request can be filled with what pays anyway."""
    known = replace(told(21.0), prices=priced(CONFIG, net_kw).prices)
    model = Heat().flexibility(known, np.full(96, 1.0), window(41))
    assert isinstance(model, Storable)
    moved = np.random.default_rng(seed).uniform(-1.0, 1.0, 56)
    moved -= moved.mean()
    assert model.cost(moved) >= 0.0


def test_a_house_that_took_nothing_all_morning_is_not_expected_to_heat_in_the_evening() -> None:
    """It tells 1 kW all day; after ten hours without any, a sixth of that is left; after ten as told, all of it."""
    none, as_told = (np.where(np.arange(96) < 40, took, np.nan) for took in (0.0, 1.0))
    warm = Heat().forecast(replace(told(21.0), metered_kw=none), window(41), NOTHING)
    np.testing.assert_allclose(warm[40:], 2 / 12)
    same = Heat().forecast(replace(told(21.0), metered_kw=as_told), window(41), NOTHING)
    np.testing.assert_allclose(same[40:], 1.0)
    held = np.where(np.arange(96) < 40, 4.0, np.nan)  # what an order took says nothing
    np.testing.assert_allclose(
        Heat().forecast(replace(told(21.0, held), metered_kw=none), window(41), NOTHING)[40:], 1.0
    )
