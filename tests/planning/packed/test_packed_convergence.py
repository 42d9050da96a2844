"""Rounds of prices end where they must: by hand, from any start, and when hosts are split, silent or empty."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.packed import central, second_order, sharing, tree
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import ApproachAsked, Host, PriceAsked

T = 4
Dispatcher = Callable[..., second_order.Dispatch]
BOTH = pytest.mark.parametrize("dispatch", [second_order.dispatch, sharing.dispatch])


def _mixed(size: int, seed: int = 0) -> Members:
    """Households with battery, vehicle and plant, of four hours; some lack one or the other."""
    draw = np.random.default_rng(seed)
    r = np.zeros((size, len(Rating)))
    r[:, : Rating.VEHICLE_CURVATURE] = [0.2, 0.1, 3, 4, 8, 0.95, 0.95, 4]
    r[:, Rating.VEHICLE_CURVATURE :] = [0.1, 0, T, 5, 0, 0.3]
    r[:, Rating.VEHICLE_ENERGY] = draw.uniform(0, 15, size)
    r[:, Rating.ARRIVAL] = draw.integers(0, 2, size)
    r[::3, Rating.CAPACITY] = 0
    r[::4, Rating.VEHICLE_ENERGY] = 0
    return Members(r, draw.uniform(0, 4, (size, T)), draw.uniform(0.5, 3, (size, T)), 1.0)


def _rows(members: Members, rows: slice) -> Members:
    return Members(members.ratings[rows], members.available_kw[rows], members.load_kw[rows], members.hours)


def _coupling(size: int, price: tuple[float, ...] = (5.0, 12.0, 20.0, 9.0), cap: float = 20.0) -> Coupling:
    return Coupling(np.array(price), 0.2 / size, np.full(T, cap * size), np.full(T, cap * size), 1.0)


def _vehicle(ready_kwh: float = 4.0) -> Members:
    """One vehicle for two hours, 0.2 ct/kW^2, beside a load of 1 kW."""
    r = np.zeros((1, len(Rating)))
    r[0, Rating.VEHICLE_CURVATURE :] = [0.2, 0, 2, 5, ready_kwh, 0]
    return Members(r, np.zeros((1, 2)), np.ones((1, 2)), 1.0)


@BOTH
@pytest.mark.parametrize(
    ("cap", "total", "price", "cost"),
    [
        (9.0, [4.0, 2.0], [10.4, 10.8], 63.2),  # 0.3 (v0 - v1) = 0.6, v0 + v1 = 4
        (4.0, [4.0, 2.0], [10.4, 10.8], 63.2),  # exactly reached
        (3.5, [3.5, 2.5], [10.65, 10.85], 63.275),  # binds: 0.3 ct dearer than the sum alone makes it
    ],
)
def test_one_vehicle_under_a_cap_is_as_by_hand(
    dispatch: Dispatcher, cap: float, total: list[float], price: list[float], cost: float
) -> None:
    """Energy at 10 and 10.6 ct and 0.1 ct/kW^2: sum, price and cost are those worked out on paper, by either method."""
    coupling = Coupling(np.array([10.0, 10.6]), 0.1, np.array([cap, 9.0]), np.full(2, 9.0), 1.0)
    found = dispatch([PackedHost(_vehicle())], coupling, tolerance=1e-6)
    assert found.converged
    assert not found.broken
    assert found.total_kw == pytest.approx(total, abs=1e-2)
    assert found.price_ct_per_kwh == pytest.approx(price, abs=1e-2)
    assert found.cost_ct == pytest.approx(cost, rel=2e-6)
    assert found.bound_ct <= cost + 1e-9


@BOTH
@settings(max_examples=20, deadline=None)
@given(
    price=st.lists(st.floats(-20.0, 200.0), min_size=T, max_size=T), rounds=st.integers(1, 6), seed=st.integers(0, 9)
)
def test_the_bound_is_one_whenever_the_rounds_are_cut_off(
    dispatch: Dispatcher, price: list[float], rounds: int, seed: int
) -> None:
    """Weak duality from any start and after any round: what is told never exceeds the optimum, nor is dispatched below it."""
    members, coupling = _mixed(5, seed), _coupling(5, cap=1.5)
    optimum, _ = central.dispatch_few(members, coupling)
    start = np.array(price)
    found = dispatch([PackedHost(members)], coupling, tolerance=0.0, price_ct_per_kwh=start, max_rounds=rounds)
    slack = 1e-6 * abs(optimum.cost_ct) + 1e-6
    assert found.bound_ct <= optimum.cost_ct + slack
    assert found.cost_ct >= optimum.cost_ct - slack
    assert len(found.gaps) == found.rounds <= rounds + (dispatch is sharing.dispatch)
    assert start.tolist() == price  # the caller's array is not written to


@pytest.mark.parametrize("price", [20.0, 200.0])
def test_admm_crosses_a_gap_in_which_nobody_answers(price: float) -> None:
    """4 kW of sun too much for a cap of 3: nobody curtails before the price is 0, from 20 or 200 ct alike in some 25 rounds.

    By hand 1 kW is curtailed at 0.4 ct/kW^2, so the price ends at -0.4 ct; a step a round would take 210 rounds from 200.
    """
    r = np.zeros((3, len(Rating)))
    r[:, Rating.PV_CURVATURE] = 0.4
    plants = Members(r, np.full((3, T), 5.0), np.ones((3, T)), 1.0)
    coupling = Coupling(np.full(T, price), 1e-3, np.full(T, 9.0), np.full(T, 9.0), 1.0)
    found = sharing.dispatch([PackedHost(plants)], coupling, tolerance=1e-3)
    assert found.converged
    assert found.rounds <= 40
    assert found.total_kw == pytest.approx([-9.0] * T, rel=5e-3)


@BOTH
def test_members_without_devices_are_priced_and_done(dispatch: Dispatcher) -> None:
    """Nothing can move: the sum is load less sun, and its price what energy and the sum's square cost at the margin."""
    members, coupling = _mixed(3), _coupling(3)
    members.ratings[:, [Rating.CAPACITY, Rating.VEHICLE_ENERGY, Rating.PV_CURVATURE]] = 0
    must = (members.load_kw - members.available_kw).sum(axis=0)
    found = dispatch([PackedHost(members)], coupling, tolerance=1e-8)
    assert found.converged
    assert found.total_kw == pytest.approx(must)
    assert found.cost_ct == pytest.approx(coupling.cost_ct(must))
    assert found.price_ct_per_kwh == pytest.approx(coupling.price_ct_per_kwh + 0.2 / 3 * must, abs=1e-2)


