"""Battery, vehicle and plant one by one: by hand, by their optimality conditions, and at the edges of what they can do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.packed import kernels
from cim.model.arrays import Floats

pulls = st.lists(st.floats(-10, 10), min_size=1, max_size=12).map(np.array)
part = st.floats(0.0, 1.0)
prices = st.lists(st.floats(0, 20), min_size=1, max_size=12).map(np.array)


@dataclass(frozen=True)
class _Battery:
    curvature: float = 1.0
    wear: float = 0.0
    charge: float = 3.0
    discharge: float = 3.0
    eta_in: float = 1.0
    eta_out: float = 1.0
    energy: float = 5.0
    capacity: float = 10.0

    def best(self, pull: Floats, slope: Floats | None = None) -> tuple[Floats, Floats]:
        """Its best power, and what its energy is worth."""
        length = len(pull)
        power, worth = np.full(length, np.nan), np.full(length, np.nan)
        room, work = np.zeros((1, 1)) if slope is None else slope, kernels.working_room(length)
        rated = (self.curvature, self.wear, self.charge, self.discharge, self.eta_in, self.eta_out)
        kernels.battery(pull, *rated, self.energy, self.capacity, power, room, slope is not None, worth, work)
        return power, worth


kw, eta = st.floats(0.1, 5.0), st.floats(0.7, 1.0)
batteries = st.builds(_Battery, st.floats(0.05, 2.0), part, kw, kw, eta, eta, st.floats(0, 6), st.floats(6, 12))


@pytest.mark.parametrize(
    ("battery", "pull", "expected"),
    [
        pytest.param(_Battery(), [0, 2], [1, -1], id="half-the-spread"),
        pytest.param(_Battery(wear=0.25), [0, 2], [0.75, -0.75], id="wear-comes-off-the-spread"),
        pytest.param(_Battery(wear=1.0), [0, 2], [0, 0], id="wear-eats-the-spread"),
        pytest.param(_Battery(eta_in=0.5), [0, 4], [1.6, -0.8], id="losses-going-in"),
        pytest.param(_Battery(eta_out=0.5), [0, 4], [1.6, -0.8], id="losses-going-out"),
        pytest.param(_Battery(discharge=0.5), [0, 2, 2], [1, -0.5, -0.5], id="slow-out-takes-two"),
        pytest.param(_Battery(capacity=5.5), [0, 2], [0.5, -0.5], id="full"),
        pytest.param(_Battery(capacity=6.0), [0, 2], [1, -1], id="exactly-full"),
        pytest.param(_Battery(energy=0.5), [2, 0], [-0.5, 0.5], id="empty"),
        pytest.param(_Battery(energy=1.0), [2, 0], [-1, 1], id="exactly-empty"),
        pytest.param(_Battery(energy=0.0), [2, 0, 2], [0, 1, -1], id="fills-before-it-empties"),
        pytest.param(_Battery(energy=10.0), [0, 2, 0], [0, -1, 1], id="empties-before-it-fills"),
        pytest.param(_Battery(charge=0.0), [0, 2], [0, 0], id="cannot-charge"),
        pytest.param(_Battery(discharge=0.0), [0, 2], [0, 0], id="cannot-discharge"),
        pytest.param(_Battery(energy=0.0, capacity=0.0), [0, 9, 0], [0, 0, 0], id="no-capacity"),
        pytest.param(_Battery(), [-7], [0], id="one-interval"),
    ],
)
def test_a_battery_does_what_paper_says(battery: _Battery, pull: list[float], expected: list[float]) -> None:
    """Two or three intervals, every limit in turn, at it and beside it: the answer on paper."""
    power, _ = battery.best(np.array(pull, dtype=float))
    assert power == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(battery=batteries, pull=prices)
def test_the_worth_of_energy_proves_a_battery_optimal(battery: _Battery, pull: Floats) -> None:
    """At prices from 0 up: feasible, and worth falls only where it is empty and rises only where it is full.

    In each interval the power is the best at that worth, of all that it could do there: together a proof of the optimum.
    """
    power, worth = battery.best(pull)
    tried = np.vstack([power, np.linspace(-battery.discharge, battery.charge, 41)[:, None] + 0 * pull])
    gained = np.where(tried > 0, tried * battery.eta_in, tried / battery.eta_out)
    lagrangian = battery.curvature / 2 * tried**2 + battery.wear * np.abs(tried) + pull * tried - worth * gained
    assert (lagrangian[0] <= lagrangian.min(axis=0) + 1e-9).all()
    stored = battery.energy + np.cumsum(gained[0])
    assert stored[-1] == pytest.approx(battery.energy, abs=1e-8)
    assert stored.min() >= -1e-8
    assert stored.max() <= battery.capacity + 1e-8
    for (now, after), energy in zip(pairwise(worth), stored[:-1], strict=True):
        assert now <= after + 1e-8 or energy < 1e-7
        assert now >= after - 1e-8 or energy > battery.capacity - 1e-7


@settings(max_examples=30, deadline=None)
@given(battery=batteries, pull=prices)
def test_a_battery_sensitivity_is_a_projection_that_keeps_energy(battery: _Battery, pull: Floats) -> None:
    """Curvature times slope is its own square and moves no stretch's energy; what is stuck stays, the upper half is left."""
    length = len(pull)
    slope = np.zeros((length, length))
    power, worth = battery.best(pull, slope)
    assert (np.triu(slope, 1) == 0).all()
    whole = battery.curvature * (slope + np.tril(slope, -1).T)
    assert whole @ whole == pytest.approx(whole, abs=1e-9)
    moved = whole * np.where(power > 0, battery.eta_in, 1 / battery.eta_out)
    for value in np.unique(worth):
        assert moved[:, worth == value].sum(axis=1) == pytest.approx(np.zeros(length), abs=1e-9)
    stuck = (power == 0) | (power == battery.charge) | (power == -battery.discharge)
    assert (whole[stuck] == 0).all()


