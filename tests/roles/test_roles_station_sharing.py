"""EVSEs of one charging station plan within what its grid connection carries, whoever plans first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig, PlanWindow
from agents.roles.prosumer.config import SharedStation
from agents.roles.prosumer.station_sharing import StationSharing
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, VehiclePlugged
from cim.model.intervals import LocalDay
from tests.worlds.terms import prosumer_config

DAY = LocalDay(datetime(2024, 5, 14, tzinfo=UTC).date(), "Europe/Vienna", 15)
NOON = DAY.start + timedelta(hours=12)
BAYS = ("park.bay-1", "park.bay-2", "park.bay-3")


class _Known:
    """Which vehicles are there, what they took, and what orders hold."""

    def __init__(self) -> None:
        self.vehicles: dict[str, VehiclePlugged] = {}
        self.taken_wh: dict[str, float] = {}
        self.held: dict[str, Floats] = {}

    def vehicle(self, element: str) -> VehiclePlugged | None:
        """See `EvFlexibilityManager`."""
        return self.vehicles.get(element)

    def delivered_wh(self, element: str) -> float:
        """See `EvFlexibilityManager`."""
        return self.taken_wh.get(element, 0.0)

    def held_kw(self, element: str, day: LocalDay) -> Floats:
        """See `HeldOrders`."""
        return self.held.get(element, np.full(day.count, np.nan))

    def plug(self, *elements: str) -> None:
        """Vehicles come that want 20 kWh."""
        for element in elements:
            self.vehicles[element] = VehiclePlugged(20_000, 22_000, DAY.end, NOON, element)


def _sharing(known: _Known, limit_w: int = 33_000) -> StationSharing:
    elements = tuple(ElementConfig(name, DeviceKind.STATION, consumption_w=22_000) for name in (*BAYS, "park.other"))
    config = prosumer_config("park", "point", "agr", elements, ())
    config = replace(config, stations=(SharedStation(BAYS, limit_w),))
    return StationSharing(config, cast("Any", known), cast("Any", known))


def _rooms(known: _Known, now: datetime = NOON) -> list[float]:
    sharing = _sharing(known)
    return [float(cast("Floats", sharing.room_kw(name, DAY, None, now))[60]) for name in BAYS]


def test_those_in_use_share_by_their_ratings() -> None:
    """One alone may take all, two half each, and who comes has its share at once; before the day each counts."""
    known = _Known()
    assert _rooms(known) == [33, 33, 33]
    known.plug(BAYS[0])
    assert _rooms(known) == pytest.approx([33, 16.5, 16.5])
    known.plug(BAYS[1])
    assert _rooms(known) == pytest.approx([16.5, 16.5, 11])
    assert _rooms(known, DAY.start - timedelta(hours=5)) == pytest.approx([11, 11, 11])
    known.taken_wh[BAYS[0]] = 19_950
    assert _rooms(known)[1] == 33, "who is full needs no share"


def test_what_orders_hold_is_taken_off_first() -> None:
    """An order of 25 kW at the first leaves 8 to the second; one to 0 leaves it all."""
    known = _Known()
    known.plug(BAYS[0], BAYS[1])
    for held_kw, left_kw in ((25.0, 8.0), (0.0, 33.0), (40.0, 0.0)):
        known.held[BAYS[0]] = np.full(DAY.count, held_kw)
        assert _rooms(known)[1] == pytest.approx(left_kw)


def test_another_cap_counts_where_it_is_smaller_and_others_are_not_touched() -> None:
    """The connection's own room of 5 kW stays 5; a station with one EVSE has only that."""
    known, five = _Known(), np.full(DAY.count, 5.0)
    sharing = _sharing(known)
    assert sharing.room_kw(BAYS[0], DAY, five, NOON) == pytest.approx(five)
    assert sharing.room_kw("park.other", DAY, None, NOON) is None
    assert sharing.room_kw("park.other", DAY, five, NOON) is five


def test_what_is_offered_together_is_within_the_limit_as_well() -> None:
    """Two models that could each draw 22 kW more: with 10 planned for both, 13 more are left for the two together."""
    plan, high, zero = np.full(4, 10.0), np.full(4, 22.0), np.zeros(4)
    models = [
        Storable(
            name, plan, zero, high, zero, np.full(4, 99.0), 0.0, 10.0, 1.0, 1.0, 0.0, 0.0, 0.25
        )
        for name in (BAYS[0], BAYS[1], "park.other")
    ]  # fmt: skip
    expected = {BAYS[0]: 10.0, BAYS[1]: 10.0, BAYS[2]: 0.0}
    window = PlanWindow(DAY, 61, 64, NOON)
    found = _sharing(_Known()).within(models, window, lambda name, day: np.full(day.count, expected[name]))
    assert sorted(model.element for model in found) == sorted(model.element for model in models)
    most = {model.element: cast("Storable", model).high_kw for model in found}
    assert most[BAYS[0]] + most[BAYS[1]] == pytest.approx(np.full(4, 33.0))
    assert most["park.other"] == pytest.approx(high)
