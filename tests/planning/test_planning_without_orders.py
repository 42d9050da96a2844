"""What a home would have drawn without its orders: nothing changes where there were none, and nothing is made up."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.elements.element import ElementConfig
from agents.planning.elements.registry import element_kind
from agents.planning.without_orders import MeasuredElement, without_orders
from cim.model.devices import DeviceKind, ThermalDescription

SIZE = 8
KW = st.lists(st.floats(-20, 20), min_size=SIZE, max_size=SIZE).map(np.array)
PV = ElementConfig("pv", DeviceKind.PV, 10_000)
PUMP = ElementConfig("pump", DeviceKind.GATEWAY, 0, 3_000)
BATTERY = ElementConfig("battery", DeviceKind.BATTERY, 5_000, 5_000, 10_000)


ROOM = ThermalDescription(19.5, 22.5, 0, 3_000, 1e-7, datetime(2016, 1, 1, tzinfo=UTC))


def measured(config: ElementConfig, power_kw: np.ndarray, **more: object) -> MeasuredElement:
    """An element's day."""
    return MeasuredElement(config, element_kind(config.kind), power_kw, **more)  # type: ignore[arg-type]


@given(meter=KW, pv=KW, pump=KW, battery=KW)
def test_a_day_without_orders_is_as_it_was_metered(
    meter: np.ndarray, pv: np.ndarray, pump: np.ndarray, battery: np.ndarray
) -> None:
    """Also of a battery whose energy nobody knows: nothing is guessed."""
    found = without_orders(meter, [measured(PV, pv), measured(PUMP, pump), measured(BATTERY, battery)], 0.25)
    np.testing.assert_allclose(found, meter, atol=1e-9)


def test_a_curtailed_plant_is_put_back_to_what_it_could_have_given() -> None:
    """4 of 10 kW were let through in two ISPs, by an order or by the DSO: the meter would have shown 6 kW less in each."""
    pv, meter = np.full(SIZE, -10.0), np.full(SIZE, -8.0)
    pv[2:4], meter[2:4] = -4.0, -2.0
    found = without_orders(meter, [measured(PV, pv, available_kw=np.full(SIZE, -10.0))], 0.25)
    np.testing.assert_allclose(found, -8.0)


def test_a_plant_that_does_not_say_what_it_could_is_put_back_where_it_was_ordered() -> None:
    """To what was told before its order; where nothing was ordered it is as metered."""
    pv, meter = np.full(SIZE, -4.0), np.full(SIZE, -2.0)
    found = without_orders(meter, [measured(PV, pv, baseline_kw={3: -10.0})], 0.25)
    assert found[2] == pytest.approx(-8.0)
    np.testing.assert_allclose(np.delete(found, 2), -2.0)


def test_a_battery_would_have_taken_what_a_plant_could_not_give() -> None:
    """4 of 10 kW were let through in one ISP: without the limit 6 kW more come, 5 of them into the battery, its rating."""
    pv, meter = np.full(SIZE, 0.0), np.full(SIZE, 0.0)
    pv[2], meter[2] = -4.0, -4.0
    available = np.full(SIZE, 0.0)
    available[2] = -10.0
    elements = [
        measured(PV, pv, available_kw=available),
        measured(BATTERY, np.zeros(SIZE), stored_kwh=0.0, baseline_kw={3: 0.0}),
    ]
    found = without_orders(meter, elements, 0.25)
    assert found[2] == pytest.approx(-5.0)


def test_a_building_that_shows_its_warmth_is_put_back_by_its_thermostat() -> None:
    """3 kW in one ISP warmed it and nothing drained it: without the order nothing would have been drawn, then or later."""
    k_per_kwh = ROOM.fill_rate_per_w * 3.6e6
    pump, warm = np.zeros(SIZE), np.full(SIZE + 1, 21.0)
    pump[4] = 3.0
    kept = np.exp(-0.25 / 60)
    for k in range(SIZE):
        warm[k + 1] = 21.0 + (warm[k] - 21.0) * kept + pump[k] * k_per_kwh * 60 * (1 - kept)
    element = measured(PUMP, pump, baseline_kw={5: 1.0}, room=ROOM, temperature_c=warm)
    np.testing.assert_allclose(without_orders(pump + 0.5, [element], 0.25), 0.5, atol=1e-6)


def test_what_was_moved_in_time_is_put_back_and_its_energy_stays() -> None:
    """A pump that ran at 3 instead of 1 kW in one ISP would have run a little more in the others."""
    pump = np.full(SIZE, 1.0)
    pump[4] = 3.0
    found = without_orders(pump + 0.5, [measured(PUMP, pump, baseline_kw={5: 1.0})], 0.25)
    assert found[4] == pytest.approx(1.5)
    assert found.sum() == pytest.approx((pump + 0.5).sum())
    np.testing.assert_allclose(np.delete(found, 4), 1.5 + 2 / 7)


@given(base=KW, power=KW, stored=st.floats(0, 10))
def test_a_battery_by_its_own_rule_never_makes_the_home_worse(
    base: np.ndarray, power: np.ndarray, stored: float
) -> None:
    """It takes from the surplus and serves the need, each as far as there is any, and keeps its ratings."""
    found = without_orders(base + power, [measured(BATTERY, power, stored_kwh=stored)], 0.25)
    own = found - base
    assert (own[base < 0] >= -1e-9).all()
    assert (own[base >= 0] <= 1e-9).all()
    assert (np.abs(found) <= np.abs(base) + 1e-9).all()
    assert (np.abs(own) <= 5.0 + 1e-9).all()


def test_a_battery_by_hand() -> None:
    """Empty, it takes 4 kW of surplus for an hour (3.8 kWh arrive) and gives 3.61 kWh back: 5 kW, its rating, then less."""
    base = np.array([-4.0] * 4 + [6.0] * 4)
    found = without_orders(base, [measured(BATTERY, np.zeros(SIZE), stored_kwh=0.0)], 0.25)
    np.testing.assert_allclose(found[:4], 0.0, atol=1e-9)
    np.testing.assert_allclose(found[4:6], 1.0)
    np.testing.assert_allclose(found[6], 6.0 - (3.61 - 2.5) * 4, atol=1e-9)
    np.testing.assert_allclose(found[7], 6.0, atol=1e-9)
