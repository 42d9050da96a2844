"""What a day without orders is reconstructed from: first readings of a day and of its quarter-hours, nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from agents.planning.elements.element import ElementConfig
from agents.roles.messages import DeviceReport
from agents.roles.parts.settlement import metering_of
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.measured_day import MeasuredDays
from agents.roles.prosumer.told import ElementReported
from cim.model.devices import DeviceKind, ThermalDescription
from cim.model.readings import Kind, Quality, Reading
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
