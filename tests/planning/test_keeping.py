"""A promise is kept as far as keeping it costs no more than the fine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.dispatch.keeping import worth_correcting

PRICES = {"price_e4_per_kwh": 1000.0, "penalty_e4_per_kwh": 3000.0}


@pytest.mark.parametrize(("missing_kw", "worth"), [(0.0, True), (2.9, True), (3.1, False), (-2.9, True), (-3.1, False)])
def test_what_costs_more_than_its_fine_is_not_corrected(missing_kw: float, worth: bool) -> None:
    """Of 1 kW ordered at a fine of three times the price, up to 3 kW that are missing are given."""
    ordered = np.array([np.sign(missing_kw) or 1.0])
    assert worth_correcting(np.array([missing_kw]), ordered, **PRICES).tolist() == [worth]


@given(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(1, 5000), st.floats(0, 5000))
def test_nothing_is_corrected_beyond_the_largest_fine(
    missing: float, ordered: float, price: float, penalty: float
) -> None:
    """What is given never costs more than all that was ordered is fined with; what is less than ordered goes by the two prices."""
    (worth,) = worth_correcting(
        np.array([missing]), np.array([ordered]), price_e4_per_kwh=price, penalty_e4_per_kwh=penalty
    ).tolist()
    if worth:
        assert missing * price <= ordered * penalty or missing == 0
    if missing <= ordered:
        assert worth == (missing * price <= missing * penalty)