def test_when_all_fall_silent_the_first_promises_stand() -> None:
    """Nobody is heard after the first answer: its sum is what is dispatched, and the bound still lies below the optimum."""
    members, coupling = _mixed(6), _coupling(6)
    host = PackedHost(members, lost=lambda number: np.ones(6, dtype=bool))
    found = second_order.dispatch([host], coupling, tolerance=1e-9, max_rounds=8)
    first = PackedHost(members).ask(PriceAsked(0, coupling.price_ct_per_kwh))()
    assert not found.converged
    assert found.total_kw == pytest.approx(first.total_kw)
    assert found.cost_ct == pytest.approx(first.cost_ct + coupling.cost_ct(first.total_kw))
    assert found.bound_ct <= central.dispatch_few(members, coupling)[0].cost_ct + 1e-9


@settings(max_examples=25, deadline=None)
@given(cuts=st.sets(st.integers(1, 11)), deep=st.booleans(), price=st.floats(-5.0, 30.0))
def test_sums_do_not_depend_on_who_hosts_whom(cuts: set[int], deep: bool, price: float) -> None:
    """Twelve members in one host, in many or in nested communities: the same sums, costs, bounds and slopes."""
    members = _mixed(12)
    edges = [0, *sorted(cuts), 12]
    parts: list[Host] = [PackedHost(_rows(members, slice(a, b))) for a, b in pairwise(edges)]
    if deep:
        parts = [tree.Community((tree.Community(tuple(parts[:1])), *parts[1:]))]
    asked = PriceAsked(3, np.array([price, 8.0, 15.0, 4.0]))
    got, whole = tree.sum_of_answers(parts, asked), PackedHost(members).ask(asked)()
    assert (got.number, got.members) == (3, 12)
    assert got.total_kw == pytest.approx(whole.total_kw)
    assert got.slope == pytest.approx(whole.slope, abs=1e-9)
    assert (got.cost_ct, got.least_ct) == pytest.approx((whole.cost_ct, whole.least_ct))
    near = ApproachAsked(0, np.zeros(0), np.zeros(0), 0.0, 1.0, asked.price_ct_per_kwh)
    sums, one = tree.sum_of_approaches(parts, near), PackedHost(members).approach(near)()
    assert (sums.members, sums.devices) == (one.members, one.devices)
    assert sums.total_kw == pytest.approx(one.total_kw)
    assert (sums.cost_ct, sums.least_ct) == pytest.approx((one.cost_ct, one.least_ct))


@pytest.mark.parametrize(("sample", "shares"), [(0, [0, 0]), (10, [1, 9]), (1, [1, 1]), (100, [10, 90])])
def test_a_sample_is_shared_out_by_size_and_nobody_is_left_out(sample: int, shares: list[int]) -> None:
    """Hosts of 1 and 9 in ten: in proportion, at least one of each, and 0 stays all."""
    hosts: list[Host] = [PackedHost(_mixed(10)), PackedHost(_mixed(90))]
    assert tree.shares_of(hosts, sample) == shares


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.02, 1.0), total=st.lists(st.floats(-400, 400), min_size=T, max_size=T))
def test_a_scaled_coupling_asks_the_same_price_of_fewer(share: float, total: list[float]) -> None:
    """A share of the members pays that share of the cost for that share of the sum, beyond the caps as well."""
    coupling = _coupling(10)
    less, kw = sharing.scaled(coupling, share), np.array(total)
    assert less.cost_ct(share * kw) == pytest.approx(share * coupling.cost_ct(kw), rel=1e-9, abs=1e-6)
    price = 15.0 + kw
    assert less.supply(price)[0] == pytest.approx(share * coupling.supply(price)[0], rel=1e-9, abs=1e-6)
