"""What a day without orders is reconstructed from: first readings of a day and of its quarter-hours, nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.messages import DeviceReport
from agents.roles.parts.settlement import metering_of
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.measured_day import MeasuredDays
from agents.roles.prosumer.told import ElementReported
from cim.model.devices import DeviceKind, ThermalDescription
from cim.model.readings import Kind, Quality, Reading
from market.uftp import FlexOrder, Header, IspPower
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, POINT

PUMP, BATTERY = "farm-a.pump", "farm-a.battery"
ROOM = ThermalDescription(19.5, 22.5, 0, 3_000, 1e-7, datetime(2016, 1, 1, tzinfo=UTC))


def home() -> ProsumerRole:
    """A farm with a heat pump and a battery."""
    elements = (
        ElementConfig(PUMP, DeviceKind.GATEWAY, 0, 3_000),
        ElementConfig(BATTERY, DeviceKind.BATTERY, 5_000, 5_000, 10_000),
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", players.RULES, players.key("farm-a"), config)


def told(role: ProsumerRole, element: str, kind: Kind, value: float, at: datetime, **more: Any) -> None:
    """An element shows a value."""
    report = DeviceReport(element, at, (Reading(element, kind, value, at, **more),), (ROOM,))
    role.part(MeasuredDays).reported(ElementReported(report), at)


def day_of(role: ProsumerRole, element: str) -> Any:
    """What is known of an element's day."""
    metering = metering_of(role.part(MeasuredDays).me, "agr", FIRST, element, np.zeros(96), DAY.end, ())
    return role.part(MeasuredDays).of(element, metering, DAY)


def warm(role: ProsumerRole, without: int | None = None) -> None:
    """The building is read in every interval of the day, and at its end; warmer by a hundredth each time."""
    for k in range(96 * 3 + 1):
        at = DAY.start + k * timedelta(minutes=5)
        if k // 3 + 1 != without:
            told(role, PUMP, Kind.TEMPERATURE, 20 + k / 100, at)


def test_a_buildings_warmth_is_that_at_the_begin_of_each_quarter_hour_and_at_the_days_end() -> None:
    """97 temperatures, each the first reading of its quarter-hour."""
    role = home()
    warm(role)
    np.testing.assert_allclose(day_of(role, PUMP).temperature_c, 20 + np.arange(97) * 3 / 100)


def test_where_a_quarter_hour_was_not_read_the_warmth_of_the_day_is_not_known() -> None:
    """In the middle or at the end; a reading that comes an interval late is none of its begin."""
    for without in (40, 97):
        role = home()
        warm(role, without)
        assert day_of(role, PUMP).temperature_c is None
    told(role, PUMP, Kind.TEMPERATURE, 20.0, DAY.end + timedelta(minutes=5))
    assert day_of(role, PUMP).temperature_c is None


def test_what_a_battery_held_is_its_first_good_reading_of_the_day() -> None:
    """A bad reading says nothing, and later ones change nothing."""
    role = home()
    told(role, BATTERY, Kind.STORED_ENERGY, 9_000.0, DAY.start, quality=Quality.INVALID)
    assert day_of(role, BATTERY).stored_kwh is None
    told(role, BATTERY, Kind.STORED_ENERGY, 4_000.0, DAY.start + timedelta(minutes=5))
    told(role, BATTERY, Kind.STORED_ENERGY, 6_000.0, DAY.start + timedelta(minutes=10))
    assert day_of(role, BATTERY).stored_kwh == 4.0


def test_closed_days_are_forgotten() -> None:
    """What is about days before the one that is still open goes."""
    role = home()
    warm(role)
    told(role, BATTERY, Kind.STORED_ENERGY, 4_000.0, DAY.start)
    part = role.part(MeasuredDays)
    part.prune(DAY.next().day)
    assert (part.state.stored_kwh, set(part.state.temperature_c)) == ({}, {DAY.next().day})


def settled_by_its_own_rule(orders: tuple[ElementOrder, ...], stored_wh: float | None, **more: Any) -> Any:
    """A farm with 4 kW to spare in the first twelve quarter-hours; its battery of 10 kWh has waited for the last four."""
    role = home()
    part = role.part(MeasuredDays)
    if stored_wh is not None:
        told(role, BATTERY, Kind.STORED_ENERGY, stored_wh, DAY.start)
    header = Header("agr.example", "farm-a.example", DAY.start, "o-1", "o-1")
    isps = (IspPower(9, 4_000), IspPower(10, 4_000))
    order = FlexOrder(header, FIRST, "ean.farm-a", "o-1", 5, "EUR", isps, "Europe/Vienna")
    held = role.part(HeldOrders).state
    held.received["o-1"], held.parts = order, orders
    spare, charged = np.where(np.arange(96) < 12, -1000.0, 0.0), np.zeros(96)
    charged[8:12] = 1000.0
    rows = {BATTERY: charged, PUMP: np.zeros(96), "ean": spare + charged}
    meterings = {
        name: metering_of(part.me, "agr", FIRST, name, row, DAY.end, more.get("lost", ())) for name, row in rows.items()
    }
    return part.own_rules_w(meterings.pop("ean"), meterings, DAY)


ORDER = ElementOrder("o-1", FIRST, BATTERY, ((9, 0, 4_000), (10, 0, 4_000)))


def test_what_a_batterys_own_rule_would_have_done_is_told_with_its_metering() -> None:
    """It would have taken the surplus from the first quarter-hour on: after 2.6 hours it is full, by hand 10 / 0.95 kWh.

    So what an order moved to the end of that surplus is no more than what the rule would not have taken there.
    """
    found = settled_by_its_own_rule((ORDER,), 0.0)
    assert set(found) == {BATTERY}
    np.testing.assert_allclose(found[BATTERY][:10], 4000, atol=1)
    assert found[BATTERY][10] == pytest.approx((10 / 0.95 - 10) * 4000, abs=1)
    assert not any(found[BATTERY][11:])


def test_what_nobody_knows_of_a_battery_is_not_guessed() -> None:
    """Without an order, without its energy at midnight, or where a meter did not see all, its told plan stands."""
    assert settled_by_its_own_rule((), 0.0) == {}
    assert settled_by_its_own_rule((ORDER,), None) == {}
    assert settled_by_its_own_rule((ORDER,), 0.0, lost=(5,)) == {}
