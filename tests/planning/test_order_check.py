"""The power flow before an order: nothing is ordered that breaks a limit, and nothing is held back that does no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.grid_safety.order_check import check_orders
from agents.planning.jobs import run
from environment.feeder import Feeder, Limits
from environment.feeder.flow import FlowFailed
from tests.planning.test_safety_cases import LIMITS, NETWORK, NODES

Rows = tuple[np.ndarray, ...]
QUIET: Rows = (np.zeros(2), np.zeros(2))


def check(power: Rows, *orders: Rows, limits: Limits = LIMITS) -> tuple[str, ...]:
    """Of two nodes without reactive power."""
    return check_orders(NETWORK, limits, NODES, power, QUIET, orders)


def rows(near: list[float], far: list[float]) -> Rows:
    """Watts of the two nodes."""
    return np.array(near), np.array(far)


def test_an_order_that_relieves_is_placed() -> None:
    """Feed-in above the limit, and more consumption ordered: less is broken than before."""
    assert check(rows([-100e3, 0.0], [-60e3, 0.0]), rows([20e3, 0.0], [20e3, 0.0])) == ("",)


def test_an_order_that_breaks_a_limit_elsewhere_is_told() -> None:
    """What the sums of watts do not see: the line behind `near` cannot carry it, and in which ISP."""
    (fault,) = check(QUIET, rows([0.0, 0.0], [0.0, 130e3]), limits=Limits(0.5, 1.5, 100.0))
    assert fault.startswith("a power flow with it has l2 at ")
    assert fault.endswith("% in ISP 2, beyond 100 %")


@pytest.mark.parametrize(("sign", "words"), [(1.0, "beyond 0.975 pu"), (-1.0, "beyond 1.025 pu")])
def test_voltage_counts_both_ways(sign: float, words: str) -> None:
    """Too low by consumption, too high by feed-in."""
    (fault,) = check(QUIET, rows([0.0, 0.0], [sign * 130e3, 0.0]), limits=Limits(0.975, 1.025, 1_000.0))
    assert words in fault
    assert "near at" in fault


def test_orders_count_together_in_their_order() -> None:
    """Two that fit alone do not fit together: the first is placed, the second told; a third that relieves is placed."""
    one, less = rows([0.0, 0.0], [60e3, 0.0]), rows([0.0, 0.0], [-20e3, 0.0])
    free = Limits(0.5, 1.5, 100.0)
    assert check(QUIET, one, limits=free) == ("",)
    first, second, third = check(QUIET, one, one, less, limits=free)
    assert (first, third) == ("", "")
    assert "l2" in second


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_let_through_breaks_nothing_new(seed: int) -> None:
    """Any expectation and any orders: with all that passed, each element is within its limit or hardly worse than before."""
    rng = np.random.default_rng(seed)
    power = rows(*(rng.uniform(-60e3, 60e3, 2).tolist() for _ in NODES))
    orders = [rows(*(rng.uniform(-50e3, 50e3, 2).tolist() for _ in NODES)) for _ in range(3)]
    faults = check(power, *orders)
    feeder, base = Feeder(NETWORK), np.zeros((2, 4))
    base[:, 2:] = np.stack(power, axis=1)
    after = base.copy()
    passed = 0
    for order, fault in zip(orders, faults, strict=True):
        if not fault:
            after[:, 2:] += np.stack(order, axis=1)
            passed += 1
    old, new = feeder.flow(base), feeder.flow(after)
    assert (new.loading_pct <= np.maximum(old.loading_pct, 100) + 0.5 * passed).all()
    assert (new.voltage_pu <= np.maximum(old.voltage_pu, 1.05) + 5e-4 * passed).all()
    assert (new.voltage_pu >= np.minimum(old.voltage_pu, 0.95) - 5e-4 * passed).all()


def test_an_expectation_without_a_solution_is_a_fault_of_the_job() -> None:
    """Nothing is said of orders when the grid cannot be calculated."""
    with pytest.raises(FlowFailed):
        check(rows([1e9, 0.0], [0.0, 0.0]), QUIET)


def test_it_runs_as_a_job() -> None:
    """By name, as the DSO asks for it."""
    assert run("order-check", (NETWORK, LIMITS, NODES, QUIET, QUIET, (QUIET,))) == ("",)
