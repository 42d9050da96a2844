"""What keeping a promise is expected to cost: corrections nobody pays, or the fine where that is less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.keeping import keeping_e4, worth_correcting
from agents.planning.forecast.error_quantiles import assumed_errors

HOURS = 0.25
PRICES = {"price_e4_per_kwh": 1000.0, "penalty_e4_per_kwh": 3000.0}


def test_errors_cost_one_way_only() -> None:
    """10 kW more consumption promised, 4 kW less or 4 kW more than foretold: a quarter-hour's 1 kWh at 10 ct, half the times."""
    errors = np.array([[-4.0, -4.0, -4.0], [4.0, 4.0, 4.0]])
    cost = keeping_e4(np.array([10.0, -10.0, 0.0]), errors, **PRICES, hours=HOURS)
    assert cost.tolist() == [500.0, 500.0, 0.0]


def test_a_small_order_answers_for_no_whole_forecast() -> None:
    """1 kW ordered and 40 kW missing half the times: 30 ct/kWh fine for that 1 kW, not 10 ct for each of 40."""
    errors = np.array([[-40.0], [40.0]])
    (cost,) = keeping_e4(np.array([1.0]), errors, **PRICES, hours=HOURS)
    assert cost == 0.5 * 1.0 * 3000 * HOURS


@pytest.mark.parametrize(("missing_kw", "worth"), [(0.0, True), (2.9, True), (3.1, False), (-2.9, True), (-3.1, False)])
def test_what_costs_more_than_its_fine_is_not_corrected(missing_kw: float, worth: bool) -> None:
    """Of 1 kW ordered at a fine of three times the price, up to 3 kW that are missing are given."""
    ordered = np.array([np.sign(missing_kw) or 1.0])
    assert worth_correcting(np.array([missing_kw]), ordered, **PRICES).tolist() == [worth]


@given(st.floats(0, 200), st.floats(0, 200), st.floats(0, 50), st.sampled_from([1.0, -1.0]))
def test_more_costs_no_less_and_never_more_than_either_way_alone(
    ordered: float, more: float, deviation: float, sign: float
) -> None:
    """It rises with the order, and is at most all fines and at most all corrections, whichever the errors are."""
    errors = assumed_errors(np.array([deviation]))
    small, large = (
        float(keeping_e4(np.array([sign * kw]), errors, **PRICES, hours=HOURS)[0]) for kw in (ordered, ordered + more)
    )
    assert 0 <= small <= large + 1e-9
    assert large <= (ordered + more) * PRICES["penalty_e4_per_kwh"] * HOURS + 1e-9
    assert large <= np.abs(errors).mean() * PRICES["price_e4_per_kwh"] * HOURS + 1e-9


def test_assumed_errors_are_those_of_a_normal_distribution() -> None:
    """Ten equally likely ones, even about 0; a 10 % deviation's mean magnitude is 8 % (the normal's 0.798)."""
    errors = assumed_errors(np.array([0.1, 0.2]))
    assert errors.shape == (10, 2)
    assert errors.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert np.abs(errors).mean(axis=0) == pytest.approx([0.0798, 0.1596], rel=0.04)
