"""What is gained together is shared without a remainder, by rules that keep their axioms, and who loses by it is named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.gains.registry import SHARING_RULES, sharing_rule
from market.community.gains.rule import JointGain, SharingRule, WorseOff, share
from market.community.gains.shapley import Shapley

Worth = Callable[[frozenset[int]], int]


def game(worth: Worth, size: int, alone: int = 1_000, contribution: list[int] | None = None) -> JointGain:
    """N members of one cost alone who save what a coalition is worth."""
    saved = contribution or [1] * size
    everyone = frozenset(range(size))
    return JointGain(
        np.full(size, alone),
        alone * size - worth(everyone),
        np.array(saved),
        lambda members: alone * len(members) - worth(frozenset(members)),
    )


def convex(weights: list[int]) -> Worth:
    """A worth that grows with the square of the members' weights: nobody ever takes anything away."""
    return lambda members: sum(weights[k] for k in members) ** 2 - sum(weights[k] ** 2 for k in members)


weights = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@pytest.mark.parametrize("rule", SHARING_RULES, ids=lambda rule: rule.name)
@settings(max_examples=60, deadline=None)
@given(weights=weights)
def test_shares_are_the_gain_and_charges_the_cost_and_nobody_loses(rule: SharingRule, weights: list[int]) -> None:
    """Where no coalition is worth less for a member more, every rule shares all of it and leaves nobody worse off."""
    gain = game(convex(weights), len(weights), contribution=[w * w for w in weights])
    found = share(rule, gain)
    assert int(found.share_e4.sum()) == gain.gain_e4
    assert int(found.charge_e4.sum()) == gain.together_e4
    assert found.worse_off == ()
    assert (found.charge_e4 <= gain.alone_e4).all()


@pytest.mark.parametrize("rule", SHARING_RULES, ids=lambda rule: rule.name)
@settings(max_examples=30, deadline=None)
@given(weights=weights, order=st.randoms(use_true_random=False))
def test_who_is_worse_off_is_named(rule: SharingRule, weights: list[int], order: object) -> None:
    """A dispatch dearer than everybody alone costs somebody: the named losses are the negative shares, no more, no less."""
    size = len(weights)
    gain = game(lambda members: -7 * len(members) if len(members) == size else 0, size)
    found = share(rule, gain)
    assert int(found.share_e4.sum()) == -7 * size
    assert sum(loss.by_e4 for loss in found.worse_off) >= 7 * size
    for loss in found.worse_off:
        assert found.charge_e4[loss.member] == gain.alone_e4[loss.member] + loss.by_e4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(-100_000, 100_000))
def test_equal_shares_differ_by_a_ten_thousandth_and_proportional_ones_follow_the_contribution(
    contribution: list[int], total: int
) -> None:
    """Rounding moves no share by one: equal ones are as near as can be, proportional ones within one of the exact quotient."""
    gain = game(lambda members: total, len(contribution), contribution=contribution)
    equal = share(sharing_rule("equal"), gain).share_e4
    assert int(equal.max() - equal.min()) <= 1
    shares = share(sharing_rule("proportional"), gain).share_e4
    if (given_in_all := sum(contribution)) > 0:
        assert all(abs(s - total * c / given_in_all) < 1 for s, c in zip(shares.tolist(), contribution, strict=True))
        assert all(s == 0 for s, c in zip(shares.tolist(), contribution, strict=True) if c == 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=5), st.integers(0, 99))
def test_shapley_gives_nothing_to_who_adds_nothing(weights: list[int], seed: int) -> None:
    """A member that no coalition gains by has no share, whatever orders are drawn."""
    worth = convex([*weights, 0])
    shares = Shapley(orders=2, seed=seed).shares_e4(game(worth, len(weights) + 1))
    assert shares[-1] == 0


