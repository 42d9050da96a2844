"""The compiled walk over a storage step's breakpoints gives what the walk in Python gives, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch import storage_kernel, storage_step
from agents.planning.dispatch.storage_kernel import ranges
from agents.planning.dispatch.storage_step import Store, best_response
from cim.model.arrays import Floats
from tests.planning.test_planning_storage import MAKERS, priced

HOURS = 0.25
_grid = st.integers(-8, 8).map(lambda k: k / 4)  # few different numbers: breakpoints often meet


def walks(store: Store, target: Floats, rho: float) -> tuple[storage_step.Ranges, storage_step.Ranges]:
    """What both walks make of one step."""
    step = storage_step._step(store, rho * (store.plan_kw + target), rho)
    stretches = storage_step._stretches(store, step)
    least, most = storage_step.stored(store, store.low_kw), storage_step.stored(store, store.high_kw)
    floor, ceiling = store.floor_kwh.copy(), store.ceiling_kwh.copy()
    floor[-1] = ceiling[-1] = store.energy_kwh + store.total_kwh
    bounds = (least, most, floor, ceiling)
    compiled = ranges(
        stretches.moves, stretches.edges, stretches.slopes, stretches.burning, *bounds, float(store.energy_kwh)
    )
    return storage_step._ranges(stretches, bounds, store.energy_kwh), (compiled[0].tolist(), compiled[1].tolist())


@pytest.mark.parametrize("tariff", [False, True])
@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("size", [1, 2, 9, 96])
def test_both_walks_give_the_same_to_the_bit(kind: str, size: int, tariff: bool) -> None:
    """For every kind of store, horizon and tariff, over 25 seeds each."""
    for seed in range(25):
        rng = np.random.default_rng([seed, size, len(kind), tariff])
        store = MAKERS[kind](rng, size)
        store = priced(rng, store) if tariff else store
        target = np.cumsum(rng.normal(size=size)) * float(store.high_kw.max()) * 0.3
        python, compiled = walks(store, target, float(rng.choice([0.01, 0.1, 1.0])))
        assert python == compiled


@st.composite
def awkward(draw: st.DrawFn) -> tuple[Store, Floats, float]:
    """Stores of round numbers: bounds that touch, that nobody can keep or that leave no room; prices below zero, too."""
    size = draw(st.integers(1, 7))

    def row(values: st.SearchStrategy[float]) -> Floats:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)))

    ends, limits = np.sort(np.stack([row(_grid), row(_grid)]), axis=0), np.stack([row(_grid), row(_grid)])
    low, high = ends if draw(st.booleans()) else (np.minimum(ends[0], 0.0), np.maximum(ends[1], 0.0))
    floor, ceiling = np.sort(limits, axis=0) if draw(st.booleans()) else limits
    eta = draw(st.sampled_from([1.0, 0.9]))
    store = Store(
        row(_grid), low, high, floor, ceiling, draw(_grid), draw(_grid), eta, eta,
        draw(st.sampled_from([0.0, 0.5])), draw(st.sampled_from([0.0, 0.25])), HOURS,
    )  # fmt: skip
    if draw(st.booleans()):
        up = row(_grid)
        store = replace(store, price_up=up, price_down=row(st.integers(0, 4).map(float)) - up, turn_kw=row(_grid))
    store = replace(store, end_ct_per_kwh=draw(st.none() | _grid))
    return store, row(_grid), draw(st.sampled_from([0.25, 1.0]))


@settings(max_examples=300, deadline=None)
@given(awkward())
def test_both_walks_agree_where_breakpoints_meet_and_bounds_break(case: tuple[Store, Floats, float]) -> None:
    """Equal breakpoints, bounds in the wrong order and values below which energy would be burned: still the same bits."""
    python, compiled = walks(*case)
    assert python == compiled


def test_a_curve_without_breakpoints_is_refused_by_both() -> None:
    """Bounds between which no power can move, though the stored energy should: an error, never a number."""
    nothing = np.zeros((2, 1), dtype=bool)
    stretches = storage_step.Stretches(nothing, np.zeros((2, 2, 1)), np.zeros((2, 2, 1)), -np.inf)
    bounds = (np.array([-1.0]), np.array([1.0]), np.array([0.5]), np.array([2.0]))
    with pytest.raises(IndexError):
        storage_step._ranges(stretches, bounds, 0.0)
    with pytest.raises(IndexError, match="without a breakpoint"):
        ranges(stretches.moves, stretches.edges, stretches.slopes, stretches.burning, *bounds, 0.0)


@pytest.mark.parametrize("tariff", [False, True])
@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("size", [1, 9, 96])
def test_both_steps_answer_the_same_to_the_bit(kind: str, size: int, tariff: bool) -> None:
    """The whole step, not only its walk: for every kind of store, horizon and tariff, over 25 seeds each."""
    for seed in range(25):
        rng = np.random.default_rng([seed, size, len(kind), tariff, 7])
        store = MAKERS[kind](rng, size)
        store = priced(rng, store) if tariff else store
        target, rho = np.cumsum(rng.normal(size=size)) * float(store.high_kw.max()) * 0.3, float(rng.uniform(0.01, 1))
        assert_same(store, target, rho)
        assert_same(replace(store, end_ct_per_kwh=float(rng.uniform(-5, 40))), target, rho)


@settings(max_examples=300, deadline=None)
@given(awkward())
def test_both_steps_agree_where_breakpoints_meet_and_bounds_break(case: tuple[Store, Floats, float]) -> None:
    """As the walks do; where one of them has no answer, the other has none either."""
    assert_same(*case)


def assert_same(store: Store, target: Floats, rho: float) -> None:
    """Both answers are equal."""
    compiled = storage_step._response(storage_kernel, store, target, rho)
    python = storage_step._Compiled()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage_step, "_compiled", python)
        assert (best_response(store, target, rho) == compiled).all()
    assert python.kernel is None


def test_a_process_of_many_steps_goes_over_to_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before it has made as many as it says; a home in a process of its own makes fewer, and never loads numba."""
    rng = np.random.default_rng(3)
    store = priced(rng, MAKERS["battery"](rng, 9))
    compiled = storage_step._Compiled()
    monkeypatch.setattr(storage_step, "_compiled", compiled)
    monkeypatch.setattr(storage_step, "COMPILED_AFTER", 3)
    answers = []
    for _ in range(3):
        answers.append(best_response(store, np.ones(9), 0.1))
        assert compiled.kernel is None
    answers.append(best_response(store, np.ones(9), 0.1))
    assert compiled.kernel is storage_kernel
    assert all((answer == answers[0]).all() for answer in answers)
