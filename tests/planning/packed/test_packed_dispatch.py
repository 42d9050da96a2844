"""Dispatch by prices: exact, certified, within the caps, and no worse where members fail, fall silent or stand in a tree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.dispatch.packed import central, second_order, sharing
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.dispatch.packed.messages import Host, PriceAsked, SumAnswer
from agents.planning.dispatch.packed.tree import Community
from cim.codec.codec import decode, encode
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from experiments.bench.dispatch import problem
from experiments.bench.dispatch.measure import failed


def _profiles_hold(members: Members, found: Floats) -> None:
    """Every member's devices can do what was found."""
    r, hours = members.ratings, members.hours
    battery, vehicle, plant = found[:, 0], found[:, 1], found[:, 2]
    stored = r[:, [Rating.ENERGY]] + hours * np.cumsum(
        np.where(battery > 0, battery * r[:, [Rating.ETA_IN]], battery / r[:, [Rating.ETA_OUT]]), axis=1
    )
    assert (stored >= -1e-6).all()
    assert (stored <= r[:, [Rating.CAPACITY]] + 1e-6).all()
    assert np.abs(stored[:, -1] - r[:, Rating.ENERGY]).max() < 1e-6
    assert np.abs(vehicle.sum(axis=1) * hours + members.unserved_kwh() - r[:, Rating.VEHICLE_ENERGY]).max() < 1e-6
    assert (plant <= members.available_kw + 1e-9).all()
    assert (plant >= -1e-9).all()


@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_members_come_to_the_central_optimum(seed: int) -> None:
    """The rounds' cost is PIQP's to 1e-6, their bound below it, their sum within hard caps that bind."""
    members, coupling = problem.members(seed, 0, 100), problem.coupling(seed, 100)
    found = second_order.dispatch([PackedHost(members)], coupling, tolerance=1e-7)
    _, optimum, _ = central.solve(central.programme(members, coupling), "piqp", 1e-9)
    assert found.converged
    assert found.cost_ct == pytest.approx(optimum, rel=1e-6)
    assert found.bound_ct <= optimum * (1 + 1e-9)
    assert not found.broken
    bind = (found.total_kw > coupling.import_kw - 1e-3) | (found.total_kw < 1e-3 - coupling.export_kw)
    assert 35 <= bind.sum() <= 80
    host = PackedHost(members)
    profiles = host.profiles(found.price_ct_per_kwh)
    _profiles_hold(members, profiles)
    total = (profiles.sum(axis=1) + members.load_kw - members.available_kw).sum(axis=0)
    assert np.abs(total - found.total_kw).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("size", [50, 100])
def test_twenty_seeds_are_within_a_thousandth(size: int) -> None:
    """From 50 members up every seed ends certified within 1e-3, and none breaks a cap."""
    for seed in range(20):
        host, coupling = PackedHost(problem.members(seed, 0, size)), problem.coupling(seed, size)
        found = second_order.dispatch([host], coupling)
        assert found.converged, seed
        assert 0 <= found.gap < 1e-3, seed
        assert not found.broken, seed


@pytest.mark.parametrize("size", [1, 2, 10])
def test_few_members_are_dispatched_in_one_piece(size: int) -> None:
    """One, two and ten: certified by the members' own least costs, to 1e-7, and executable."""
    members, coupling = problem.members(1, 0, size), problem.coupling(1, size)
    found, profiles = central.dispatch_few(members, coupling)
    assert 0 <= found.gap + 1e-9 < 1e-7
    assert not found.broken
    _profiles_hold(members, profiles)


def test_caps_that_cannot_be_kept_are_named_and_broken_least() -> None:
    """A cap of nothing while loads run and nothing can store: the answer names ISP and cap, and the excess is the load's."""
    members, coupling = problem.members(0, 0, 10), problem.coupling(0, 10)
    caps = coupling.import_kw.copy()
    caps[40:44] = 0.0
    coupling = replace(coupling, import_kw=caps)
    members.ratings[:, [Rating.CAPACITY, Rating.VEHICLE_ENERGY]] = 0.0
    found, _ = central.dispatch_few(members, coupling)
    assert found.gap < 1e-6
    must = members.load_kw.sum(axis=0) - members.available_kw.sum(axis=0)
    named = {(broken.isp, broken.cap): broken.excess_kw for broken in found.broken}
    for isp in range(40, 44):
        assert named[isp, "import"] == pytest.approx(must[isp], abs=1e-5)


