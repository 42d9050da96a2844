"""With on/off devices a dispatch can always be done, its cost is what it says, its bound holds, and HiGHS finds no better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.dispatch.packed.answered import dispatch_members
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, Rating
from agents.planning.dispatch.packed.on_off import LeastPowerVehicle, OnOff, RunOnce
from agents.planning.dispatch.packed.switching import Switched, dispatch_switched, lower_bound
from experiments.bench.dispatch import problem
from experiments.bench.dispatch.mixed_integer import by_highs


def hourly(seed: int, size: int) -> tuple[Members, list[OnOff], Coupling]:
    """The bench's problem in hours: every fourth quarter-hour, so that HiGHS is done in seconds."""
    whole, quarterly = problem.switched(seed, size)
    coupling = problem.coupling(seed, size)
    pick = slice(None, None, 4)
    ratings = whole.ratings.copy()
    members = Members(ratings, whole.available_kw[:, pick], whole.load_kw[:, pick], 1.0)
    members.ratings[:, [Rating.BATTERY_CURVATURE, Rating.PV_CURVATURE, Rating.BATTERY_WEAR]] *= 4
    devices: list[OnOff] = []
    for d in quarterly:
        if isinstance(d, RunOnce):
            run = d.run_kw[: 4 * (len(d.run_kw) // 4)].reshape(-1, 4).mean(axis=1)
            devices.append(RunOnce(d.member, run, d.first // 4, d.last // 4, 24))
        elif isinstance(d, LeastPowerVehicle):
            devices.append(
                replace(
                    d, arrival=-(-d.arrival // 4), departure=d.departure // 4, curvature=4 * d.curvature, hours=1.0, length=24,
                    energy_kwh=max(d.energy_kwh, d.least_kw),
                )
            )  # fmt: skip
    hours = Coupling(
        coupling.price_ct_per_kwh[pick],
        4 * coupling.peak_ct_per_kw2,
        coupling.import_kw[pick],
        coupling.export_kw[pick],
        1.0,
    )
    return members, devices, hours


def holds(members: Members, devices: list[OnOff], coupling: Coupling, found: Switched) -> None:
    """Every device can do what it is to do; the rest, dispatched around them, costs and sums to what is told."""
    assert all(device.able(power) for device, power in zip(devices, found.power_kw, strict=True))
    load = members.load_kw.copy()
    for device, power in zip(devices, found.power_kw, strict=True):
        load[device.member] += power
    rest = dispatch_members(replace(members, load_kw=load), coupling).dispatch
    own = sum(device.cost_ct(power) for device, power in zip(devices, found.power_kw, strict=True))
    assert found.dispatch.cost_ct == pytest.approx(rest.cost_ct + own, rel=2e-3)
    assert found.dispatch.total_kw.shape == (members.length,)
    assert found.dispatch.bound_ct <= found.dispatch.cost_ct


@pytest.mark.parametrize("size", [1, 2, 10, 60])
def test_it_can_always_be_done_and_is_certified(size: int) -> None:
    """One member to sixty, in one piece or by prices: executable, cost and sum as told, the bound below."""
    members, devices, coupling = hourly(2, size)
    found = dispatch_switched(members, devices, coupling)
    holds(members, devices, coupling, found)
    assert found.sweeps >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_it_is_within_two_percent_of_highs(seed: int) -> None:
    """Ten members with ten vehicles of a least power and ten programmes: HiGHS' mixed-integer optimum is at most 2 % lower."""
    members, devices, coupling = hourly(seed, 10)
    found = dispatch_switched(members, devices, coupling)
    best = by_highs(members, devices, coupling, gap=5e-3, seconds=300)
    assert best.whole > 100
    assert found.dispatch.gap <= 0.02, "its own bound says so, however far HiGHS came in its time"
    assert found.dispatch.cost_ct <= best.cost_ct + 0.02 * abs(best.cost_ct)
    assert best.bound_ct <= found.dispatch.cost_ct, "the programme's bound is one of any dispatch"
    assert found.dispatch.bound_ct <= best.cost_ct + 1e-6 * abs(best.cost_ct), "and ours is one of HiGHS'"


def test_without_on_off_devices_it_is_the_dispatch() -> None:
    """Nothing to switch: the same cost, bound and sum."""
    members, _, coupling = hourly(1, 5)
    found, plain = dispatch_switched(members, [], coupling).dispatch, dispatch_members(members, coupling).dispatch
    assert found.cost_ct == pytest.approx(plain.cost_ct, rel=1e-9)
    assert found.bound_ct == pytest.approx(plain.bound_ct, rel=1e-9)
    assert found.total_kw == pytest.approx(plain.total_kw, abs=1e-6)


def test_one_programme_beside_a_load_begins_in_the_cheapest_hour_by_hand() -> None:
    """A kW for an hour where nothing else moves: it begins where price and peak cost together are least."""
    t = 6
    members = Members(np.zeros((1, len(Rating))), np.zeros((1, t)), np.array([[3.0, 1.0, 1.0, 5.0, 1.0, 1.0]]), 1.0)
    price = np.array([9.0, 10.0, 9.4, 8.8, 10.0, 12.0])
    far = np.full(t, 50.0)
    found = dispatch_switched(members, [RunOnce(0, np.array([1.0]), 0, 5, t)], Coupling(price, 0.5, far, far, 1.0))
    marginal = price + 0.25 * ((members.load_kw[0] + 1) ** 2 - members.load_kw[0] ** 2)
    assert int(np.argmax(found.power_kw[0])) == int(np.argmin(marginal)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_any_price_gives_a_bound(seed: int) -> None:
    """At prices that have nothing to do with the dispatch the bound is low, but one."""
    members, devices, coupling = hourly(seed, 6)
    cost = dispatch_switched(members, devices, coupling).dispatch.cost_ct
    draw = np.random.default_rng(seed)
    for _ in range(5):
        assert lower_bound(members, devices, coupling, draw.normal(20, 15, 24)) <= cost + 1e-9
