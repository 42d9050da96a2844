"""Sellers at one point as one split: what sums and a price certify holds, and says what nothing costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch import central
from agents.planning.dispatch.admm import Band, Outcome, absorb, open_coordination
from agents.planning.dispatch.bound import least_at, lower_bound
from agents.planning.dispatch.flexibility import Curtailable, Flexibility
from agents.planning.dispatch.sellers import (
    TOLD_CT,
    Certificate,
    above_best_ct,
    certify,
    final_price,
    shared_band,
    with_fewer,
)
from cim.model.arrays import Floats
from tests.worlds import portfolios

SIZE = 24


def mixed(seed: int, count: int, *, tariff: bool) -> list[Flexibility]:
    """A portfolio of all kinds, an appliance among them."""
    rng = np.random.default_rng(seed)
    models = [*portfolios.portfolio(seed, count, SIZE), portfolios.appliance(rng, "a", SIZE)]
    return portfolios.under_tariff(seed, models) if tariff else models


def owner_above(models: list[Flexibility], deviations: list[Floats], price: Floats) -> float:
    """What `above_best_ct` comes to, however much it is."""
    found = 0.0
    for model, deviation in zip(models, deviations, strict=True):
        found += model.cost(deviation) - model.hours * float(price @ deviation) - least_at(model, price)
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from(portfolios.SHAPES),
    tariff=st.booleans(),
    scale=st.floats(0, 40),
    rho=st.floats(0.01, 10),
)
def test_cost_less_the_certified_gap_is_never_above_what_any_split_costs(
    seed: int, shape: str, tariff: bool, scale: float, rho: float
) -> None:
    """Whatever was answered and whatever the price: sums and price certify exactly the bound of weak duality, never more."""
    rng = np.random.default_rng(seed)
    models = mixed(seed, 6, tariff=tariff)
    band = portfolios.band(shape, models, SIZE)
    state = replace(open_coordination(band, len(models), rho), dual=-rng.normal(size=SIZE) * scale * band.hours / rho)
    price = final_price(state)
    deviations = [model.respond(rng.normal(size=SIZE) * 5, rho) for model in models]
    total = np.sum(deviations, axis=0)
    found = certify(band, price, total, owner_above(models, deviations, price))
    cost = central.cost_of(models, deviations, band) + band.hours * float(np.abs(price) @ np.abs(band.breach_kw(total)))
    bound = lower_bound(models, band, price)
    assert cost - found.gap_ct == pytest.approx(bound, rel=1e-9, abs=1e-6)
    other = [model.respond(rng.normal(size=SIZE) * 5, rho) for model in models]
    sum_kw = np.sum(other, axis=0)
    beyond = band.hours * float(np.abs(price) @ np.abs(band.breach_kw(sum_kw)))
    assert cost - found.gap_ct <= central.cost_of(models, other, band) + beyond + 1e-6 * max(abs(cost), 1.0)


@pytest.mark.parametrize("tariff", [False, True])
@pytest.mark.parametrize("shape", ["noon", "evening", "single"])
@pytest.mark.parametrize("seed", range(3))
def test_two_sellers_are_brought_to_the_optimum_of_both(shape: str, seed: int, tariff: bool) -> None:
    """Rounds over two portfolios that know nothing of each other end near both solved as one, and certify it (2.5 %, or 2 ct).

    The optimum lies between cost less certified gap, and cost.
    """
    first = portfolios.portfolio(seed, 6, SIZE)
    second = [replace(model, element=f"s{model.element}") for model in portfolios.portfolio(seed + 50, 5, SIZE)]
    sellers = [portfolios.under_tariff(seed, models) if tariff else models for models in (first, second)]
    everybody = [model for models in sellers for model in models]
    whole = portfolios.band(shape, everybody, SIZE)
    shares = [
        replace(whole, low_kw=_room(whole.low_kw, up=True), high_kw=_room(whole.high_kw, up=False)) for _ in sellers
    ]
    band = shared_band(shares)
    np.testing.assert_allclose(band.low_kw, whole.low_kw)
    np.testing.assert_allclose(band.high_kw, whole.high_kw)
    state = open_coordination(band, len(everybody), 0.3)
    deviations = [[np.zeros(SIZE) for _ in models] for models in sellers]
    while not state.done:
        signal, share = state.signal_kw, state.share
        deviations = [
            [m.respond(share * d - signal, state.rho) for m, d in zip(models, last, strict=True)]
            for models, last in zip(sellers, deviations, strict=True)
        ]
        state = absorb(state, np.sum([np.sum(last, axis=0) for last in deviations], axis=0))
    assert state.outcome in (Outcome.CONVERGED, Outcome.POLISHED)
    price = final_price(state)
    above = sum(owner_above(models, last, price) for models, last in zip(sellers, deviations, strict=True))
    found = certify(band, price, state.total_kw, above)
    cost = central.cost_of(everybody, [d for last in deviations for d in last], band)
    best = central.solve(everybody, band).cost
    allowed = 1e-4 * max(abs(cost), 1.0)
    assert cost - found.gap_ct <= best + allowed
    assert best <= cost + band.hours * float(np.abs(price) @ np.abs(band.breach_kw(state.total_kw))) + allowed
    assert -allowed <= found.gap_ct <= max(0.025 * found.over_ct, 2.0)


def _room(limit_kw: Floats, *, up: bool) -> Floats:
    """A seller's limit: all of what is asked, half of what is left."""
    asked = limit_kw > 0 if up else limit_kw < 0
    return np.where(asked, limit_kw, limit_kw / 2)