def test_shapley_by_sampling_comes_to_the_value_by_all_orders() -> None:
    """Four members, all 24 orders on paper: 400 drawn ones are within a twentieth of the gain of it for each member."""
    worth = convex([3, 5, 8, 13])
    exact = np.zeros(4)
    for order in permutations(range(4)):
        for place, member in enumerate(order):
            exact[member] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    exact /= 24
    gain = game(worth, 4)
    found = Shapley(orders=200).shares_e4(gain)
    assert np.abs(found - exact).max() <= gain.gain_e4 / 20
    assert exact.sum() == gain.gain_e4


def test_shapley_of_two_members_is_half_each_from_one_order() -> None:
    """Each order is taken both ways, so of two each comes first once: by hand, half of 100 each."""
    assert Shapley(orders=1).shares_e4(game(lambda members: 100 if len(members) == 2 else 0, 2)).tolist() == [50, 50]


def test_shapley_of_gloves_pays_the_scarce_side() -> None:
    """One left glove and two right ones, a pair is worth 600: 4/6 of it to the left and 1/6 to each right, by the six orders."""
    worth: Worth = lambda members: 600 if 0 in members and len(members) > 1 else 0  # noqa: E731
    shares = Shapley(orders=600).shares_e4(game(worth, 3))
    assert shares.tolist() == pytest.approx([400, 100, 100], abs=25)
    assert share(Shapley(orders=600), game(worth, 3)).worse_off == ()


def test_the_same_orders_are_drawn_again() -> None:
    """Two runs by one seed share alike, and each coalition is asked for once."""
    asked: list[tuple[int, ...]] = []
    base = game(convex([1, 2, 3, 4, 5]), 5)

    def cost(members: tuple[int, ...]) -> int:
        asked.append(members)
        return base.coalition_e4(members)

    gain = JointGain(base.alone_e4, base.together_e4, base.contribution_e4, cost)
    first = Shapley(seed=4).shares_e4(gain).tolist()
    assert len(asked) == len(set(asked)), "no coalition is dispatched twice"
    assert all(list(members) == sorted(members) and 1 < len(members) < 5 for members in asked)
    assert Shapley(seed=4).shares_e4(gain).tolist() == first


class _Greedy:
    name = "greedy"
    source = "this test"

    def shares_e4(self, gain: JointGain) -> Ints:
        return np.full(len(gain.alone_e4), gain.gain_e4)


def test_a_rule_that_shares_more_than_there_is_is_refused() -> None:
    """The sentence names the rule, what it shared and what there was."""
    with pytest.raises(BadInput, match="greedy: 2 shares of 200 e4; expected 2 that sum to the gain of 100 e4"):
        share(_Greedy(), game(lambda members: 100, 2))


def test_a_rule_against_somebody_names_who_and_how_much() -> None:
    """The first is to pay 5 beyond what it would alone for the second's sake: found out by the check, not by the rule."""

    class Against:
        name = "against"
        source = "this test"

        def shares_e4(self, gain: JointGain) -> Ints:
            return np.array([-5, gain.gain_e4 + 5])

    assert share(Against(), game(lambda members: 100, 2)).worse_off == (WorseOff(0, 5),)


def test_an_unknown_rule_is_refused_by_name() -> None:
    """And those that are known are told."""
    with pytest.raises(BadInput, match="sharing rule 'fair' is unknown; expected one of proportional, equal, shapley"):
        sharing_rule("fair")


@pytest.mark.parametrize(
    ("alone", "contribution", "said"),
    [
        ([], [], "alone_e4 of 0 members"),
        ([1, 2], [1], "contribution_e4 of 1 members"),
        ([1, 3_000_000_000], [1, 1], r"alone_e4\[1\] is 3000000000"),
        ([1, 2], [1, -1], r"contribution_e4\[1\] is -1; expected 0 or more"),
    ],
)
def test_what_is_no_gain_is_refused(alone: list[int], contribution: list[int], said: str) -> None:
    """Nobody, too few, too much or a contribution below nothing: one sentence with the field."""
    amounts = (np.array(a, dtype=np.int64) for a in (alone, contribution))
    one, two = amounts
    with pytest.raises(BadInput, match=said):
        JointGain(one, 0, two, lambda members: 0)
