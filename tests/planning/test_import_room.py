"""What elements still take behind a capped connection: together never more than the cap leaves, and what is planned stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Curtailable, Shiftable, Storable
from agents.planning.dispatch.import_room import import_room_kw, within_room
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.vehicle import Vehicle, owner_plan
from cim.model.devices import DeviceKind, VehiclePlugged
from tests.worlds.elements import DAY, unknown, window

T = 8
ZERO = np.zeros(T)
PLUGGED = VehiclePlugged(20_000, 22_000, DAY.at(17), DAY.at(8))
STATION = replace(unknown(ElementConfig("s", DeviceKind.STATION, 0, 11_000)), session=PLUGGED)


def store(name: str, plan_kw: float, high_kw: float) -> Storable:
    """A store with a plan, far from full and from empty."""
    total = plan_kw * T * 0.25
    return Storable(name, np.full(T, plan_kw), np.full(T, -5.0), np.full(T, high_kw), ZERO - 99, ZERO + 99, 0.0, total,
                    1.0, 1.0, 0.01, 0.0, 0.25)  # fmt: skip


def test_what_is_generated_makes_no_room() -> None:
    """A cap of 10 kW, a base of 2, a battery that discharges 3, a station that draws 4: 4 kW are left."""
    assert import_room_kw(10.0, ZERO + 2, (ZERO - 3, ZERO + 4)).tolist() == [4.0] * T


@given(
    plans=st.lists(st.floats(-4, 4), min_size=1, max_size=4),
    room=st.lists(st.floats(-3, 20), min_size=T, max_size=T),
    target=st.lists(st.floats(-30, 30), min_size=T, max_size=T),
)
def test_together_they_draw_no_more_than_is_left(plans: list[float], room: list[float], target: list[float]) -> None:
    """Whatever is asked of them: what they draw above what they plan to draw stays within the room; asked for nothing, they
    keep their plans.
    """
    models = within_room([store(f"s{k}", plan, 5.0) for k, plan in enumerate(plans)], np.array(room))
    drawn, planned = np.zeros(T), np.zeros(T)
    for model in models:
        assert isinstance(model, Storable)
        drawn += np.maximum(model.plan_kw + model.respond(np.array(target), 10.0), 0.0)
        planned += np.maximum(model.plan_kw, 0.0)
        assert np.abs(model.respond(ZERO, 1e6)).max() < 1e-3
    assert (drawn - planned <= np.maximum(room, 0.0) + 1e-5).all()


def test_where_room_is_short_a_programme_stays_and_a_plant_is_as_free_as_before() -> None:
    """2 kW are left, the programme draws 3: it takes no part; curtailing what was no room takes none. With 9 all are free."""
    programme = Shiftable("wash", ZERO, np.array([3.0, 1.0]), (2, 3), 2, 0.1, 0.25)
    plant = Curtailable("pv", ZERO, ZERO + 10, ZERO, ZERO, 0.01, 0.25)
    known = (programme, plant, store("bat", 0.0, 5.0))
    held = within_room(known, ZERO + 2)
    assert [model.element for model in held] == ["pv", "bat"]
    assert held[0] is plant
    assert within_room(known, ZERO + 9) == known


def test_a_vehicle_charges_within_what_the_cap_leaves_and_is_ready_in_time() -> None:
    """20 kWh by 17:00 from 8:00 on, 4 kW are left until 12:00 and 0 from 12:00 to 13:00: 4 kW at once, the rest after that."""
    room = np.full(96, 11.0)
    room[:48], room[48:52] = 4.0, -1.0
    known = replace(STATION, import_room_kw=room)
    plan = owner_plan(known, window(33), np.zeros(96))
    assert (plan <= np.maximum(room, 0.0)).all()
    np.testing.assert_allclose(plan[32:48], 4.0)
    assert plan.sum() * 0.25 == pytest.approx(20.0)
    limits = Vehicle().owner_kw(known, window(33), np.zeros(96))
    assert (limits[32:52] <= np.maximum(room, 0.0)[32:52]).all(), "also from its last planned ISP on"


def test_a_station_is_limited_before_anybody_comes() -> None:
    """Who plugs before it is planned charges at once by the station's own rule: within the cap, too."""
    known = replace(STATION, session=None, import_room_kw=np.full(96, 3.0))
    limits = Vehicle().owner_kw(known, window(33), np.zeros(96))
    np.testing.assert_allclose(limits[32:], 3.0)
    assert np.isnan(limits[:32]).all()
