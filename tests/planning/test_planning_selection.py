"""The DSO's choice of offers: enough, cheap, and within each offer's own terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.grid_safety.offer_selection import select
from agents.planning.jobs import run
from cim.model.arrays import Floats


def test_the_cheapest_cover_wins() -> None:
    """Of two offers that both suffice, the cheaper is ordered; the dearer only for what is then missing."""
    need = np.array([0.0, -10.0, -10.0])
    whole = np.array([0.0, -10.0, -10.0])
    assert select(need, (whole, whole), (500, 400), (1, 1)) == (0, 100)
    assert select(need, (whole, whole * 0.6), (500, 100), (1, 1)) == (40, 100)


def test_a_factor_is_at_least_what_the_offer_demands() -> None:
    """Ten percent would do, but the offer is sold from half upwards; a whole offer only whole."""
    need, offer = np.array([1.0]), np.array([10.0])
    assert select(need, (offer,), (100,), (1,)) == (10,)
    assert select(need, (offer,), (100,), (50,)) == (50,)
    assert select(need, (offer,), (100,), (100,)) == (100,)


def test_an_indivisible_offer_is_weighed_as_a_whole() -> None:
    """Cheap per kW but sold only whole loses against a dearer one of which a little is enough."""
    need, big, small = np.array([2.0]), np.array([100.0]), np.array([10.0])
    assert select(need, (big, small), (1_000, 200), (100, 1)) == (0, 20)


def test_too_little_on_offer_is_ordered_entirely() -> None:
    """A shortage orders all that helps, and nothing that has the wrong sign."""
    need = np.array([-100.0])
    offers = (np.array([-30.0]), np.array([-20.0]), np.array([25.0]))
    assert select(need, offers, (90_000, 10, 0), (1, 1, 1)) == (100, 100, 0)


def test_no_offers_and_no_need() -> None:
    """An empty list gives an empty answer; offers nobody needs are not ordered."""
    assert select(np.array([5.0]), (), (), ()) == ()
    assert select(np.zeros(4), (np.ones(4),), (100,), (1,)) == (0,)


def test_free_flexibility_that_is_not_needed_is_left() -> None:
    """An offer for nothing is ordered only as far as it covers need."""
    need = np.array([5.0, 0.0])
    assert select(need, (np.array([10.0, 1.0]),), (0,), (1,))[0] >= 50


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_rounding_never_uncovers_need(seed: int, count: int) -> None:
    """When all offers suffice, no more stays uncovered than ordering costs; factors are 0 or minimum..100 percent."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0])
    offers = tuple(sign * rng.uniform(0, 50, 6) for _ in range(count))
    need = np.sum(offers, axis=0) * rng.uniform(0, 1, 6)
    prices = tuple(int(p) for p in rng.integers(0, 2_000, count))
    lowest = tuple(int(p) for p in rng.integers(1, 101, count))
    factors = run("selection", (need, offers, prices, lowest))
    assert all(factor == 0 or low <= factor <= 100 for factor, low in zip(factors, lowest, strict=True))
    given_kw = np.sum([offer * factor / 100 for offer, factor in zip(offers, factors, strict=True)], axis=0)
    missing = np.maximum(sign * (need - given_kw), 0.0).sum()
    assert missing <= sum(prices) / 1e4 + 1e-3  # 1 EUR per kW and ISP: never worth leaving when less would cover it


def test_of_an_offers_options_one_is_chosen_the_cheapest_that_is_enough() -> None:
    """An offer of steps (5 kW for 100, 10 kW for 400) and another seller's 10 kW for 250: 5 and half of the other."""
    need = np.array([10.0])
    options = (np.array([5.0]), np.array([10.0]), np.array([10.0]))
    assert select(need, options, (100, 400, 250), (1, 1, 1), (0, 0, 1)) == (100, 0, 50)
    assert select(need, options[:2], (100, 150), (1, 1), (0, 0)) == (0, 100)


