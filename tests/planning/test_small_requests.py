"""A request of less than a kilowatt in one ISP is split as well as a large one: in time, and without what nobody asked for."""

from __future__ import annotations

import numpy as np
import pytest

from agents.planning.dispatch import admm
from agents.planning.dispatch.admm import Band, Outcome
from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Storable
from cim.model.arrays import Floats
from experiments.run.dispatch.gaps import gap_of
from tests.worlds import portfolios


def homes(size: int) -> list[Flexibility]:
    """Plants that lose their feed-in of 8.24 ct/kWh, and batteries that are nearly full, all with more than is asked for."""

    def flat(value: float) -> Floats:
        return np.full(size, value)

    plants = [
        Curtailable(f"{k}.pv", flat(0), flat(20), flat(15.2), flat(-8.24), 0.002, 0.25, flat(20)) for k in range(5)
    ]
    batteries = [
        Storable(
            f"{k}.battery", flat(0), flat(-30), flat(30), flat(0), flat(60), 59.5, 0.0, 0.95, 0.95, 0.002, 0.053, 0.25,
            flat(15.2), flat(-4.12), flat(20),
        )
        for k in range(3)
    ]  # fmt: skip
    return [*plants, *batteries]


def small(asked_kw: float, size: int) -> Band:
    """So much in the fourth ISP; nothing may move in the running one, nothing less may be drawn in any."""
    low, high = np.zeros(size), np.full(size, 1e6)
    low[3], high[0] = asked_kw, 0.0
    return Band(low, high, 100.0, 0.25)


@pytest.mark.parametrize("size", [8, 12, 24])
@pytest.mark.parametrize("asked_kw", [0.3, 0.5, 1.0])
def test_a_small_request_converges_within_five_percent_of_the_optimum(asked_kw: float, size: int) -> None:
    """Its price is found before the rounds are over, and what is left to the tolerance is little beside it."""
    models, asked = homes(size), small(asked_kw, size)
    state, deviations = portfolios.negotiate(models, asked)
    assert state.outcome is Outcome.CONVERGED
    assert gap_of(models, deviations, asked).relative < 0.05


@pytest.mark.parametrize(
    ("moved_kw", "allowed_kw"), [(0.0, 0.002), (0.5, 0.0025), (1.0, 0.005), (2.0, 0.01), (60, 0.01)]
)
def test_the_tolerance_of_what_is_small_is_half_a_percent_of_it(moved_kw: float, allowed_kw: float) -> None:
    """Between two and ten watts, beside the relative one."""
    total = np.array([0.0, -moved_kw])
    assert admm.allowed_kw(total) == pytest.approx(allowed_kw + admm.RELATIVE_TOLERANCE * moved_kw)


@pytest.mark.parametrize(("asked_kw", "stiffest"), [(0.0, 3.0), (0.1, 30.0), (0.5, 20.0), (2.0, 5.0), (50.0, 3.0)])
def test_the_stiffest_penalty_grows_as_a_request_gets_smaller(asked_kw: float, stiffest: float) -> None:
    """Up to that of polishing, and not at all where nothing is asked for."""
    assert small(asked_kw, 8).stiffest == pytest.approx(stiffest)
