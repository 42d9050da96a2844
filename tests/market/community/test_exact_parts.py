"""Whole numbers divided without a remainder, and energies at prices rounded once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.community.exact import MILLION, MOST_WH, checked_energies, divided, in_millionths
from market.community.money import exact_worth, worth

WEIGHTS = st.lists(st.integers(0, MOST_WH), min_size=1, max_size=6).filter(any)


@given(total=st.integers(0, MOST_WH), weights=WEIGHTS)
def test_parts_sum_to_their_total_and_are_within_one_of_their_share(total: int, weights: list[int]) -> None:
    """No remainder; each part is its exact share rounded down or up; a weight of nothing gets nothing."""
    parts = divided(np.array([total]), np.array([weights]))[0].tolist()
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part


def test_the_largest_remainder_comes_first_and_of_equal_ones_the_first() -> None:
    """5 by 1:1:1 are 2, 2, 1; 10 by 1:2:4 are 1, 3, 6 (1.43, 2.86, 5.71)."""
    assert divided(np.array([5, 10]), np.array([[1, 1, 1], [1, 2, 4]])).tolist() == [[2, 2, 1], [1, 3, 6]]


def test_nothing_is_divided_among_nobody_but_something_is_not() -> None:
    """A row of zero weights takes 0; with anything to divide it is refused."""
    assert divided(np.array([0]), np.array([[0, 0]])).tolist() == [[0, 0]]
    with pytest.raises(BadInput, match="weights: all are 0"):
        divided(np.array([1]), np.array([[0, 0]]))


@given(weights=st.lists(st.fractions(0, 1000), min_size=1, max_size=80).filter(any))
def test_millionths_sum_to_a_million(weights: list[Fraction]) -> None:
    """Exactly, whatever the weights; each within one of its share."""
    found = in_millionths(weights)
    assert sum(found) == MILLION
    assert all(abs(part - w * MILLION / sum(weights)) < 1 for part, w in zip(found, weights, strict=True))


@pytest.mark.parametrize("weights", [[], [Fraction(0)], [Fraction(1), Fraction(-1, 2)]])
def test_weights_that_are_none_are_refused(weights: list[Fraction]) -> None:
    """None at all, only zeros, or one below zero."""
    with pytest.raises(BadInput, match=r"weights: .*expected none below 0 and one above"):
        in_millionths(weights)


def test_energies_are_whole_and_not_negative() -> None:
    """Nothing and the most that is taken are; what lies beyond is named."""
    assert checked_energies("x", np.array([0, MOST_WH])).tolist() == [0, MOST_WH]
    assert checked_energies("x", np.array([], dtype=np.int64)).size == 0
    with pytest.raises(BadInput, match="x: -3 Wh"):
        checked_energies("x", np.array([MOST_WH + 5, -3]))


@given(energies=st.lists(st.integers(0, MOST_WH), min_size=1, max_size=5), price=st.integers(-(10**9), 10**9))
def test_a_line_is_exact_until_its_total(energies: list[int], price: int) -> None:
    """Worth is the exact sum rounded once, half to even, also where products leave 64 bits."""
    exact = Fraction(sum(energies) * price, 1_000_000)
    rates = np.full(len(energies), price)
    assert exact_worth(np.array(energies), rates) == exact
    assert worth(np.array(energies), rates) == round(exact)


def test_half_a_ten_thousandth_goes_to_the_even_neighbour() -> None:
    """500 Wh at 1,000 e4/MWh is 0.5: 0; 1,500 Wh is 1.5: 2."""
    assert [worth(np.array([wh]), np.array([1000])) for wh in (500, 1500, 2500)] == [0, 2, 2]