def test_what_is_cheaper_by_other_means_is_not_ordered() -> None:
    """10 kW are needed in two ISPs; by other means a kW costs 20 in the one and 50 in the other, the offer 30 a kW."""
    need, first, second = np.array([10.0, 10.0]), np.array([10.0, 0.0]), np.array([0.0, 10.0])
    outside = np.array([20.0, 50.0])
    assert select(need, (first, second), (300, 300), (1, 1), (0, 1), outside) == (0, 100)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_mix_costs_no_more_than_any_single_option_or_the_other_means_alone(seed: int) -> None:
    """The optimum against the obvious alternatives; factors are rounded up, so a percent of the prices is allowed."""
    rng = np.random.default_rng(seed)
    need = rng.uniform(1, 20, 4)
    options = tuple(rng.uniform(0, 30, 4) for _ in range(4))
    prices = tuple(int(x) for x in rng.integers(1, 3000, 4))
    outside = rng.uniform(1, 60, 4)

    def cost(factors: tuple[int, ...]) -> float:
        given = sum((f / 100 * option for f, option in zip(factors, options, strict=True)), start=np.zeros(4))
        paid = sum(f / 100 * price for f, price in zip(factors, prices, strict=True))
        return float(paid + outside @ np.maximum(need - given, 0.0))

    found = select(need, options, prices, (1, 1, 1, 1), (0, 0, 1, 1), outside)
    assert min(found[0], found[1]) == 0 == min(found[2], found[3])
    alternatives = [(0, 0, 0, 0), *(tuple(100 if k == j else 0 for k in range(4)) for j in range(4))]
    assert cost(found) <= min(map(cost, alternatives)) + sum(prices) / 100


def fewest_costs(
    need: Floats, options: list[Floats], prices: list[int], lowest: list[int], offers: list[int], outside: Floats
) -> float:
    """By trying every way to take one option of an offer at most, each by every whole percent that it may be ordered by."""
    moved, paid = np.zeros((1, len(need))), np.zeros(1)
    for offer in sorted(set(offers)):
        ways = [(np.zeros(len(need)), 0.0)]
        for k in (k for k, one in enumerate(offers) if one == offer):
            ways += [(options[k] * pct / 100, prices[k] * pct / 100) for pct in range(lowest[k], 101)]
        moved = (moved[:, None] + np.array([kw for kw, _ in ways])[None]).reshape(-1, len(need))
        paid = (paid[:, None] + np.array([price for _, price in ways])[None]).ravel()
    return float((paid + np.maximum(need - moved, 0.0) @ outside).min())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_mix_is_the_cheapest_of_all(seed: int) -> None:
    """Two sellers with up to two steps each, from 1, 40 or 100 % on: no whole percents cost less; ours are rounded up."""
    rng = np.random.default_rng(seed)
    offers = [0] * int(rng.integers(1, 3)) + [1] * int(rng.integers(1, 3))
    need, outside = rng.uniform(1, 20, 3), rng.uniform(1, 60, 3)
    options = [rng.uniform(0, 25, 3) for _ in offers]
    prices = [int(x) for x in rng.integers(1, 2000, len(offers))]
    lowest = [int(x) for x in rng.choice([1, 40, 100], len(offers))]
    found = select(need, tuple(options), tuple(prices), tuple(lowest), tuple(offers), outside)
    assert all(sum(1 for k, one in zip(found, offers, strict=True) if k and one == offer) <= 1 for offer in (0, 1))
    assert all(pct == 0 or pct >= low for pct, low in zip(found, lowest, strict=True))
    moved = sum((option * pct / 100 for option, pct in zip(options, found, strict=True)), start=np.zeros(3))
    paid = sum(price * pct / 100 for price, pct in zip(prices, found, strict=True))
    cost = paid + float(outside @ np.maximum(need - moved, 0.0))
    assert cost <= fewest_costs(need, options, prices, lowest, offers, outside) + sum(prices) / 100


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever the solver finds, a study's terminal stays as it is: twenty choices among steps of odd sizes."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        base = rng.uniform(0, 200, 8)
        options = tuple(base * share for share in (0.3, 0.6, 1.0))
        select(base * rng.uniform(0.2, 1.1, 8), options, (90, 250, 700), (1, 40, 100), (0, 0, 0), rng.uniform(1, 9, 8))
    assert capfd.readouterr() == ("", "")
