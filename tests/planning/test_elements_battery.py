"""A battery's plan serves its home within power and energy, and its flexibility can always be served."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.elements.battery import EFFICIENCY, Battery, self_consumption
from agents.planning.elements.element import ElementConfig
from cim.model.devices import DeviceKind
from tests.worlds.elements import NOTHING, unknown, window

BATTERY = ElementConfig("b", DeviceKind.BATTERY, 5_000, 4_000, 10_000)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(1, 96), share=st.floats(0, 1))
def test_self_consumption_keeps_to_ratings_energy_and_purpose(seed: int, first: int, share: float) -> None:
    """Charges only from surplus, gives only to need, never beyond power or energy; before `first` nothing."""
    net = np.random.default_rng(seed).normal(size=96) * 6
    known = replace(unknown(BATTERY), stored_kwh=share * 10.0)
    plan = Battery().forecast(known, window(first), net)
    assert not plan[: first - 1].any()
    assert (plan <= np.clip(-net, 0, 4.0) + 1e-12).all()
    assert (plan >= -np.clip(net, 0, 5.0) - 1e-12).all()
    energy = share * 10.0 + np.cumsum(np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY)) * 0.25
    assert (energy >= -1e-9).all()
    assert (energy <= 10.0 + 1e-9).all()


def test_a_day_of_self_consumption_by_hand() -> None:
    """Two hours of 3 kW surplus fill 5.7 kWh of it; then 2 kW of need are met until that is used up."""
    net = np.array([-3.0, -3.0, 2.0, 2.0, 2.0, 2.0])
    plan = self_consumption(net, BATTERY, 0.0, 1, 1.0)
    np.testing.assert_allclose(plan, [3.0, 3.0, -2.0, -2.0, -(5.7 * 0.95 - 4.0), 0.0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), stored=st.floats(-5, 15))
def test_its_flexibility_can_always_be_served(seed: int, stored: float) -> None:
    """Whatever the meter said of the stored energy, the model's answer stays within power and energy."""
    rng = np.random.default_rng(seed)
    net = rng.normal(size=96) * 5
    plan = self_consumption(net, BATTERY, min(max(stored, 0.0), 10.0), 1, 0.25)
    model = Battery().flexibility(replace(unknown(BATTERY), stored_kwh=stored), plan, window(9))
    power = plan[8:] + model.respond(rng.normal(size=88) * 5, 0.1)
    assert (np.abs(power) <= 5 + 1e-9).all()
    energy = model.energy_kwh + np.cumsum(np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY)) * 0.25
    assert (energy >= -1e-5).all()
    assert (energy <= 10 + 1e-5).all()


def test_it_ends_where_its_plan_ends() -> None:
    """Whatever it is asked for, after the window it holds what it would have held."""
    plan = NOTHING.copy()
    plan[:8] = 2.0
    model = Battery().flexibility(replace(unknown(BATTERY), stored_kwh=3.0), plan, window(1, 16))
    power = plan[:16] + model.respond(np.where(np.arange(16) < 8, -5.0, 5.0), 1.0)
    reached = np.where(power > 0, power * EFFICIENCY, power / EFFICIENCY).sum() * 0.25
    assert reached == pytest.approx(2.0 * EFFICIENCY * 2, abs=1e-6)


@given(power_kw=st.floats(-5, 4), hours=st.floats(0, 2))
def test_what_it_stores_later_knows_the_losses_of_one_way(power_kw: float, hours: float) -> None:
    """Charging stores less than is taken, giving empties it by more than is given."""
    change = Battery().stored_later(5.0, power_kw, hours) - 5.0
    assert change == pytest.approx(power_kw * hours * (EFFICIENCY if power_kw > 0 else 1 / EFFICIENCY), abs=1e-12)
