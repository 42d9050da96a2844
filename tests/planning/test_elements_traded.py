"""Plants and vehicles whose energy is traded by the hour: no generation at a price below nothing, charging when it is cheap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from agents.planning.elements.chp import Chp
from agents.planning.elements.element import ElementConfig, ElementKind, PlanWindow
from agents.planning.elements.pv import Pv
from agents.planning.elements.store_operation import StoreOperation
from agents.planning.elements.vehicle import Vehicle
from agents.planning.elements.wind import Wind
from cim.model.devices import DeviceKind, VehiclePlugged
from cim.model.intervals import LocalDay
from market.billing.hourly_prices import HourlyPrices
from tests.worlds.elements import NOTHING, unknown

DAY = LocalDay(date(2018, 1, 17), "Europe/Vienna")
WHOLE = PlanWindow(DAY, 1, 96, DAY.start)
GIVES = (np.full(96, -30.0),)


def traded(hour: int, ct: float, begins: date | None = None) -> StoreOperation:
    """10 ct but for one hour of each day."""
    e4 = np.full(365 * 24, 1_000_000)
    e4[hour::24] = round(ct * 100_000)
    prices = HourlyPrices(datetime(2017, 12, 31, 23, tzinfo=UTC), "Europe/Vienna", e4.astype(np.int64))
    return StoreOperation(prices=prices, begins=begins)


def plant(kind: DeviceKind, operation: StoreOperation | None) -> ElementConfig:
    """100 kW that gives 30 by habit or plan, a CHP 10 at least."""
    return ElementConfig(
        "plant", kind, 100_000, 0, planned_w=-30_000, floor_w=-10_000, history_kw=GIVES, operation=operation
    )


@pytest.mark.parametrize(("rules", "least"), [(Pv(), 0.0), (Wind(), 0.0), (Chp(), -10.0)], ids=["pv", "wind", "chp"])
def test_a_plant_gives_its_least_where_its_energy_costs_something(rules: ElementKind, least: float) -> None:
    """At 3 a.m. at -1 ct; in all other hours, at +1 ct, and before trading begins it is free."""
    known = unknown(plant(rules.kind, traded(3, -1.0)))
    owner = rules.owner_kw(known, WHOLE, NOTHING)
    np.testing.assert_allclose(owner[12:16], least)
    assert np.isnan(np.delete(owner, range(12, 16))).all()
    np.testing.assert_allclose(rules.forecast(known, WHOLE, NOTHING)[11:17], [-30, *[least] * 4, -30])
    for free in (traded(3, 1.0), traded(3, -1.0, begins=DAY.next().day), None):
        other = replace(known, config=plant(rules.kind, free))
        assert np.isnan(rules.owner_kw(other, WHOLE, NOTHING)).all()
        np.testing.assert_allclose(rules.forecast(other, WHOLE, NOTHING), -30.0)


def test_a_vehicle_charges_in_the_cheapest_hours_and_leaves_full() -> None:
    """11 kWh in the cheap hour, not at once and not in the home's surplus; one that leaves before it charges at once."""
    config = ElementConfig("ev", DeviceKind.STATION, 0, 11_000, operation=traded(5, 2.0))
    surplus = np.where(np.arange(96) < 12, -11.0, 0.0)
    for stays_h, begins in ((9, 20), (2, 0)):
        session = VehiclePlugged(11_000, 11_000, DAY.start + timedelta(hours=stays_h), DAY.start)
        plan = Vehicle().forecast(replace(unknown(config), session=session), WHOLE, surplus)
        assert int(np.flatnonzero(plan > 0)[0]) == begins
        assert plan.sum() / 4 == pytest.approx(11.0)