def test_what_is_certified_of_two_curtailables_by_hand() -> None:
    """Elements at 4 and 6 ct/kWh give 1 and 0.5 kWh of 1.5 asked, at a price of 5.5 ct: 0.75 ct above the bound, no more.

    At 5.5 ct the second had best given nothing: it is 0.25 ct above that. Bound: (4 - 5.5) + 0 + 5.5 x 1.5 = 6.75; cost 7 ct.
    """
    none, one = np.zeros(1), np.ones(1)
    models: list[Flexibility] = [
        Curtailable("a", none, one, np.full(1, 4.0), none, 0.0, 1.0),
        Curtailable("b", none, one, np.full(1, 6.0), none, 0.0, 1.0),
    ]
    band, price, answers = Band(np.full(1, 1.5), np.full(1, 9.0), 50.0, 1.0), np.full(1, 5.5), [one, one / 2]
    above = above_best_ct(models, answers, price)
    assert above == pytest.approx(0.25)
    assert certify(band, price, np.full(1, 1.5), 0.25) == Certificate(pytest.approx(0.25), pytest.approx(8.25))
    assert certify(band, price, np.full(1, 1.4), 0.25).gap_ct == pytest.approx(0.25 - 0.55 + 0.1 * 50)
    assert certify(band, price, np.full(1, 9.2), 0.25).gap_ct == pytest.approx(5.5 * (9.2 + 0.2 - 1.5) + 0.25)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_what_an_answer_costs_is_not_told_by_asking_at_another_price(seed: int, tariff: bool) -> None:
    """At no price at all the difference to the best answer is the whole cost of an answer: it is told up to a cent, no further."""
    models = mixed(seed, 5, tariff=tariff)
    rng = np.random.default_rng(seed)
    answers = [model.respond(np.abs(rng.normal(size=SIZE)) * 9, 1.0) for model in models]
    told = above_best_ct(models, answers, np.zeros(SIZE))
    whole = owner_above(models, answers, np.zeros(SIZE))
    assert told is None if whole > TOLD_CT + 1e-9 else told == pytest.approx(whole, abs=1e-9)


def test_rounds_go_on_at_the_same_price_when_some_have_left() -> None:
    """Of eleven elements three leave: the price stands, and the rounds end at the optimum of those that stay."""
    models = portfolios.portfolio(4, 11, SIZE)
    band = portfolios.band("noon", models[:8], SIZE)
    state, deviations = portfolios.negotiate(models, band)
    stay, kept = models[:8], deviations[:8]
    again = with_fewer(state, len(stay), np.sum(kept, axis=0))
    np.testing.assert_allclose(again.price, state.price, atol=1e-12)
    assert not again.done
    while not again.done:
        signal, share = again.signal_kw, again.share
        kept = [m.respond(share * d - signal, again.rho) for m, d in zip(stay, kept, strict=True)]
        again = absorb(again, np.sum(kept, axis=0))
    best = central.solve(stay, band).cost
    assert central.cost_of(stay, kept, band) == pytest.approx(best, rel=0.02, abs=1.0)


def test_a_small_request_is_stated_over_a_cent() -> None:
    """So that a hundredth of a cent of half a cent is no gap of 2 %."""
    assert Certificate(0.01, 0.5).over_ct == 1.0
    assert Certificate(0.01, -3.0).over_ct == 3.0
