"""What a dispatch could not do is named, at any number of members: vehicles that cannot be served, caps that are broken."""

from __future__ import annotations

import numpy as np
import pytest

from agents.planning.dispatch.packed.answered import Answered, Unserved, dispatch_members
from agents.planning.dispatch.packed.coupling import CapBroken
from agents.planning.dispatch.packed.members import Rating
from agents.planning.dispatch.packed.second_order import Dispatch
from experiments.bench.dispatch import problem


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
