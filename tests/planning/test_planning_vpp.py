"""The virtual power plant's rounds end at the central optimum, price what is missing, and keep hard bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch import admm, central
from agents.planning.dispatch.admm import Band, Outcome, absorb, open_coordination, shortage_kw
from agents.planning.dispatch.flexibility import Curtailable
from cim.model.arrays import Floats
from tests.worlds import portfolios

SIZE = 48  # half-size days keep the folder quick


@pytest.mark.parametrize("shape", portfolios.SHAPES)
@pytest.mark.parametrize(("count", "seed"), [(5, 0), (10, 1), (21, 2)])
def test_the_rounds_end_within_one_percent_of_the_central_optimum(shape: str, count: int, seed: int) -> None:
    """Mixed portfolios and four request shapes: cost within 1 % (of what meeting the request costs, or 1 ct).

    What is left unmet is the central optimum's shortage, and hard bounds are kept to the tolerance.
    """
    models = portfolios.portfolio(seed, count, SIZE)
    asked = portfolios.band(shape, models, SIZE)
    best = central.solve(models, asked)
    free = central.solve(models, portfolios.band("none", models, SIZE))
    state, deviations = portfolios.negotiate(models, asked)
    total = np.sum(deviations, axis=0)
    np.testing.assert_allclose(total, state.total_kw)
    cost = central.cost_of(models, deviations, asked)
    assert cost - best.cost <= max(0.01 * max(abs(best.cost), best.cost - free.cost), 1.0)
    assert cost >= best.cost - 0.01  # the reference is a lower bound, so nobody beats it
    missing, least = shortage_kw(asked, total).sum(), shortage_kw(asked, best.total_kw).sum()
    assert missing == pytest.approx(least, rel=0.02, abs=0.2)
    allowed = 1e-3 * float(np.abs(total).max()) + 0.1
    assert (total[asked.low_kw <= 0] >= asked.low_kw[asked.low_kw <= 0] - allowed).all()
    assert (total[asked.high_kw >= 0] <= asked.high_kw[asked.high_kw >= 0] + allowed).all()


def test_what_can_be_met_leaves_no_shortage() -> None:
    """A feasible request ends without any shortage a meter would see (10 W)."""
    models = portfolios.portfolio(0, 10, SIZE)
    asked = portfolios.band("noon", models, SIZE)
    _, deviations = portfolios.negotiate(models, asked)
    assert shortage_kw(asked, np.sum(deviations, axis=0)).max() < 0.01


def test_two_curtailables_split_by_their_marginal_costs() -> None:
    """The textbook case: price = marginal cost of everybody who moves, so p_i = (price - b_i) h / a_i."""
    wide = np.full(4, 1e3)
    one = Curtailable("one", -wide, wide, np.full(4, 4.0), np.full(4, 4.0), 0.1, 1.0)
    two = Curtailable("two", -wide, wide, np.full(4, 6.0), np.full(4, 6.0), 0.2, 1.0)
    need = np.full(4, 90.0)
    state, (first, second) = portfolios.negotiate([one, two], Band(need, need + 50, 1e3, 1.0), rho=0.1)
    price = (90 + 4 / 0.1 + 6 / 0.2) / (1 / 0.1 + 1 / 0.2)
    np.testing.assert_allclose(first, (price - 4) / 0.1, rtol=5e-3)
    np.testing.assert_allclose(second, (price - 6) / 0.2, rtol=5e-3)
    np.testing.assert_allclose(state.price, price, rtol=5e-3)


def test_a_request_above_the_price_of_shortage_stays_unmet() -> None:
    """Where flexibility costs more than what is missing is worth, nobody moves and the shortage is the request."""
    dear = Curtailable("dear", np.zeros(3), np.full(3, 10.0), np.full(3, 80.0), np.zeros(3), 0.01, 1.0)
    asked = Band(np.full(3, 5.0), np.full(3, 9.0), 50.0, 1.0)
    _, deviations = portfolios.negotiate([dear], asked)
    np.testing.assert_allclose(deviations[0], 0.0, atol=0.02)
    np.testing.assert_allclose(shortage_kw(asked, deviations[0]), 5.0, atol=0.02)


def test_nothing_asked_for_is_agreed_at_once() -> None:
    """Elements content with their plans and room for them: two rounds, nobody moves."""
    models = [m for m in portfolios.portfolio(0, 4, SIZE) if isinstance(m, Curtailable)]
    room = np.full(SIZE, 5.0)
    state, deviations = portfolios.negotiate(list(models), Band(-room, room, 50.0, 0.25))
    assert state.rounds == 2
    np.testing.assert_allclose(deviations, 0.0, atol=1e-12)


def test_nobody_there_still_ends() -> None:
    """A coordination without elements divides by nothing and ends."""
    state = open_coordination(Band(np.full(2, 3.0), np.full(2, 4.0), 50.0, 0.25), 0, 0.3)
    while not state.done:
        state = absorb(state, np.zeros(2))
        assert np.isfinite(state.signal_kw).all()
    assert state.rounds <= LONGEST


LONGEST = admm.MAX_ROUNDS + admm.POLISHING_ROUNDS + 1


def test_rounds_are_bounded_and_each_leaves_its_residuals() -> None:
    """Even members that answer nonsense cannot keep a session open, and nothing is offered of it."""
    rng = np.random.default_rng(0)
    state = open_coordination(Band(np.full(4, 3.0), np.full(4, 4.0), 50.0, 0.25), 3, 0.3)
    while not state.done:
        state = absorb(state, rng.normal(size=4) * 100)
    assert state.rounds == LONGEST == len(state.residuals) + 1  # the last one is no price any more
    assert state.outcome is Outcome.FAILED


@dataclass(frozen=True)
class Obstinate:
    """Does 10 kW more whatever it is offered, or as much of it as it is told to."""

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """As the class says."""
        return np.clip(target_kw, 0.0, 10.0) if rho == admm.RIGID else np.full(len(target_kw), 10.0)


@dataclass(frozen=True)
class AllOrNothing:
    """Does 10 kW more at once or none, whichever is nearer to what it is offered."""

    def respond(self, target_kw: Floats, rho: float) -> Floats:
        """As the class says."""
        return np.where(target_kw > 5.0, 10.0, 0.0)


def rounds_with(element: Obstinate | AllOrNothing, others: list[Curtailable], band: Band) -> admm.Coordination:
    """A session of an element that does not play by the rules among others."""
    models = [element, *others]
    state, deviations = open_coordination(band, len(models), 0.3), [np.zeros(len(band.low_kw)) for _ in models]
    while not state.done:
        signal, share, rho = state.signal_kw, state.share, state.rho
        deviations = [m.respond(share * d - signal, rho) for m, d in zip(models, deviations, strict=True)]
        state = absorb(state, np.sum(deviations, axis=0))
    np.testing.assert_allclose(state.total_kw, np.sum(deviations, axis=0))
    return state


def test_what_never_converges_is_scaled_until_it_keeps_to_the_band() -> None:
    """A member that breaks the room ends the session polished: all do the share of their answers that the room allows."""
    state = rounds_with(Obstinate(), [], Band(np.full(3, -5.0), np.array([4.0, 8.0, 20.0]), 50.0, 0.25))
    assert state.outcome is Outcome.POLISHED
    np.testing.assert_allclose(state.total_kw, 4.0, atol=admm.allowed_beyond_kw(np.full(1, 10.0)))


def test_a_few_watts_beyond_no_room_do_not_cost_the_whole_request() -> None:
    """Sums that meet the request but miss an interval without room by 30 W are offered as they are, not scaled to nothing."""
    band = Band(np.array([5.0, -9.0]), np.array([8.0, 0.0]), 50.0, 0.25)
    state = open_coordination(band, 2, 0.3)
    while not state.done:
        assert state.share == 1
        state = absorb(state, np.array([5.5, 0.03]))
    assert state.outcome is Outcome.POLISHED
    assert band.share_within(np.array([5.5, 0.03])) == 1


@pytest.mark.parametrize("room", [0.0, 6.0, 14.0])
def test_an_element_that_cannot_move_by_degrees_does_not_break_the_room(room: float) -> None:
    """Whether the rounds settle or not, the sum that is offered keeps to the bounds."""
    wide = np.full(3, 4.0)
    other = Curtailable("other", -wide, wide, np.full(3, 5.0), np.full(3, 5.0), 0.01, 0.25)
    band = (
        Band(np.full(3, -3.0), np.full(3, room), 50.0, 0.25)
        if room < 10
        else Band(np.full(3, 12.0), np.full(3, 14.0), 50.0, 0.25)
    )
    state = rounds_with(AllOrNothing(), [other], band)
    assert state.outcome is not Outcome.FAILED
    assert np.abs(band.breach_kw(state.total_kw)).max() <= admm.allowed_beyond_kw(state.total_kw)


@pytest.mark.parametrize("shape", portfolios.SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_under_tariffs_too_the_rounds_end_at_the_central_optimum(shape: str, seed: int) -> None:
    """Costs that jump where a home's surplus ends: within 1 % of the optimum or of what the request costs, in the band."""
    models = portfolios.under_tariff(seed, portfolios.portfolio(seed, 8, SIZE))
    asked = portfolios.band(shape, models, SIZE)
    best = central.solve(models, asked)
    free = central.solve(models, portfolios.band("none", models, SIZE))
    state, deviations = portfolios.negotiate(models, asked)
    assert state.outcome is not Outcome.FAILED
    cost = central.cost_of(models, deviations, asked)
    assert cost - best.cost <= max(0.01 * max(abs(best.cost), best.cost - free.cost), 1.0)
    assert np.abs(asked.breach_kw(state.total_kw)).max() <= admm.allowed_kw(state.total_kw)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_share_that_keeps_to_the_room_is_the_largest(seed: int) -> None:
    """A share of the sum keeps to the bounds that are no request, and a little more of it does not, unless it is all."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(-5, 3, 5)
    band = Band(low, low + rng.uniform(0, 8, 5), 50.0, 0.25)
    total = rng.normal(size=5) * 8
    share, allowed = band.share_within(total), admm.allowed_beyond_kw(total)
    assert 0 <= share <= 1
    if (band.low_kw <= 0).all() and (band.high_kw >= 0).all():
        assert np.abs(band.breach_kw(share * total)).max() <= allowed + 1e-9
    if share < 1:
        assert np.abs(band.breach_kw((share + 1e-6) * total)).max() > allowed


def test_the_price_does_not_jump_when_the_penalty_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every round the shadow price is what it would be had the penalty stayed; in the end the penalty does stay."""
    models = portfolios.portfolio(1, 10, SIZE)
    state = open_coordination(portfolios.band("noon", models, SIZE), len(models), 0.3)
    deviations = [np.zeros(SIZE) for _ in models]
    penalties = [state.rho]
    for _ in range(admm.SOFTENING_ROUNDS + 10):
        signal = state.signal_kw
        deviations = [m.respond(d - signal, state.rho) for m, d in zip(models, deviations, strict=True)]
        total = np.sum(deviations, axis=0)
        with monkeypatch.context() as patch:
            patch.setattr(admm, "SOFTENING", 1.0)
            patch.setattr(admm, "STIFFENING", 1.0)
            unsoftened = absorb(state, total)
        assert unsoftened.rho == state.rho
        state = absorb(state, total)
        np.testing.assert_allclose(state.price, unsoftened.price, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(state.shared_kw, unsoftened.shared_kw)
        penalties.append(state.rho)
    steps = np.diff(penalties)
    assert (steps < 0).any()
    assert (steps[admm.SOFTENING_ROUNDS - 1 :] >= 0).all()
    assert max(penalties) <= admm.STIFFEST
    assert np.abs(state.price).max() > 5  # there is a price that could have jumped


def test_consuming_more_at_noon_is_worth_between_feed_in_and_shortage() -> None:
    """Where more consumption is asked for it is worth something, never a fine, and at most what is missing costs."""
    models = portfolios.portfolio(1, 10, SIZE)
    asked = portfolios.band("noon", models, SIZE)
    state, _ = portfolios.negotiate(models, asked)
    assert (state.price > -1e-6).all()
    assert 5 <= state.price.max() <= portfolios.SHORTAGE_PRICE
    np.testing.assert_allclose(state.price[asked.low_kw <= 0], 0.0, atol=1e-6)  # nothing asked for, no price


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rho=st.floats(1e-3, 10))
def test_a_curtailables_answer_is_its_exact_proximal_step(seed: int, rho: float) -> None:
    """No power within the bounds (fine grid) is better than the answer, in any interval."""
    rng = np.random.default_rng(seed)
    up, down, turn = rng.uniform(-3, 9, 6), rng.uniform(3, 9, 6), rng.uniform(-6, 6, 6)
    model = Curtailable("c", -rng.uniform(0, 5, 6), rng.uniform(0, 5, 6), up, down, rng.uniform(0, 0.1), 0.25, turn)
    target = rng.normal(size=6) * 20

    def cost(deviation: np.ndarray) -> np.ndarray:
        return np.where(deviation > turn, up, -down) * (deviation - turn)

    def value(deviation: np.ndarray) -> np.ndarray:
        linear = (cost(deviation) - cost(np.zeros(6))) * model.hours
        return linear + model.weight / 2 * deviation**2 + rho / 2 * (deviation - target) ** 2

    answer = model.respond(target, rho)
    assert (answer >= model.down_kw).all()
    assert (answer <= model.up_kw).all()
    grid = np.linspace(model.down_kw, model.up_kw, 400)
    assert (value(answer) <= value(grid).min(axis=0) + 1e-9).all()
    assert model.cost(answer) == pytest.approx(
        float((value(answer) - rho / 2 * (answer - target) ** 2).sum()), abs=1e-9
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_reference_counts_costs_as_the_elements_do(seed: int) -> None:
    """Forced to a given profile, the reference's cost is the element's own cost."""
    import cvxpy as cp

    for model in portfolios.portfolio(seed, 10, SIZE):
        moved = model.respond(np.random.default_rng(seed).normal(size=SIZE) * 3, 0.3)
        deviation, cost, rules = central._element(cp, model, SIZE)
        problem = cp.Problem(cp.Minimize(cost), [*rules, cp.abs(deviation - moved) <= 1e-4])
        problem.solve(solver=cp.CLARABEL)
        assert problem.value == pytest.approx(model.cost(moved), rel=1e-3, abs=1e-2)
