"""The compiled walk over a storage step's breakpoints gives what the walk in Python gives, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch import storage_step
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


def test_a_process_of_many_steps_goes_over_to_the_compiled_walk_and_answers_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before, at and after the step from which on it is compiled, a store's answers are equal to the bit."""
    rng = np.random.default_rng(3)
    store = priced(rng, MAKERS["battery"](rng, 96))
    targets = [rng.normal(size=96) * 3 for _ in range(6)]
    monkeypatch.setattr(storage_step, "COMPILED_AFTER", 10**9)
    python = [best_response(store, target, 0.1) for target in targets]
    walk = storage_step._Walk()
    monkeypatch.setattr(storage_step, "_walk", walk)
    monkeypatch.setattr(storage_step, "COMPILED_AFTER", 3)
    assert all((best_response(store, t, 0.1) == expected).all() for t, expected in zip(targets, python, strict=True))
    assert walk._compiled is not None


def test_few_steps_never_load_numba() -> None:
    """A home in a process of its own, which makes fewer steps, has no compiled walk."""
    walk = storage_step._Walk()
    stretches = storage_step.Stretches(np.ones((1, 1), bool), np.ones((2, 1, 1)), np.ones((2, 1, 1)), -np.inf)
    bounds = (np.array([0.0]), np.array([1.0]), np.array([0.0]), np.array([2.0]))
    for _ in range(20):
        walk(stretches, bounds, 0.0)
    assert walk._compiled is None
