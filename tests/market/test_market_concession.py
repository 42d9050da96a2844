"""Concession: monotone, individually rational, rounded to one's own advantage; Rubinstein's shares of the literature."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.negotiation.concession import (
    Move,
    NegotiationPreferences,
    Side,
    Terms,
    conceded,
    offer_at,
    respond,
    rubinstein_share,
)

PRICES = st.integers(0, 40) | st.integers(0, 5000)
TERMS = st.builds(Terms, PRICES, PRICES)
BETAS = st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0])
WEIGHTS = st.sampled_from([0.0, 0.25, 1.0, 3.0, 10.0])


@st.composite
def preferences(draw: st.DrawFn) -> NegotiationPreferences:
    """Of either side; its two prices may go in opposite directions as long as the sum gives way."""
    side, one, two, weight = draw(st.sampled_from(Side)), draw(TERMS), draw(TERMS), draw(WEIGHTS)
    rounds, beta = draw(st.integers(1, 30)), draw(BETAS)
    if draw(st.booleans()):  # what one price gives the other takes back, but for a rest below one
        step = draw(st.integers(-min(40, one.volume_price_e4_per_kwh), 40))
        two = Terms(one.volume_price_e4_per_kwh + step, max(0, one.capacity_price_e4_per_kw_day - round(step * weight)))
    worth = {terms: terms.volume_price_e4_per_kwh * weight + terms.capacity_price_e4_per_kw_day for terms in (one, two)}
    low, high = sorted((one, two), key=worth.__getitem__)
    best, worst = (high, low) if side is Side.SELLER else (low, high)
    return NegotiationPreferences(side, best, worst, rounds, beta, weight)


@settings(max_examples=500)
@given(wants=preferences(), number=st.integers(0, 40))
def test_no_offer_is_beyond_the_reservation(wants: NegotiationPreferences, number: int) -> None:
    """Individually rational by value in every round, also where one price rises while the other falls."""
    offered = offer_at(wants, number)
    assert wants.value(offered) >= wants.value(wants.reservation)
    for price, one, two in (
        (
            offered.volume_price_e4_per_kwh,
            wants.aspiration.volume_price_e4_per_kwh,
            wants.reservation.volume_price_e4_per_kwh,
        ),
        (
            offered.capacity_price_e4_per_kw_day,
            wants.aspiration.capacity_price_e4_per_kw_day,
            wants.reservation.capacity_price_e4_per_kw_day,
        ),
    ):
        assert min(one, two) <= price <= max(one, two)


def test_a_price_that_rises_while_the_other_falls_is_rounded_to_ones_own_advantage() -> None:
    """A kWh counts three times: 2/33 of the way from (0, 100) to (33, 0) is worth 100, not the 97 of cut-off fractions."""
    wants = NegotiationPreferences(Side.SELLER, Terms(0, 100), Terms(33, 1), rounds=18, kwh_per_kw_day=3.0)
    assert offer_at(wants, 2) == Terms(2, 95)  # 33/17 = 1.94 and 100 - 99/17 = 94.2, each upwards
    buyer = NegotiationPreferences(Side.BUYER, Terms(33, 1), Terms(0, 101), rounds=18, kwh_per_kw_day=3.0)
    assert offer_at(buyer, 2) == Terms(31, 6)  # 33 - 1.94 = 31.06 and 1 + 5.88 = 6.88, each downwards


@given(
    side=st.sampled_from(Side), volumes=st.tuples(PRICES, PRICES), capacities=st.tuples(PRICES, PRICES),
    rounds=st.integers(1, 30), beta=BETAS,
)  # fmt: skip
def test_concession_is_monotone_from_aspiration_to_reservation(
    side: Side, volumes: tuple[int, int], capacities: tuple[int, int], rounds: int, beta: float
) -> None:
    """Where both prices give way, none ever turns back; the first offer is the aspiration, the last the reservation."""
    low, high = (Terms(pick(volumes), pick(capacities)) for pick in (min, max))
    best, worst = (high, low) if side is Side.SELLER else (low, high)
    wants = NegotiationPreferences(side, best, worst, rounds, beta)
    offers = [offer_at(wants, number) for number in range(1, rounds + 2)]
    assert offers[0] == (best if rounds > 1 else worst)
    assert offers[rounds - 1] == offers[rounds] == worst
    sign = 1 if side is Side.SELLER else -1
    for before, after in pairwise(offers):
        assert sign * before.volume_price_e4_per_kwh >= sign * after.volume_price_e4_per_kwh
        assert sign * before.capacity_price_e4_per_kw_day >= sign * after.capacity_price_e4_per_kw_day


@given(number=st.integers(1, 30), rounds=st.integers(2, 30))
def test_who_holds_out_has_never_given_more_than_who_gives_way_early(number: int, rounds: int) -> None:
    """In every round a smaller beta has conceded at most as much; an even one exactly its part of the rounds."""
    shares = [conceded(number, rounds, beta) for beta in (0.1, 0.5, 1.0, 2.0, 10.0)]
    assert shares == sorted(shares)
    assert shares[2] == min(1.0, (number - 1) / (rounds - 1))
    assert all(0.0 <= share <= 1.0 for share in shares)


@given(wants=preferences(), offered=TERMS, number=st.integers(1, 40))
def test_an_answer_is_the_only_rational_one(wants: NegotiationPreferences, offered: Terms, number: int) -> None:
    """Taken exactly when it is worth one's own next offer; never below the reservation; refused when the rounds are over."""
    move, terms = respond(wants, offered, number)
    own = offer_at(wants, number + 1)
    if wants.value(offered) >= wants.value(own):
        assert (move, terms) == (Move.ACCEPT, offered)
        assert wants.value(offered) >= wants.value(wants.reservation)
    elif number >= wants.rounds:
        assert (move, terms) == (Move.REJECT, offered)
        assert wants.value(offered) < wants.value(wants.reservation)  # nothing that one could live with is refused
    else:
        assert (move, terms) == (Move.COUNTER, own)


