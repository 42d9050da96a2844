"""Caps that cannot be kept, and vehicles that cannot be served, are named at any number of members, and the least is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.dispatch.packed.answered import Answered, Unserved, dispatch_members
from agents.planning.dispatch.packed.central import programme, solve
from agents.planning.dispatch.packed.coupling import CapBroken, Coupling
from agents.planning.dispatch.packed.members import Members, Rating
from agents.planning.dispatch.packed.second_order import Dispatch
from cim.model.arrays import Floats
from experiments.bench.dispatch import problem


def infeasible(seed: int, size: int) -> tuple[Members, Coupling]:
    """The bench's problem with hardly any import in three hours of the evening, and batteries too weak to bridge them."""
    coupling = problem.coupling(seed, size)
    caps = coupling.import_kw.copy()
    caps[24:36] *= 0.05
    members = problem.members(seed, 0, size)
    members.ratings[:, [Rating.CHARGE_KW, Rating.DISCHARGE_KW]] *= 0.02
    return members, replace(coupling, import_kw=caps)


def least_excess_kwh(members: Members, coupling: Coupling) -> Floats:
    """The central programme's excess beyond the import cap [T], kW."""
    length = members.length
    x, _, _ = solve(programme(members, coupling), "clarabel", 1e-9)
    begin = 5 * len(members) * length + length
    excess: Floats = x[begin : begin + length]
    return excess


@pytest.mark.parametrize("size", [1, 10, 50, 200])
def test_a_cap_that_cannot_be_kept_is_named_and_broken_least(size: int) -> None:
    """From one member to two hundred, in one piece or by prices: the same ISPs and excesses as the central optimum's, to 1 %."""
    members, coupling = infeasible(5, size)
    found = dispatch_members(members, coupling).dispatch
    assert found.converged
    assert found.gap <= 1e-3
    least = least_excess_kwh(members, coupling)
    assert least.max() > 0.01 * size, "the case is one that cannot be kept"
    told = np.zeros(members.length)
    for broken in found.broken:
        assert broken.cap == "import"
        assert broken.cap_kw == coupling.import_kw[broken.isp]
        told[broken.isp] = broken.excess_kw
    assert np.abs(told - least).max() <= 0.01 * least.max()
    assert told.sum() == pytest.approx(least.sum(), rel=2e-3)


@pytest.mark.parametrize("size", [10, 60])
def test_vehicles_that_cannot_be_served_are_named_and_charged_all_the_time(size: int) -> None:
    """Two need more than fits: both are named with what they lack; all others are served, at any number of members."""
    members, coupling = problem.members(0, 0, size), problem.coupling(0, size)
    members.ratings[[3, 8], Rating.VEHICLE_ENERGY] = 500.0
    answer = dispatch_members(members, coupling)
    r = members.ratings
    reach = r[:, Rating.VEHICLE_KW] * (r[:, Rating.DEPARTURE] - r[:, Rating.ARRIVAL]) * members.hours
    assert [u.member for u in answer.unserved] == [3, 8]
    for u in answer.unserved:
        assert u.missing_kwh == pytest.approx(500.0 - reach[u.member])


def test_nothing_is_named_where_all_is_kept() -> None:
    """The bench's own problem: no cap broken, no vehicle unserved, not a word."""
    answer = dispatch_members(problem.members(0, 0, 60), problem.coupling(0, 60))
    assert (answer.dispatch.broken, answer.unserved, answer.said()) == ((), (), [])


def test_it_says_so_in_sentences() -> None:
    """Each cap with its ISP (from 1), its kW and the excess; each vehicle with its member."""
    t = np.zeros(4)
    answer = Answered(
        Dispatch(t, t, 1.0, 1.0, 1, 0, True, broken=(CapBroken(2, "import", 5.0, 1.25),)), (Unserved(7, 3.5),)
    )
    assert answer.said() == [
        "ISP 3: the import cap of 5 kW cannot be kept; the least beyond it is 1.25 kW",
        "member 7: its vehicle lacks 3.5 kWh",
    ]
