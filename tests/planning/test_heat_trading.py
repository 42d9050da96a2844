"""A heated building whose energy is bought by the hour: against an exact optimum, within comfort, no colder at the end."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.optimize import linprog

from agents.planning.elements.element import ElementConfig
from agents.planning.elements.heat import Heat
from agents.planning.elements.heat_trading import HeatStore, cheapest_heat_kw, saved_kwh
from agents.planning.elements.store_operation import StoreOperation
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, ThermalDescription, ThermalUsage
from market.billing.hourly_prices import HourlyPrices
from tests.worlds.elements import DAY, NOTHING, unknown, window

STORE = HeatStore(-1.5, 1.5, 0.0, 4.0, 0.1, 60.0)
FREE, HOURS, NEEDED = np.full(96, np.nan), np.full(96, 0.25), np.full(96, 1.0)


def heated(price: Floats, held: Floats = FREE, warm_k: float = 0.0) -> Floats:
    """The cheapest day of the building above, the next day being alike."""
    mean = float(price.mean())
    return cheapest_heat_kw(
        STORE, NEEDED, price, HOURS, warm_k, held, next_kw=NEEDED, next_hours=0.25, end_ct_per_kwh=mean
    )


def path(power: Floats, warm_k: float = 0.0) -> Floats:
    """How warm it is at the end of each ISP."""
    found, kept = list[float](), math.exp(-0.25 / STORE.time_constant_h)
    for kw in power.tolist():
        warm_k = (warm_k + (kw - 1.0) * 0.25 * STORE.k_per_kwh) * kept
        found.append(warm_k)
    return np.array(found)


def least_ct(price: Floats) -> float:
    """The same as a linear programme that must end no colder than it began, and earns nothing for ending warmer."""
    n, kept = 96, math.exp(-0.25 / STORE.time_constant_h)
    decay = np.array([[kept ** (i - j + 1) if i >= j else 0.0 for j in range(n)] for i in range(n)])
    gain = decay * 0.25 * STORE.k_per_kwh
    begun = -gain.sum(axis=1)  # the need of 1 kW
    low, high = np.full(n, -1.2), np.full(n, 1.2)
    low[-1] = 0.0
    limits = np.concatenate([high - begun, begun - low])
    found = linprog(price * 0.25, A_ub=np.vstack([gain, -gain]), b_ub=limits, bounds=[(0, 4)] * n)
    return float(found.fun)


@pytest.mark.parametrize("seed", range(4))
def test_it_costs_nearly_the_least(seed: int) -> None:
    """Within 5 % of what an exact programme pays for as warm a house, for prices that change from hour to hour."""
    price = np.repeat(np.random.default_rng(seed).uniform(2, 12, 24), 4)
    power = heated(price)
    warm = path(power)
    worth = float(saved_kwh(STORE, NEEDED, 0.25, warm[-1:])[0]) * float(price.mean())
    paid = float((power * price).sum()) * 0.25 - max(worth, 0.0)
    assert paid < least_ct(price) * 1.05
    assert paid < float((NEEDED * price).sum()) * 0.25 * 0.95  # and it gains by it


@pytest.mark.parametrize("seed", range(4))
def test_it_stays_comfortable_and_ends_no_colder(seed: int) -> None:
    """Within the bounds, with a margin, all day; at the end at the middle or above, whatever heat costs then."""
    price = np.repeat(np.random.default_rng(seed).uniform(-3, 12, 24), 4)
    price[-8:] = 30.0
    warm = path(heated(price))
    assert warm.min() > -1.25
    assert warm.max() < 1.25
    assert warm[-1] > -0.05


def test_an_order_is_planned_around() -> None:
    """What it is held to stays; a night in which it may not heat is prepared for."""
    held = FREE.copy()
    held[40:80] = 0.0
    power = heated(np.full(96, 5.0), held)
    assert not power[40:80].any()
    assert path(power).min() > -1.25


def test_warmth_is_worth_nothing_where_the_next_day_needs_no_heat() -> None:
    """In summer nobody heats for tomorrow, however cheap it is; in winter it saves nearly all of it."""
    warm = np.array([0.0, 1.0])
    assert saved_kwh(STORE, np.zeros(96), 0.25, warm).tolist() == [0.0, 0.0]
    assert 7.0 < float(saved_kwh(STORE, NEEDED, 0.25, warm)[1]) < 10.0


def hourly(cheap_hour: int) -> HourlyPrices:
    """A year of 10 ct with one hour of each day at 1 ct."""
    e4 = np.full(365 * 24, 1_000_000)
    e4[cheap_hour::24] = 100_000
    return HourlyPrices(datetime(2025, 12, 31, 23, tzinfo=UTC), "Europe/Vienna", e4.astype(np.int64))


def test_a_building_is_held_to_that_only_where_its_energy_is_traded() -> None:
    """Else, and while it is outside its comfort bounds, its thermostat is free; the day before is not traded yet."""
    room = ThermalDescription(19.0, 23.0, 0, 4_000, 2.5e-8, datetime(2026, 5, 20, tzinfo=UTC))
    usage = ThermalUsage(DAY.start, 900, (2.5e-5,), DAY.start)
    config = ElementConfig("hp", DeviceKind.GATEWAY, 0, 4_000)
    known = replace(unknown(config), room=room, usage=usage, temperature_c=21.0)
    assert np.isnan(Heat().owner_kw(known, window(), NOTHING)).all()
    traded = replace(known, config=replace(config, operation=StoreOperation(prices=hourly(3))))
    held = Heat().owner_kw(traded, window(), NOTHING)
    np.testing.assert_array_equal(held, Heat().forecast(traded, window(), NOTHING))
    cheap = int(np.argmax(held)) // 4
    assert cheap == int(np.argmin(StoreOperation(prices=hourly(3)).price_ct(DAY))) // 4  # type: ignore[arg-type]
    assert held.max() > 3.9
    cold = replace(traded, temperature_c=18.5)
    assert np.isnan(Heat().owner_kw(cold, window(), NOTHING)).all()
    later = replace(traded, config=replace(config, operation=StoreOperation(prices=hourly(3), begins=DAY.next().day)))
    assert np.isnan(Heat().owner_kw(later, window(), NOTHING)).all()
