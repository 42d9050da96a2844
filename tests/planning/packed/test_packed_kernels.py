"""The compiled best responses are exact: held to OSQP by cvxpy, to the day's own battery, and to their own derivatives."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.packed import kernels
from agents.planning.dispatch.storage_step import Store, best_response
from cim.model.arrays import Floats

T = 96
CURVATURE, WEAR, CHARGE, DISCHARGE, ETA, ENERGY, CAPACITY = 0.2, 0.1, 3.0, 4.0, 0.95, 16.0, 40.0


def _pull(seed: int) -> Floats:
    draw = np.random.default_rng(seed)
    pull: Floats = 5 + 2.5 * np.sin(np.arange(T) / T * 4 * np.pi + seed) + draw.normal(0, 0.5, T)
    return pull


def _battery(pull: Floats, energy: float = ENERGY, slope: Floats | None = None) -> Floats:
    power, worth = np.zeros(len(pull)), np.zeros(len(pull))
    room = np.zeros((len(pull), len(pull))) if slope is None else slope
    work = kernels.working_room(len(pull))
    kernels.battery(
        pull,
        CURVATURE,
        WEAR,
        CHARGE,
        DISCHARGE,
        ETA,
        ETA,
        energy,
        CAPACITY,
        power,
        room,
        slope is not None,
        worth,
        work,
    )
    return power


@pytest.mark.parametrize("seed", range(3))
def test_a_battery_does_what_osqp_finds(seed: int) -> None:
    """Dynamic programming and OSQP (through cvxpy) agree to 1e-4 kW, with an energy bound that binds."""
    pull = _pull(seed)
    into, out_of = cp.Variable(T, nonneg=True), cp.Variable(T, nonneg=True)
    path = ENERGY + cp.cumsum(into * ETA - out_of / ETA)
    cost = CURVATURE / 2 * (cp.sum_squares(into) + cp.sum_squares(out_of)) + WEAR * cp.sum(into + out_of)
    rules = [into <= CHARGE, out_of <= DISCHARGE, path >= 0, path <= CAPACITY, path[-1] == ENERGY]
    problem = cp.Problem(cp.Minimize(cost + pull @ (into - out_of)), rules)
    problem.solve(solver=cp.OSQP, eps_abs=1e-8, eps_rel=1e-8, max_iter=200_000)
    assert np.abs(_battery(pull) - (into.value - out_of.value)).max() < 1e-4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.0, 1.0))
def test_a_battery_keeps_its_bounds_and_agrees_with_the_days_own(seed: int, share: float) -> None:
    """Whatever the prices and the charge at noon: rated power, energy between nothing and full, and the agents' own answer."""
    pull, energy = _pull(seed), share * CAPACITY
    power = _battery(pull, energy)
    stored = energy + np.cumsum(np.where(power > 0, power * ETA, power / ETA))
    assert power.max() <= CHARGE
    assert power.min() >= -DISCHARGE
    assert stored.min() >= -1e-9
    assert stored.max() <= CAPACITY + 1e-9
    assert abs(stored[-1] - energy) < 1e-9
    each = np.ones(T)
    store = Store(
        0 * each,
        -DISCHARGE * each,
        CHARGE * each,
        0 * each,
        CAPACITY * each,
        energy,
        0.0,
        ETA,
        ETA,
        CURVATURE,
        WEAR,
        1.0,
    )
    assert np.abs(power - best_response(store, -pull * 1e9, 1e-9)).max() < 1e-6


def _vehicle(pull: Floats, energy: float, slope: Floats | None = None) -> Floats:
    power = np.zeros(T)
    room = np.zeros((T, T)) if slope is None else slope
    kernels.vehicle(pull, 0.05, 20, 70, 7.0, energy, power, room, slope is not None)
    return power


@pytest.mark.parametrize("energy", [3.0, 100.0, 345.0])
def test_a_vehicle_does_what_osqp_finds(energy: float) -> None:
    """Water-filling and OSQP (through cvxpy) agree to 1e-4 kW, from a short charge to one that fills nearly all the time."""
    pull = _pull(4)
    power = cp.Variable(T, nonneg=True)
    there = (np.arange(T) >= 20) & (np.arange(T) < 70)
    problem = cp.Problem(
        cp.Minimize(0.025 * cp.sum_squares(power) + pull @ power), [power <= 7.0 * there, cp.sum(power) == energy]
    )
    problem.solve(solver=cp.OSQP, eps_abs=1e-8, eps_rel=1e-8, max_iter=200_000)
    assert np.abs(_vehicle(pull, energy) - power.value).max() < 1e-4


def test_a_vehicle_that_cannot_be_served_charges_all_the_time() -> None:
    """More energy than the time allows: full power from arrival to departure, the best that can be done."""
    power = _vehicle(_pull(0), 1e4)
    assert (power[20:70] == 7.0).all()
    assert power.sum() == 350.0


def test_a_plant_is_curtailed_where_power_is_worth_less_than_nothing() -> None:
    """Nothing at a price above 0, in proportion below, never more than there is."""
    power = np.zeros(4)
    kernels.curtailed(
        np.array([1.0, -0.1, -5.0, -5.0]), 0.1, np.array([3.0, 3.0, 3.0, 0.0]), power, np.zeros((4, 4)), False
    )
    assert power.tolist() == [0.0, 1.0, 3.0, 0.0]


@pytest.mark.parametrize("device", ["battery", "vehicle"])
def test_slopes_are_the_answers_derivative(device: str) -> None:
    """What a kernel says of how its answer moves is how it moves, for a small change of all pulls at once."""
    pull, change = _pull(7), np.random.default_rng(7).normal(0, 1e-7, T)
    slope = np.zeros((T, T))
    if device == "battery":
        before, after = _battery(pull, slope=slope), _battery(pull + change)
    else:
        before, after = _vehicle(pull, 100.0, slope), _vehicle(pull + change, 100.0)
    whole = slope + np.tril(slope, -1).T
    assert np.abs(after - before).max() > 1e-8
    assert np.abs(after - before + whole @ change).max() < 1e-12
