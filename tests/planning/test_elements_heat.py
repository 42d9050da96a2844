"""A heated building makes up for what drains it, and is a store between its comfort bounds only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.heat import Heat, heating
from cim.model.devices import DeviceKind, ThermalDescription, ThermalUsage
from tests.worlds.elements import DAY, NOTHING, unknown, window

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
    warm = replace(unknown(CONFIG), room=ROOM, temperature_c=21.0)
    model = Heat().flexibility(warm, plan, window())
    assert isinstance(model, Storable)
    moved = model.respond(np.where(np.arange(96) % 48 < 24, 3.0, -3.0), 1.0)
    kelvin = np.cumsum(moved) * 0.25 * 3.6e6 * ROOM.fill_rate_per_w
    assert (np.abs(kelvin) <= 2.0 + 1e-5).all()
    assert kelvin[-1] == pytest.approx(0.0, abs=1e-5)
    for outside_c in (19.0, 18.0, 23.0, 30.0, None):
        assert Heat().flexibility(replace(warm, temperature_c=outside_c), plan, window()) is None
    assert Heat().flexibility(replace(warm, room=None), plan, window()) is None
