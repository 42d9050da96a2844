"""The dispatch in one piece is the optimum: by hand, by scipy, by each solver, and its multipliers are prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from agents.planning.dispatch.packed import central
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, Rating
from cim.model.arrays import Floats
from cim.model.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore:The default value of raise_error")  # osqp's own

T = 4
SOLVERS: list[central.Solver] = ["clarabel", "piqp", "osqp"]
BATTERY = {"BATTERY_CURVATURE": 0.2, "BATTERY_WEAR": 0.1, "CHARGE_KW": 3, "DISCHARGE_KW": 4, "CAPACITY": 8}
STORED = {"ETA_IN": 0.9, "ETA_OUT": 0.9, "ENERGY": 4}
VEHICLE = {"VEHICLE_CURVATURE": 0.2, "ARRIVAL": 1, "DEPARTURE": 4, "VEHICLE_KW": 5, "VEHICLE_ENERGY": 6}


def _members(*each: dict[str, float], load: float = 2.0, sun: float = 0.0) -> Members:
    ratings = np.zeros((len(each), len(Rating)))
    for row, rated in zip(ratings, each, strict=True):
        for name, value in rated.items():
            row[Rating[name]] = value
    shape = (len(each), T)
    return Members(ratings, np.full(shape, sun), np.full(shape, load), 1.0)


def _coupling(price: list[float], peak: float = 0.1, most: float = 50.0) -> Coupling:
    caps = np.full(T, most)
    return Coupling(np.array(price), peak, caps, caps.copy(), 1.0)


@settings(max_examples=12, deadline=None)
@given(price=st.lists(st.floats(1.0, 30.0), min_size=T, max_size=T), peak=st.floats(0.05, 1.0))
def test_one_battery_and_vehicle_cost_what_scipy_finds(price: list[float], peak: float) -> None:
    """SLSQP on the same household, written down afresh, finds the same cost: neither it nor the programme errs alone."""
    members, coupling = _members(BATTERY | STORED | VEHICLE), _coupling(price, peak)
    change = np.tril(np.ones((T, T)))

    def cost(x: Floats) -> float:
        into, out_of, car = x.reshape(3, T)
        z = into - out_of + car + 2.0
        own = 0.1 * (into @ into + out_of @ out_of + car @ car) + 0.1 * (into + out_of).sum()
        return float(own + coupling.price_ct_per_kwh @ z + peak / 2 * z @ z)

    def stored(x: Floats) -> Floats:
        path: Floats = 4 + change @ (0.9 * x[:T] - x[T : 2 * T] / 0.9)
        return path

    best = minimize(
        cost,
        np.concatenate([np.zeros(2 * T), [0.0, 2.0, 2.0, 2.0]]),
        method="SLSQP",
        bounds=[(0, 3)] * T + [(0, 4)] * T + [(0, 0)] + [(0, 5)] * (T - 1),
        constraints=[
            {"type": "ineq", "fun": stored},
            {"type": "ineq", "fun": lambda x: 8 - stored(x)},
            {"type": "eq", "fun": lambda x: stored(x)[-1] - 4},
            {"type": "eq", "fun": lambda x: x[2 * T :].sum() - 6},
        ],
        options={"ftol": 1e-11, "maxiter": 300},
    )
    found, _ = central.dispatch_few(members, coupling)
    assert best.success
    assert found.cost_ct == pytest.approx(best.fun, rel=1e-6)
    assert found.bound_ct == pytest.approx(best.fun, rel=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_vehicle_is_charged_as_by_hand_by_every_solver(solver: central.Solver) -> None:
    """Three hours at 10, 10.3 and 10.6 ct, 0.3 ct/kW^2 in all: 1 kW apart each, so 3, 2 and 1 kW; their prices follow."""
    members = _members(VEHICLE)
    programme = central.programme(members, _coupling([1.0, 10.0, 10.3, 10.6]))
    x, cost, multipliers = central.solve(programme, solver, 1e-9)
    assert np.abs(central.profiles(members, x)[0, 1] - [0, 3, 2, 1]).max() < 1e-4
    z = np.array([2.0, 5.0, 4.0, 3.0])
    by_hand = 0.1 * (9 + 4 + 1) + np.array([1.0, 10.0, 10.3, 10.6]) @ z + 0.05 * z @ z
    assert cost == pytest.approx(by_hand, rel=1e-6)
    rows = T + 1
    assert multipliers[rows : rows + T] == pytest.approx([1.2, 10.5, 10.7, 10.9], abs=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_cannot_be_is_refused(solver: central.Solver) -> None:
    """More charging than fits is no optimum with a large residue: it is an error that names the solver."""
    programme = central.programme(_members(VEHICLE), _coupling([1.0] * T))
    value = programme.value.copy()
    value[T] = 40.0
    with pytest.raises(BadInput, match=f"{solver} ended with .*; expected an optimum"):
        central.solve(replace(programme, value=value), solver, 1e-8)


@pytest.mark.parametrize(
    "less",
    [{"ARRIVAL": 2, "DEPARTURE": 2}, {"VEHICLE_KW": 0.0}, {"VEHICLE_ENERGY": 0.0}],
)
def test_a_vehicle_that_cannot_charge_costs_nothing(less: dict[str, float]) -> None:
    """No window, no power or no need: the dispatch is the load's, and so is its cost (2 kW at 10 ct, 0.05 ct/kW^2)."""
    found, profiles = central.dispatch_few(_members(VEHICLE | less), _coupling([10.0] * T))
    assert np.abs(profiles).max() < 1e-9
    assert found.total_kw == pytest.approx([2.0] * T)
    assert found.cost_ct == pytest.approx(4 * (20 + 0.05 * 4))
    assert found.price_ct_per_kwh == pytest.approx([10.2] * T, abs=1e-5)


