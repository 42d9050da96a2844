"""What an order holds an element to: its noticeable moves, and not a forecast of what it would do anyway."""

from __future__ import annotations

import numpy as np
import pytest

from agents.planning.elements.registry import element_kind
from agents.roles.prosumer.held_orders import _worth_making
from cim.model.devices import DeviceKind

FREE = np.full(4, np.nan)


@pytest.mark.parametrize("kind", [DeviceKind.GATEWAY, DeviceKind.BATTERY])
def test_a_small_move_beside_a_large_plan_holds_nothing(kind: DeviceKind) -> None:
    """1 kW is ordered where nothing was planned; 50 W of rebound beside 8 kW planned would hold all 8 to a forecast."""
    moved, plan = np.array([1.0, -0.05, -0.05, -1.5]), np.array([0.0, 8.0, 0.1, 8.0])
    np.testing.assert_array_equal(_worth_making(element_kind(kind), moved, plan, FREE), [1.0, 0.0, -0.05, -1.5])


@pytest.mark.parametrize("kind", [DeviceKind.GATEWAY, DeviceKind.BATTERY])
def test_where_orders_hold_an_element_already_every_move_is_made(kind: DeviceKind) -> None:
    """Others of the same split count on it."""
    moved, plan = np.array([1.0, -0.05, -0.05, -1.5]), np.full(4, 8.0)
    np.testing.assert_array_equal(_worth_making(element_kind(kind), moved, plan, plan), moved)
