"""Devices that are on or off answer a price exactly, and only by what they can do."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from agents.planning.dispatch.packed import kernels
from agents.planning.dispatch.packed.on_off import LeastPowerVehicle, RunOnce
from cim.model.arrays import Floats
from cim.model.errors import BadInput

T = 6
prices = st.lists(st.floats(-20, 40), min_size=T, max_size=T).map(np.array)


def car(energy_kwh: float = 6.0, least_kw: float = 1.4, most_kw: float = 3.7, **changed: int) -> LeastPowerVehicle:
    """A vehicle of six hours."""
    window = {"arrival": 0, "departure": T} | changed
    return LeastPowerVehicle(
        0, 0.3, window["arrival"], window["departure"], least_kw, most_kw, energy_kwh, hours=1.0, length=T
    )


def worth(device: LeastPowerVehicle, pull: Floats, power: Floats) -> float:
    """What it minimises."""
    return device.cost_ct(power) + float(pull @ power)


def by_every_switch(device: LeastPowerVehicle, pull: Floats) -> float:
    """The least cost over all 64 ways to be on, each a small convex problem of its own (SLSQP)."""
    best = np.inf
    for on in product((0.0, 1.0), repeat=T):
        low, high = device.least_kw * np.array(on), device.most_kw * np.array(on)
        if not low.sum() - 1e-9 <= device.charged <= high.sum() + 1e-9:
            continue
        share = (device.charged - low.sum()) / max(float((high - low).sum()), 1e-12)
        found = minimize(
            lambda p: device.cost_ct(p) + pull @ p,
            low + share * (high - low),
            jac=lambda p: 0.3 * p + pull,
            bounds=list(zip(low, high, strict=True)),
            constraints=[{"type": "eq", "fun": lambda p: p.sum() - device.charged, "jac": lambda p: np.ones(T)}],
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        best = min(best, float(found.fun))
    return best


@settings(max_examples=15, deadline=None)
@given(pull=prices, energy_kwh=st.floats(0.5, 25.0))
def test_a_vehicle_with_a_least_power_answers_as_well_as_any_way_to_be_on(pull: Floats, energy_kwh: float) -> None:
    """Of all 2^6 ways none is cheaper, and what it answers it can do."""
    device = car(energy_kwh)
    power = device.answer(pull, 0.0)
    assert device.able(power)
    assert worth(device, pull, power) == pytest.approx(by_every_switch(device, pull), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(pull=prices, energy_kwh=st.floats(0.0, 30.0))
def test_without_a_least_power_it_is_the_kernels_vehicle(pull: Floats, energy_kwh: float) -> None:
    """At 0 kW the set is convex: water-filling by the compiled kernel gives the same powers."""
    device, power = car(energy_kwh, least_kw=0.0), np.zeros(T)
    kernels.vehicle(pull, 0.3, 0, T, 3.7, energy_kwh, power, np.zeros((1, 1)), False)
    assert np.abs(device.answer(pull, 0.0) - power).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    pull=prices,
    energy_kwh=st.floats(0.0, 60.0),
    least_kw=st.floats(0.0, 3.7),
    arrival=st.integers(0, T),
    stay=st.integers(0, T),
    stiffness=st.floats(0.0, 10.0),
)
def test_whatever_it_is_asked_it_can_do(
    pull: Floats, energy_kwh: float, least_kw: float, arrival: int, stay: int, stiffness: float
) -> None:
    """Every choice keeps to window, least and most power; what is not served is told."""
    device = car(energy_kwh, least_kw, arrival=arrival, departure=min(arrival + stay, T))
    for power in device.choices(pull, stiffness):
        assert device.able(power)
    assert device.unserved_kwh == pytest.approx(max(energy_kwh - device.charged, 0.0))


def test_able_tells_what_is_not() -> None:
    """Below the least power, above the most, outside the window or another energy: none of them is something it can do."""
    device = car(6.0, arrival=1, departure=5)
    assert device.able(np.array([0, 3.0, 3.0, 0, 0, 0]))
    for wrong in ([0, 1.0, 2.5, 2.5, 0, 0], [0, 4.0, 2.0, 0, 0, 0], [3.0, 3.0, 0, 0, 0, 0], [0, 3.0, 2.0, 0, 0, 0]):
        assert not device.able(np.array(wrong))


@pytest.mark.parametrize(
    ("energy", "charged"),
    [(0.7, 1.4), (1.4, 1.4), (40.0, 22.2), (0.0, 0.0)],
)
def test_what_it_is_charged_is_what_it_can_be(energy: float, charged: float) -> None:
    """Less than an interval of the least power is made one; more than fits is cut; nothing stays nothing."""
    assert car(energy).charged == pytest.approx(charged)


def test_an_energy_between_one_interval_and_two_is_cut_to_one() -> None:
    """3 to 3.7 kW: 5 kWh lie between 3.7 of one interval and 6 of two, so 3.7 are charged and 1.3 are unserved."""
    device = car(5.0, least_kw=3.0)
    assert device.charged == pytest.approx(3.7)
    assert device.unserved_kwh == pytest.approx(1.3)


@settings(max_examples=40, deadline=None)
@given(pull=prices, first=st.integers(0, 2), slack=st.integers(0, 1))
def test_a_programme_begins_where_it_is_cheapest(pull: Floats, first: int, slack: int) -> None:
    """Its answer is one whole run at the least of the sums over the starts it has."""
    device = RunOnce(0, np.array([2.0, 0.5, 1.0]), first, first + slack, T)
    power = device.answer(pull, 0.0)
    assert device.able(power)
    assert not device.able(power + 1e-3)
    starts = [pull[s : s + 3] @ device.run_kw for s in range(first, first + slack + 1)]
    assert float(pull @ power) == pytest.approx(min(starts), abs=1e-9)


def test_what_cannot_be_a_device_is_refused() -> None:
    """A run that ends tomorrow, a window backwards, a least above the most: the sentence names the member."""
    with pytest.raises(BadInput, match="programme of member 2: begins from 0 to 5 and runs 2 intervals"):
        RunOnce(2, np.ones(2), 0, 5, T)
    with pytest.raises(BadInput, match="there from interval 4 to 2"):
        car(arrival=4, departure=2)
    with pytest.raises(BadInput, match=r"4.0 to 3.7 kW"):
        car(least_kw=4.0)
