"""What energy at a home is worth when an element deviates: by its tariff, and never a reason to move by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.prices import price_cost
from agents.planning.elements.battery import Battery
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.energy_prices import EnergyPrices
from cim.model.devices import DeviceKind
from tests.worlds.elements import FEED_IN, RETAIL, unknown, window

KW = st.floats(-50, 50)
HOMES = st.lists(KW, min_size=2, max_size=8).map(np.array)


def prices(net_kw: np.ndarray) -> EnergyPrices:
    """A flat tariff at a home with these powers."""
    return EnergyPrices(np.full(len(net_kw), RETAIL), np.full(len(net_kw), FEED_IN), net_kw)


@given(net_kw=HOMES, data=st.data())
def test_a_deviation_costs_what_the_bill_changes(net_kw: np.ndarray, data: st.DataObject) -> None:
    """In every interval retail for what is drawn, feed-in for what is given: with the deviation less without it."""
    moved = np.array([data.draw(KW) for _ in net_kw])
    found = prices(net_kw).within(slice(0, len(net_kw)))

    def bill(power_kw: np.ndarray) -> float:
        return float(RETAIL * np.maximum(power_kw, 0).sum() - FEED_IN * np.maximum(-power_kw, 0).sum())

    cost = price_cost(found.up, found.down, found.turn_kw, moved)
    np.testing.assert_allclose(cost, bill(net_kw + moved) - bill(net_kw), atol=1e-8)


@given(net_kw=HOMES, data=st.data())
def test_to_shift_energy_is_never_a_gain_and_never_cheaper_than_the_bill(
    net_kw: np.ndarray, data: st.DataObject
) -> None:
    """What is only moved to another time costs nothing or more, and at least what the bill changes by."""
    moved = np.array([data.draw(KW) for _ in net_kw])
    moved = moved - moved.mean()
    part = slice(0, len(net_kw))
    found, true = prices(net_kw).to_shift(part), prices(net_kw).within(part)
    cost = price_cost(found.up, found.down, found.turn_kw, moved)
    assert cost >= -1e-6
    assert cost >= price_cost(true.up, true.down, true.turn_kw, moved) - 1e-6


def test_a_battery_that_nobody_asks_keeps_to_its_homes_own_consumption() -> None:
    """Charged from the surplus and discharged for the need, it has nothing to gain by another path."""
    config = ElementConfig("battery", DeviceKind.BATTERY, 5_000, 5_000, 10_000)
    net_kw = np.concatenate([np.full(4, -1.0), np.zeros(92)])  # what it leaves of the surplus, and of the need
    known = replace(unknown(config), prices=prices(net_kw))
    plan = np.concatenate([np.full(4, 3.0), np.full(4, -2.5), np.zeros(88)])
    model = Battery().flexibility(known, plan, window(1, 8))
    np.testing.assert_allclose(model.respond(np.zeros(8), 0.3), 0.0, atol=1e-6)
