"""A CHP runs as planned and moves between its minimum and its rating."""

from __future__ import annotations

import numpy as np

from agents.planning.elements.chp import Chp
from agents.planning.elements.element import ElementConfig
from cim.model.devices import DeviceKind
from tests.worlds.elements import COSTS, FEED_IN, NOTHING, priced, unknown, window

CHP = ElementConfig("chp", DeviceKind.CHP, 500_000, planned_w=-300_000, floor_w=-100_000)


def test_it_is_expected_to_run_as_its_operator_plans() -> None:
    """The same power in every ISP, whatever its home draws."""
    np.testing.assert_array_equal(Chp().forecast(unknown(CHP), window(), NOTHING + 9.0), -300.0)


def test_it_moves_between_its_minimum_and_its_rating() -> None:
    """200 kW each way from its plan, less for the feed-in, more for its fuel; below its minimum it gives no less."""
    model = Chp().flexibility(priced(CHP, -300.0), np.full(96, -300.0), window(1, 4))
    np.testing.assert_array_equal(model.up_kw, [200.0] * 4)
    np.testing.assert_array_equal(model.down_kw, [-200.0] * 4)
    assert (model.price_up == FEED_IN).all()
    assert (model.price_down == max(COSTS.chp_fuel_ct_per_kwh - FEED_IN, 0)).all()
    below = Chp().flexibility(unknown(CHP), np.full(96, -50.0), window(1, 4))
    np.testing.assert_array_equal(below.up_kw, 0.0)
    np.testing.assert_array_equal(below.down_kw, -450.0)


def test_an_order_gives_it_a_power_not_a_limit() -> None:
    """Held to 150 kW it is expected at 150 kW, above or below its plan."""
    held = np.array([-150.0, -450.0, np.nan])
    np.testing.assert_array_equal(Chp().expected(np.full(3, -300.0), held, np.zeros(3)), [-150.0, -450.0, -300.0])