@pytest.mark.parametrize(
    ("side", "offered", "worth"),
    [(Side.SELLER, Terms(100, 40), 340.0), (Side.BUYER, Terms(100, 40), -340.0), (Side.SELLER, Terms(0, 0), 0.0)],
)
def test_what_terms_are_worth_to_a_side(side: Side, offered: Terms, worth: float) -> None:
    """By hand, three kWh a day: 3 x 100 + 40, what one gains the other pays."""
    best, worst = (Terms(9, 9), Terms(0, 0)) if side is Side.SELLER else (Terms(0, 0), Terms(9, 9))
    assert NegotiationPreferences(side, best, worst, 5, kwh_per_kw_day=3.0).value(offered) == worth


@pytest.mark.parametrize(("rounds", "beta"), [(0, 1.0), (5, 0.0), (5, -1.0)])
def test_preferences_without_rounds_or_shape_are_refused(rounds: int, beta: float) -> None:
    """One round at least, and a beta above 0."""
    with pytest.raises(BadInput, match=f"rounds {rounds}, beta {beta}"):
        NegotiationPreferences(Side.BUYER, Terms(0, 0), Terms(1, 1), rounds, beta)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [(0.9, 0.9, 0.526316), (0.9, 0.8, 0.714286), (0.5, 0.5, 2 / 3), (0.8, 0.9, 0.357143), (0.99, 0.99, 0.502513)],
)
def test_rubinsteins_shares(first: float, second: float, share: float) -> None:
    """(1 - d2) / (1 - d1 d2), by hand: .1/.19, .2/.28, .5/.75, .1/.28, .01/.0199 (Rubinstein 1982)."""
    assert rubinstein_share(first, second) == pytest.approx(share, abs=5e-7)


DELTAS = st.floats(0.01, 0.99)


@given(first=DELTAS, second=DELTAS, more=DELTAS)
def test_rubinsteins_share_is_an_equilibrium(first: float, second: float, more: float) -> None:
    """What is left to the second equals its discounted share of moving first; patience pays, and so does moving first."""
    share = rubinstein_share(first, second)
    assert 1 - share == pytest.approx(second * rubinstein_share(second, first), abs=1e-9)
    assert 1 - second <= share + 1e-12 <= 1 + 1e-12
    if more > first:
        assert rubinstein_share(more, second) >= share
    if more > second:
        assert rubinstein_share(first, more) <= share
    assert rubinstein_share(first, first) > 0.5


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [(0.0, 0.5, "delta_first"), (1.0, 0.5, "delta_first"), (-0.1, 0.5, "delta_first"),
     (0.5, 0.0, "delta_second"), (0.5, 1.0, "delta_second"), (0.5, float("nan"), "delta_second")],
)  # fmt: skip
def test_a_discount_outside_zero_to_one_is_named(first: float, second: float, name: str) -> None:
    """Neither bound is allowed: at 0 or 1 there is no bargaining left."""
    with pytest.raises(BadInput, match=rf"{name}: .* is outside \(0, 1\)"):
        rubinstein_share(first, second)
