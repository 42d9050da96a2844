"""A battery that its owner trades by the hour, or holds for an outage: against an exact optimum, by hand, and around orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from scipy.optimize import linprog

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.battery import EFFICIENCY, Battery, own_consumption
from agents.planning.elements.element import ElementConfig, ElementKnowledge, PlanWindow
from agents.planning.elements.store_operation import Store, StoreOperation, filled_kw, traded_kw
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.billing.hourly_prices import HourlyPrices
from tests.worlds.elements import COSTS

DAY = LocalDay(date(2018, 1, 17), "Europe/Vienna")
STORE = Store(capacity_kwh=20.0, floor_kwh=0.0, in_kw=5.0, out_kw=5.0, efficiency=0.95, wear_ct_per_kwh=1.0)
FREE = np.full(24, np.nan)
HOURS = np.ones(24)


def cost_ct(store: Store, price: Floats, power: Floats, stored_kwh: float, hours: float) -> float:
    """What an operation costs, less what is left at the end at the mean price and a loss; it must be possible."""
    inside = np.where(power > 0, power * store.efficiency, power / store.efficiency) * hours
    path = stored_kwh + np.cumsum(inside)
    assert path.min() > -1e-6
    assert path.max() < store.capacity_kwh + 1e-6
    assert np.abs(power).max() <= store.in_kw + 1e-6
    bought = float((power * price).sum() + np.abs(power).sum() / 2 * store.wear_ct_per_kwh) * hours
    return bought - (path[-1] - stored_kwh) * float(price.mean()) * store.efficiency


def least_ct(store: Store, price: Floats, stored_kwh: float) -> float:
    """The same as a linear programme."""
    n, worn, worth = len(price), store.wear_ct_per_kwh / 2, float(price.mean()) * store.efficiency
    gain = np.hstack([np.eye(n) * store.efficiency, -np.eye(n) / store.efficiency])
    path = np.tril(np.ones((n, n))) @ gain
    costs = np.concatenate([price + worn, worn - price]) - worth * path[-1]
    found = linprog(
        costs,
        A_ub=np.vstack([path, -path]),
        b_ub=np.concatenate([np.full(n, store.capacity_kwh - stored_kwh), np.full(n, stored_kwh)]),
        bounds=[(0, store.in_kw)] * (2 * n),
    )
    return float(found.fun)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_traded_is_the_optimum_to_a_grain(seed: int) -> None:
    """Within two hundredths of what can be earned at all, whatever the prices, from any content."""
    rng = np.random.default_rng(seed)
    price, stored = rng.uniform(1.0, 12.0, 24), float(rng.uniform(0, 20))
    found = traded_kw(STORE, price, HOURS, stored, FREE, end_ct_per_kwh=float(price.mean()))
    best = least_ct(STORE, price, stored)
    assert best - 1e-6 <= cost_ct(STORE, price, found, stored, 1.0) <= best + 0.02 * abs(best)


def test_prices_that_do_not_pay_for_wear_and_losses_move_nothing() -> None:
    """Between 5.0 and 5.9 ct a way in and out loses a tenth and a cent: it rests, also where it is half full."""
    price = np.where(np.arange(24) % 2, 5.9, 5.0)
    assert not traded_kw(STORE, price, HOURS, 10.0, FREE, end_ct_per_kwh=float(price.mean())).any()


def test_an_order_is_planned_around() -> None:
    """What orders hold stays as it is; before it the store is filled though that is dear, for the price then is dearer."""
    price = np.array([5.0, 5.0, 40.0, -30.0])
    held = np.array([np.nan, np.nan, np.nan, 2.0])
    found = traded_kw(STORE, price, np.ones(4), 0.0, held, end_ct_per_kwh=float(price.mean()))
    assert found[3] == 2.0
    assert found[2] == pytest.approx(-5.0, abs=0.3)
    assert found[0] + found[1] == pytest.approx(5.0 / 0.95**2, abs=0.5)


def test_a_part_of_the_first_interval_is_left() -> None:
    """Of it a store gives no more than the time allows; without any time, nothing."""
    price = np.array([50.0, 5.0, 5.0, 5.0])
    for left in (0.0, 0.5, 1.0):
        found = traded_kw(
            STORE, price, np.array([left, 1.0, 1.0, 1.0]), 4.0, FREE[:4], end_ct_per_kwh=float(price.mean())
        )
        assert found[0] * left >= -4.0 * 0.95 - 1e-6
        assert (found[0] < 0) == (left > 0)


def knowledge(operation: StoreOperation, stored_kwh: float, held: Floats | None = None) -> ElementKnowledge:
    """A battery of 20 kWh and 5 kW."""
    config = ElementConfig(
        "b", DeviceKind.BATTERY, generation_w=5000, consumption_w=5000, capacity_wh=20_000, operation=operation
    )
    return ElementKnowledge(config, COSTS, stored_kwh=stored_kwh, held_kw=held)


def test_a_traded_battery_is_held_to_its_plan_where_no_order_holds_it() -> None:
    """Cheap mornings fill it, dear evenings empty it, whatever its home does; by the prices of the day's own hours."""
    e4 = np.full(365 * 24, 500_000)
    e4[[day * 24 + 19 for day in range(365)]] = 3_000_000
    e4[[day * 24 + 3 for day in range(365)]] = 100_000
    hourly = HourlyPrices(datetime(2017, 12, 31, 23, tzinfo=UTC), "Europe/Vienna", e4.astype(np.int64))
    held = np.full(96, np.nan)
    held[40:44] = 0.5
    found = own_consumption(
        knowledge(StoreOperation(prices=hourly), 0.0, held), PlanWindow(DAY, 1, 96, DAY.start), np.full(96, 3.0)
    )
    assert found.power_kw[12:16].sum() / 4 * EFFICIENCY > 4.0
    assert np.allclose(found.power_kw[76:80], -5.0, atol=0.5)
    assert np.isnan(found.reserved_kw[40:44]).all()
    assert np.array_equal(found.reserved_kw[~np.isnan(held)], found.reserved_kw[40:44], equal_nan=True)
    assert np.array_equal(np.isnan(found.reserved_kw), ~np.isnan(held))


