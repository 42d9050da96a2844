"""The best coefficients: as good as sharing after the fact where each hour has its own, and no member worse than by fixed ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from experiments.community.solver import solved
from market.community.exact import MILLION
from market.community.spain.best_coefficients import (
    Expected,
    LinearProgramme,
    best_coefficients,
    programme,
    shared_by,
    whole,
    worth_of_members,
)
from market.community.spain.sharing import most_own_wh


def expected(
    generated: list[int], consumed: list[list[int]], group: list[int] | None = None, surplus: int = 0
) -> Expected:
    """Bought at 20 ct/kWh by all."""
    hours, n = len(generated), len(consumed[0])
    return Expected(
        np.array(generated),
        np.array(consumed),
        np.full((hours, n), 2_000_000),
        np.full(hours, surplus),
        np.array(list(range(hours)) if group is None else group),
        np.zeros(hours, dtype=np.int64),
    )


def test_the_worked_hour_is_shared_as_after_the_fact() -> None:
    """10 kWh for 2 + 6 + 0.5: fixed coefficients use 5.5, the best ones all 8.5, and B has what it needs."""
    fixed = np.array([500_000, 300_000, 200_000])
    world = expected([10_000], [[2000, 6000, 500]])
    found = best_coefficients(world, fixed, solved)
    assert found.sum(axis=1).tolist() == [MILLION]
    assert shared_by(world, found).own_wh.tolist() == [[2000, 6000, 500]]
    assert shared_by(world, fixed[None, :]).own_wh.sum() == 5500


def test_a_member_is_not_robbed_for_the_sum() -> None:
    """Two hours of one group, equal coefficients fixed: B alone could use all, yet A keeps at least what it had.

    A uses 500 of 1,000 Wh only in the first hour; B up to 2,000 in both. All to B would bring 2,000 Wh to the sum, but A nothing.
    """
    fixed = np.array([500_000, 500_000])
    world = expected([1000, 1000], [[500, 2000], [0, 2000]], group=[0, 0])
    before, after = (
        worth_of_members(world, fixed[None, :]),
        worth_of_members(world, best_coefficients(world, fixed, solved)),
    )
    assert before == after == [1000, 2000]
    alone = expected([1000, 1000], [[500, 2000], [0, 2000]])
    best = shared_by(alone, best_coefficients(alone, fixed, solved))
    assert best.own_wh.sum() == 2000
    assert best.own_wh[:, 0].tolist() == [500, 0]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Expected, Ints]:
    """A few hours in groups, and fixed coefficients."""
    hours, n = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.integers(1, hours))
    group = np.concatenate((np.arange(groups), rng.integers(0, groups, hours - groups)))
    generated, consumed = rng.integers(0, 120_000, hours), rng.integers(0, 9_000, (hours, n))
    buy = rng.integers(800_000, 2_500_000, (hours, n))
    surplus = np.minimum(rng.integers(0, 900_000, hours), buy.min(axis=1))
    period = (
        np.sort(np.concatenate(([0], rng.integers(0, 2, hours - 1)))) if hours > 2 else np.zeros(hours, dtype=np.int64)
    )
    return Expected(generated, consumed, buy, surplus, group, period), whole(rng.random((1, n)) + 0.01)[0]


@settings(max_examples=40)
@given(world=worlds())
def test_no_member_is_worse_than_by_fixed_coefficients(world: tuple[Expected, Ints]) -> None:
    """Exactly, in watt-hours and ten-thousandths; each row sums to a million; the sum is no worse either, and below the bound."""
    hours, fixed = world
    found = best_coefficients(hours, fixed, solved)
    groups = int(hours.group.max()) + 1
    assert (found.sum(axis=1) == MILLION).all()
    assert found.min() >= 0
    least = worth_of_members(hours, np.tile(fixed, (groups, 1)))
    assert all(now >= then for now, then in zip(worth_of_members(hours, found), least, strict=True))
    assert (shared_by(hours, found).own_wh.sum(axis=1) <= most_own_wh(hours.generated_wh, hours.consumed_wh)).all()


@settings(max_examples=25)
@given(world=worlds())
def test_an_hour_of_its_own_is_as_good_as_after_the_fact(world: tuple[Expected, Ints]) -> None:
    """Where nothing is earned with surplus and all pay the same, hourly coefficients reach the bound, but for what is rounded."""
    given_, fixed = world
    hours = Expected(
        given_.generated_wh,
        given_.consumed_wh,
        np.full_like(given_.consumed_wh, 2_000_000),
        np.zeros_like(given_.generated_wh),
        np.arange(len(given_.generated_wh)),
        np.zeros_like(given_.generated_wh),
    )
    found = best_coefficients(hours, fixed, solved)
    most = most_own_wh(hours.generated_wh, hours.consumed_wh).sum()
    before = shared_by(hours, np.tile(fixed, (len(hours.group), 1))).own_wh.sum()
    reached = shared_by(hours, found).own_wh.sum()
    rounded = hours.consumed_wh.size * (2 + hours.generated_wh.max() / MILLION)
    assert most - reached <= rounded + 0.01 * (most - before)


def test_a_solver_that_finds_nothing_leaves_the_fixed_ones() -> None:
    """No answer, no change."""
    fixed = np.array([250_000, 750_000])
    world = expected([1000, 500], [[100, 100], [5, 5]])
    assert best_coefficients(world, fixed, lambda _: None).tolist() == [[250_000, 750_000]] * 2


def test_an_answer_that_robs_somebody_is_not_taken() -> None:
    """A solver that gives all to B: mixed with the fixed ones until A has what it had; here that is the fixed ones themselves."""
    fixed = np.array([500_000, 500_000])
    world = expected([1000], [[500, 500]])

    def all_to_b(problem: LinearProgramme) -> Floats:
        x: Floats = np.zeros(len(problem.cost))
        x[3] = 1.0  # behind two of own use and A's coefficient
        return x

    assert best_coefficients(world, fixed, all_to_b).tolist() == [[500_000, 500_000]]


def test_the_programme_is_that_of_the_formulas() -> None:
    """One hour of 10 kWh, two members: costs, rows and bounds in kWh and ten-thousandths."""
    found = programme(expected([10_000], [[2000, 6000]], surplus=600_000), np.array([500_000, 500_000]))
    assert found.cost.tolist() == [-1400.0, -1400.0, -6000.0, -6000.0, 600.0, 600.0]
    assert found.most.tolist() == [2.0, 6.0, 1.0, 1.0, 1.0, 1.0]
    assert found.upper_b.tolist() == [0.0, 0.0, -(2 * 2000 + 3 * 600), -(5 * 2000), 0.5, 0.5]
    rows, columns, values = found.upper
    dense = np.zeros((6, 6))
    np.add.at(dense, (rows, columns), values)
    assert dense.tolist() == [
        [1, 0, -10, 0, 0, 0], [0, 1, 0, -10, 0, 0], [-1400, 0, -6000, 0, 0, 0], [0, -1400, 0, -6000, 0, 0],
        [0, 0, 1, 0, -1, 0], [0, 0, 0, 1, 0, -1],
    ]  # fmt: skip
    assert found.equal_b.tolist() == [1.0]


def test_where_nothing_is_gained_nothing_is_moved() -> None:
    """A plant that covers everybody by the fixed coefficients: they stay as they are."""
    fixed = np.array([500_000, 300_000, 200_000])
    assert best_coefficients(expected([90_000], [[2000, 6000, 500]]), fixed, solved).tolist() == [fixed.tolist()]


def test_surplus_that_is_dearer_than_energy_is_refused() -> None:
    """Then own use would be worth less than none, and the programme would not be the law's."""
    with pytest.raises(BadInput, match="surplus is worth more than what is bought"):
        best_coefficients(expected([1], [[1]], surplus=3_000_000), np.array([MILLION]), solved)
