"""What an element can give while the system operator restricts it: no more than it is let, and what it plans stays possible."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Curtailable, Shiftable, Storable
from agents.planning.dispatch.restricted import restricted

T = 8
INSIDE = np.arange(T) < 4
ZERO = np.zeros(T)


def plant() -> Curtailable:
    """Ten kilowatts that can be curtailed."""
    return Curtailable("pv", ZERO, np.full(T, 10.0), ZERO, ZERO, 0.01, 0.25, ZERO)


def battery(plan_kw: float = 1.0) -> Storable:
    """Five kilowatts either way, half full, with a plan."""
    total = plan_kw * T * 0.25
    return Storable("bat", np.full(T, plan_kw), np.full(T, -5.0), np.full(T, 5.0), ZERO, np.full(T, 40.0), 20.0, total,
                    1.0, 1.0, 0.01, 0.0, 0.25)  # fmt: skip


def test_outside_the_restriction_nothing_changes() -> None:
    """Not one ISP inside: the same model."""
    model = plant()
    assert restricted(model, np.zeros(T, dtype=bool), 0.0, 0.0) is model


def test_a_plant_moves_no_more_than_it_is_let() -> None:
    """Asked for ten kilowatts: two in the ISPs that are restricted to two, ten in the others."""
    model = restricted(plant(), INSIDE, 2.0, 0.0)
    assert model is not None
    assert model.respond(np.full(T, 10.0), 1000.0).round(2).tolist() == [2.0] * 4 + [10.0] * 4


@given(
    target=st.lists(st.floats(-20, 20), min_size=T, max_size=T),
    up_kw=st.floats(0, 3),
    down_kw=st.floats(-3, 0),
    plan_kw=st.floats(-2, 2),
)
def test_a_battery_moves_no_more_than_it_is_let(
    target: list[float], up_kw: float, down_kw: float, plan_kw: float
) -> None:
    """Whatever is asked of it, whatever it plans; asked for nothing it keeps its plan."""
    model = restricted(battery(plan_kw), INSIDE, up_kw, down_kw)
    assert model is not None
    moved = model.respond(np.array(target), 10.0)[INSIDE]
    assert (moved <= up_kw + 1e-6).all()
    assert (moved >= down_kw - 1e-6).all()
    assert np.abs(model.respond(ZERO, 1e6)).max() < 1e-3


def test_a_programme_takes_no_part() -> None:
    """It cannot run in part: where any of its ISPs is restricted it is not offered."""
    programme = Shiftable.__new__(Shiftable)
    assert restricted(programme, INSIDE, 1.0, -1.0) is None