@pytest.mark.parametrize(("cap", "excess"), [(6.0, 0.0), (2.0, 0.0), (1.5, 0.5)])
def test_an_import_cap_is_kept_reached_exactly_or_broken_by_the_rest(cap: float, excess: float) -> None:
    """A load of 2 kW below a cap, at it, and beyond it: then the price is that of the excess, 1000 (1 + 0.5 / 1.5) more."""
    found, _ = central.dispatch_few(_members({}), _coupling([10.0] * T, most=cap))
    assert [b.excess_kw for b in found.broken] == pytest.approx([excess] * T if excess else [])
    assert {b.cap for b in found.broken} == ({"import"} if excess else set())
    price = 10 + 0.1 * 2 + (1000 * (1 + 0.5 / 1.5) if excess else 0)
    if cap != 2.0:  # at the cap any price up to the excess's is one
        assert found.price_ct_per_kwh == pytest.approx([price] * T, rel=1e-4)
    assert found.gap == pytest.approx(0.0, abs=1e-6)


def test_sun_is_curtailed_down_to_the_export_cap() -> None:
    """5 kW of sun, 1 kW of load, 3 kW may leave: 1 kW is curtailed, at 0.5 * 0.4 ct an hour, and 3 kW are sold at 10 ct."""
    plant = _members({"PV_CURVATURE": 0.4}, load=1.0, sun=5.0)
    found, profiles = central.dispatch_few(plant, _coupling([10.0] * T, most=3.0))
    assert profiles[0, 2] == pytest.approx([1.0] * T, abs=1e-6)
    assert found.cost_ct == pytest.approx(4 * (0.2 - 30 + 0.05 * 9))
    assert found.price_ct_per_kwh == pytest.approx([-0.4] * T, abs=1e-5)
    assert not found.broken


def test_a_vehicle_that_needs_more_than_fits_charges_all_the_time() -> None:
    """20 kWh in three hours of 5 kW: full power from arrival to departure, and the price is what 7 kW make it."""
    found, profiles = central.dispatch_few(_members(VEHICLE | {"VEHICLE_ENERGY": 20}), _coupling([10.0] * T))
    assert profiles[0, 1] == pytest.approx([0, 5, 5, 5], abs=1e-5)
    assert found.price_ct_per_kwh == pytest.approx([10.2, 10.7, 10.7, 10.7], abs=1e-4)
    assert found.gap == pytest.approx(0.0, abs=1e-6)