def test_a_vehicle_that_cannot_be_served_is_named_and_gets_what_it_can() -> None:
    """What is missing is told in kWh for that member; the dispatch goes on for all."""
    members, coupling = problem.members(0, 0, 60), problem.coupling(0, 60)
    members.ratings[7, Rating.VEHICLE_ENERGY] = 1e3
    missing = members.unserved_kwh()
    assert np.flatnonzero(missing).tolist() == [7]
    found = second_order.dispatch([PackedHost(members)], coupling)
    charged = PackedHost(members).profiles(found.price_ct_per_kwh)[7, 1].sum() * members.hours
    assert charged + missing[7] == pytest.approx(1e3)


def test_admm_comes_to_the_same_dispatch() -> None:
    """From a price that is nearly right, ADMM ends certified within a thousandth and within the caps."""
    host, coupling = PackedHost(problem.members(0, 0, 200)), problem.coupling(0, 200)
    best = second_order.dispatch([host], coupling, tolerance=1e-6)
    near = best.price_ct_per_kwh + np.random.default_rng(0).normal(0, 0.1, problem.T)
    found = sharing.dispatch([host], coupling, price_ct_per_kwh=near, max_rounds=100)
    assert found.converged
    assert found.gap <= 1e-3
    assert found.bound_ct <= best.cost_ct
    assert not found.broken


def test_communities_under_one_aggregator_are_as_good_as_flat() -> None:
    """Three communities that only tell their sums: within a tenth of a percent of all members side by side."""
    parts: list[Host] = [PackedHost(problem.members(3, first, 100)) for first in (0, 100, 200)]
    coupling = problem.coupling(3, 300)
    flat = second_order.dispatch([PackedHost(problem.members(3, 0, 300))], coupling)
    tree = second_order.dispatch([Community((Community(tuple(parts[:2])), parts[2]))], coupling)
    assert tree.converged
    assert tree.cost_ct == pytest.approx(flat.cost_ct, rel=1e-3)


def test_a_tenth_of_the_members_fails_and_the_rest_is_dispatched_anew() -> None:
    """From the price before, the next dispatch takes few rounds and is certified again."""
    members, coupling = problem.members(2, 0, 1000), problem.coupling(2, 1000)
    before = second_order.dispatch([PackedHost(members)], coupling)
    host = PackedHost(failed(members, 0.1, 2))
    after = second_order.dispatch([host], coupling, price_ct_per_kwh=before.price_ct_per_kwh)
    assert after.converged
    assert after.rounds <= 20
    fresh = second_order.dispatch([host], coupling, tolerance=1e-5)
    assert after.cost_ct == pytest.approx(fresh.cost_ct, rel=1e-3)


def test_lost_answers_cost_no_gap() -> None:
    """One in twenty answers is lost each round: who is silent holds its last promise, and the certificate still holds."""
    members, coupling = problem.members(4, 0, 1000), problem.coupling(4, 1000)
    heard = second_order.dispatch([PackedHost(members)], coupling)
    host = PackedHost(members, lost=lambda number: np.random.default_rng(number).random(1000) < 0.05)
    found = second_order.dispatch([host], coupling)
    assert found.converged
    assert found.gap <= 1e-3
    assert found.bound_ct <= second_order.dispatch([PackedHost(members)], coupling, tolerance=1e-6).cost_ct
    assert found.rounds <= 1.5 * heard.rounds + 1


def test_only_sums_leave_a_host_and_they_cross_the_wire() -> None:
    """An answer holds no array with a row a member, and survives encoding."""
    host = PackedHost(problem.members(0, 0, 30))
    answer = host.ask(PriceAsked(0, np.full(problem.T, 20.0)))()
    assert {len(getattr(answer, name)) for name in ("total_kw", "slope")} == {problem.T, problem.T**2}
    back = decode(encode(answer))
    assert isinstance(back, SumAnswer)
    assert np.array_equal(back.slope, answer.slope)


def test_any_host_makes_the_same_members() -> None:
    """The bench's member 600 is the same, whoever makes it."""
    whole, part = problem.members(0, 0, 1000), problem.members(0, 600, 100)
    assert np.array_equal(whole.ratings[600:700], part.ratings)
    assert np.array_equal(whole.load_kw[600:700], part.load_kw)


def test_a_coupling_without_peak_cost_is_refused() -> None:
    """The supply would jump with the price: one sentence says which field and what was expected."""
    flat = np.ones(4)
    with pytest.raises(BadInput, match=r"peak_ct_per_kw2 is 0\.0; expected more than 0"):
        Coupling(flat, 0.0, flat, flat, 0.25)
