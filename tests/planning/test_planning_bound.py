"""The lower bound of a split holds at any price and for any split, and is the optimum at the best price."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch import central
from agents.planning.dispatch.admm import Band
from agents.planning.dispatch.bound import band_value, lower_bound, within_reach
from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Storable
from cim.model.arrays import Floats
from tests.worlds import portfolios

SIZE = 24


def mixed(seed: int, count: int, tariff: bool) -> list[Flexibility]:
    """A portfolio of all kinds, an appliance among them."""
    rng = np.random.default_rng(seed)
    models = [*portfolios.portfolio(seed, count, SIZE), portfolios.appliance(rng, "a", SIZE)]
    return portfolios.under_tariff(seed, models) if tariff else models


def cost_with_breach(models: list[Flexibility], deviations: list[Floats], band: Band, price: Floats) -> float:
    """What a split costs, where it goes beyond the band at the band's price."""
    breach = np.abs(band.breach_kw(np.sum(deviations, axis=0)))
    return central.cost_of(models, deviations, band) + band.hours * float(np.abs(price) @ breach)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from(portfolios.SHAPES),
    tariff=st.booleans(),
    scale=st.floats(0, 80),
    rho=st.floats(0.01, 10),
)
def test_no_split_is_cheaper_than_the_bound_at_any_price(
    seed: int, shape: str, tariff: bool, scale: float, rho: float
) -> None:
    """Whatever the price and whatever each element does within its bounds, cost is at least the bound."""
    rng = np.random.default_rng(seed)
    models = mixed(seed, 6, tariff)
    asked = portfolios.band(shape, models, SIZE)
    price = within_reach(asked, rng.normal(size=SIZE) * scale)
    deviations = [model.respond(rng.normal(size=SIZE) * 5, rho) for model in models]
    cost = cost_with_breach(models, deviations, asked, price)
    assert lower_bound(models, asked, price) <= cost + 1e-6 * max(abs(cost), 1.0)


@pytest.mark.parametrize("tariff", [False, True])
@pytest.mark.parametrize("shape", portfolios.SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_at_the_best_price_the_bound_is_the_optimum(shape: str, seed: int, tariff: bool) -> None:
    """Solver and bound, which know nothing of each other, meet within a thousandth of a cent or a millionth."""
    models = mixed(seed, 7, tariff)
    asked = portfolios.band(shape, models, SIZE)
    best = central.solve(models, asked)
    bound = lower_bound(models, asked, best.price_ct_per_kwh)
    assert bound == pytest.approx(best.cost, rel=1e-5, abs=1e-3)


def test_the_bound_of_two_curtailables_by_hand() -> None:
    """Two that cost 4 and 6 ct/kWh, one kWh asked of each interval: at 5 ct the first does all it can, the second nothing.

    g = 1 kW (4 - 5) ct + 0 + 5 ct x 1.5 kW = 6.5 ct; the optimum, 1 kWh at 4 and half of one at 6, is 7 ct.
    """
    none, one = np.zeros(1), np.ones(1)
    models: list[Flexibility] = [
        Curtailable("a", none, one, np.full(1, 4.0), none, 0.0, 1.0),
        Curtailable("b", none, one, np.full(1, 6.0), none, 0.0, 1.0),
    ]
    band = Band(np.full(1, 1.5), np.full(1, 9.0), 50.0, 1.0)
    assert lower_bound(models, band, np.full(1, 5.0)) == pytest.approx(6.5)
    assert lower_bound(models, band, np.full(1, 6.0)) == pytest.approx(7.0)
    assert band_value(band, np.full(1, 6.0)) == pytest.approx(9.0)


def test_a_store_that_would_burn_energy_is_bounded_too() -> None:
    """Full, with losses, paid for consuming all day: no answer of its own beats the bound, which is not far below."""
    size = 24
    full = np.full(size, 10.0)
    bounds = (np.zeros(size), np.full(size, 20.0))
    store = Storable("s", np.zeros(size), -full, full, *bounds, 19.0, 0.0, 0.9, 0.9, 0.002, 0.1, 0.25)
    band = Band(np.full(size, 4.0), np.full(size, 1e6), 50.0, 0.25)
    for target in (0.0, 2.0, 4.0, 8.0):
        deviation = store.respond(np.full(size, target), 0.2)
        for price in (0.0, 5.0, 20.0, 50.0):
            cost = central.cost_of([store], [deviation], band)
            assert lower_bound([store], band, np.full(size, price)) <= cost + 1e-9


def test_the_price_stays_where_the_bound_is_finite() -> None:
    """Never above what a shortage costs, and none on a side without a bound."""
    band = Band(np.array([5.0, -1e6, -3.0]), np.array([1e6, -4.0, 1e6]), 50.0, 0.25)
    np.testing.assert_allclose(within_reach(band, np.array([80.0, -80.0, 7.0])), [50.0, -50.0, 7.0])
    np.testing.assert_allclose(within_reach(band, np.array([-1.0, 3.0, -7.0])), [0.0, 0.0, 0.0])