def test_in_the_evening_it_still_gives_what_it_was_to_give() -> None:
    """Planned anew when only the dear hours are left, it empties as the day's plan had it: the day's mean is what is kept for."""
    e4 = np.full(365 * 24, 300_000)
    e4[[day * 24 + hour for day in range(365) for hour in range(18, 24)]] = 900_000
    hourly = HourlyPrices(datetime(2017, 12, 31, 23, tzinfo=UTC), "Europe/Vienna", e4.astype(np.int64))
    known = knowledge(StoreOperation(prices=hourly), 18.0)
    whole, late = (
        own_consumption(known, PlanWindow(DAY, first, 96, DAY.isp_start(first)), np.full(96, 3.0)).power_kw
        for first in (1, 80)
    )
    assert whole[72:].sum() / 4 == pytest.approx(-20.0 * EFFICIENCY, abs=0.2)
    assert late[79:].sum() / 4 == pytest.approx(-18.0 * EFFICIENCY, abs=0.2)
    assert not late[:79].any()


def test_what_is_held_for_an_outage_is_not_given_to_the_home() -> None:
    """A home that wants 3 kW all day has them until 8 kWh are left; near that the battery is held to the plan."""
    operation = StoreOperation(hold_kwh={DAY.day: np.full(96, 8.0)})
    found = own_consumption(knowledge(operation, 14.0), PlanWindow(DAY, 1, 96, DAY.start), np.full(96, 3.0))
    path = 14.0 + np.cumsum(np.where(found.power_kw > 0, found.power_kw * EFFICIENCY, found.power_kw / EFFICIENCY)) / 4
    assert path.min() == pytest.approx(8.0, abs=0.01)
    assert path[-1] == pytest.approx(8.0, abs=0.01)
    assert not np.isnan(found.reserved_kw[-1])
    assert np.isnan(found.reserved_kw[0])


def test_what_lacks_is_filled_at_a_quarter_of_the_rating_and_surplus_faster() -> None:
    """From 2 kWh towards 8 at 1.25 kW, at 4 where the home has so much over; no more than lacks."""
    assert filled_kw(STORE, -3.0, 2.0, 8.0, 0.25) == pytest.approx(1.25)
    assert filled_kw(STORE, 4.0, 2.0, 8.0, 0.25) == pytest.approx(4.0)
    assert filled_kw(STORE, 0.0, 7.905, 8.0, 0.25) == pytest.approx(0.4)
    assert filled_kw(STORE, -5.0, 8.5, 8.0, 0.25) == pytest.approx(-1.9)
    assert filled_kw(STORE, -5.0, 8.5, 8.0, 0.0) == -5.0


def test_an_order_cannot_take_what_is_held() -> None:
    """What it offers ends nowhere below what it holds, as far as its own plan holds it."""
    operation = StoreOperation(hold_kwh={DAY.day: np.full(96, 8.0)})
    known, window = knowledge(operation, 10.0), PlanWindow(DAY, 1, 96, DAY.start)
    offered = Battery().flexibility(known, np.zeros(96), window)
    assert isinstance(offered, Storable)
    assert np.allclose(offered.floor_kwh, 8.0)
    less = Battery().flexibility(replace(known, stored_kwh=5.0), np.zeros(96), window)
    assert np.allclose(less.floor_kwh, 5.0)


def test_a_day_of_another_length_is_refused() -> None:
    """One value for each ISP is expected; a day that is not named holds nothing."""
    operation = StoreOperation(hold_kwh={DAY.day: np.full(24, 8.0)})
    with pytest.raises(BadInput, match="hold_kwh: 24 values for 2018-01-17; expected 96"):
        operation.held_on(DAY.day, 96)
    assert not operation.held_on(date(2018, 1, 18), 96).any()