def _vehicle(
    pull: Floats, window: tuple[int, int], most: float, energy: float, curvature: float = 1, slope: Floats | None = None
) -> Floats:
    power = np.full(len(pull), np.nan)
    room = np.zeros((1, 1)) if slope is None else slope
    kernels.vehicle(pull, curvature, *window, most, energy, power, room, slope is not None)
    return power


@pytest.mark.parametrize(
    ("window", "most", "energy", "expected"),
    [
        pytest.param((0, 3), 10.0, 1.0, [1, 0, 0], id="level-at-the-second"),
        pytest.param((0, 3), 10.0, 8.0, [4, 3, 1], id="three"),
        pytest.param((0, 3), 2.0, 3.0, [2, 1, 0], id="cap-exactly-reached"),
        pytest.param((0, 3), 1.5, 4.0, [1.5, 1.5, 1], id="two-at-their-cap"),
        pytest.param((0, 3), 2.0, 6.0, [2, 2, 2], id="exactly-what-fits"),
        pytest.param((1, 1), 10.0, 4.0, [0, 0, 0], id="empty-window"),
        pytest.param((2, 1), 10.0, 4.0, [0, 0, 0], id="leaves-before-it-comes"),
        pytest.param((0, 3), 10.0, 0.0, [0, 0, 0], id="needs-nothing"),
    ],
)
def test_a_vehicle_does_what_paper_says(
    window: tuple[int, int], most: float, energy: float, expected: list[float]
) -> None:
    """Pulls of 1, 2 and 4: water stands at one level where it is not capped, and there is none outside the window."""
    assert _vehicle(np.array([1.0, 2.0, 4.0]), window, most, energy) == pytest.approx(expected, abs=1e-11)


@settings(max_examples=40, deadline=None)
@given(pull=pulls, curvature=st.floats(1e-3, 2.0), most=st.floats(0.1, 20.0), share=part, edges=st.tuples(part, part))
def test_a_vehicle_gets_its_energy_at_one_level(
    pull: Floats, curvature: float, most: float, share: float, edges: tuple[float, float]
) -> None:
    """All its energy inside its window, and no kW could move to an interval where it costs less."""
    arrival, departure = sorted(round(edge * len(pull)) for edge in edges)
    energy = share * most * (departure - arrival)
    power = _vehicle(pull, (arrival, departure), most, energy, curvature)
    assert power.sum() == pytest.approx(energy, abs=1e-9)
    assert power[:arrival].sum() + power[departure:].sum() == 0
    assert ((power >= 0) & (power <= most)).all()
    there, margin = power[arrival:departure], (curvature * power + pull)[arrival:departure]
    dearest = margin[there > 0].max(initial=-np.inf)
    assert dearest <= margin[there < most].min(initial=np.inf) + 1e-8


def test_a_vehicle_moves_only_between_its_limits() -> None:
    """One interval full, two part, one empty: only the two move, and against each other."""
    pull, slope = np.array([0.0, 2.0, 3.0, 9.0]), np.zeros((4, 4))
    power = _vehicle(pull, (0, 4), 2.0, 4.0, 2.0, slope)
    assert power == pytest.approx([2.0, 1.25, 0.75, 0.0])
    assert slope.tolist() == [[0, 0, 0, 0], [0, 0.25, 0, 0], [0, -0.25, 0.25, 0], [0, 0, 0, 0]]


def test_a_plant_at_the_end_of_what_it_has_no_longer_moves() -> None:
    """Part curtailed it moves by 1 / curvature; not at all, wholly, or exactly wholly curtailed it does not."""
    pull, available = np.array([-1.0, 1.0, -9.0, -2.0, 0.0]), np.array([4.0, 4.0, 4.0, 1.0, 4.0])
    power, slope = np.zeros(5), np.zeros((5, 5))
    kernels.curtailed(pull, 2.0, available, power, slope, True)
    assert power.tolist() == [0.5, 0.0, 4.0, 1.0, 0.0]
    assert slope.tolist() == np.diag([0.5, 0.0, 0.0, 0.0, 0.0]).tolist()
