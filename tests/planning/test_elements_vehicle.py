"""A vehicle charges at once, stops at what it needs, and moves its charging only while it is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.vehicle import Vehicle, charging
from cim.model.devices import DeviceKind, VehiclePlugged
from tests.worlds.elements import DAY, NOTHING, unknown, window

STATION = ElementConfig("s", DeviceKind.STATION, 0, 11_000, history_kw=(np.full(96, 1.5),))


def plugged(energy_wh: int, departure: datetime) -> VehiclePlugged:
    """A vehicle that may take up to 22 kW."""
    return VehiclePlugged(energy_wh, 22_000, departure, departure - timedelta(hours=9))


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


def test_the_plugged_vehicle_is_expected_until_it_leaves_and_others_after_it() -> None:
    """During its stay what it still needs, afterwards what the last days had; the day before, nobody is known."""
    known = replace(unknown(STATION), session=plugged(12_000, DAY.at(7)), delivered_wh=1_000.0)
    expected = Vehicle().forecast(known, window(5), NOTHING)
    np.testing.assert_allclose(expected[4:8], 11.0)
    np.testing.assert_allclose(expected[8:28], 0.0)
    np.testing.assert_allclose(expected[28:], 1.5)
    np.testing.assert_allclose(Vehicle().forecast(known, window(1), NOTHING), 1.5)
    np.testing.assert_allclose(Vehicle().forecast(unknown(STATION), window(5), NOTHING), 1.5)


def test_a_vehicle_moves_its_charging_but_keeps_its_energy() -> None:
    """What it planned to take in the window it takes before it leaves; nothing to move is no flexibility."""
    known = replace(unknown(STATION), session=plugged(22_000, DAY.start + timedelta(hours=7)))
    plan = charging(plugged(22_000, DAY.start + timedelta(hours=7)), 0.0, STATION, DAY, 1, DAY.start)
    model = Vehicle().flexibility(known, plan, window())
    assert isinstance(model, Storable)
    power = plan + model.respond(np.where(np.arange(96) < 8, -20.0, 20.0), 1.0)
    assert power[:8].sum() == pytest.approx(0, abs=1e-6)
    assert not np.abs(power[28:]).max() > 1e-9
    assert power.sum() * 0.25 == pytest.approx(22.0, abs=1e-5)
    assert Vehicle().flexibility(known, NOTHING, window()) is None


def test_who_is_not_there_or_about_to_leave_has_nothing_to_move() -> None:
    """No session, a departure before the window, or a session on another day give no flexibility."""
    gone = replace(unknown(STATION), session=plugged(22_000, DAY.start - timedelta(hours=1)))
    there = replace(unknown(STATION), session=plugged(22_000, DAY.at(7)))
    plan = np.full(96, 5.0)
    assert Vehicle().flexibility(unknown(STATION), plan, window()) is None
    assert Vehicle().flexibility(gone, plan, window()) is None
    assert Vehicle().flexibility(there, plan, window(now=DAY.start - timedelta(seconds=1))) is None
    assert Vehicle().flexibility(there, plan, window()) is not None
