"""What is to be expected of a prognosis's error, from an assumption at first and then from experience."""

from __future__ import annotations

from datetime import timedelta
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.forecast.error_quantiles import KEPT_DAYS, error_quantile, hourly_errors, lead_class


def test_before_anything_is_metered_the_assumption_counts() -> None:
    """The normal distribution's own quantiles: 0 at even odds, 1.645 deviations at 95 %."""
    assert error_quantile(0.5, 10.0, []) == pytest.approx(0.0)
    assert error_quantile(0.95, 10.0, [float("nan")]) == pytest.approx(16.449, abs=1e-3)


def test_experience_moves_what_is_expected() -> None:
    """Twenty days with an error of 30: its middle is 30 and not 0; one such day hardly moves it."""
    assert error_quantile(0.5, 10.0, [30.0] * 20) == pytest.approx(30.0)
    assert abs(error_quantile(0.5, 10.0, [30.0])) < 2.0


@given(st.lists(st.floats(-100, 100), max_size=KEPT_DAYS), st.floats(0.01, 0.98))
def test_a_greater_chance_is_never_a_smaller_error(days: list[float], chance: float) -> None:
    """Quantiles do not cross."""
    assert error_quantile(chance, 10.0, days) <= error_quantile(chance + 0.01, 10.0, days) + 1e-9


def test_the_chance_is_kept() -> None:
    """Drawn from a known distribution with as many days as are kept: 95 % of new errors are below the 95 % quantile."""
    rng = np.random.default_rng(1)
    below = []
    for _ in range(300):
        days = [float(x) for x in rng.normal(5.0, 10.0, KEPT_DAYS)]
        below.append(NormalDist(5.0, 10.0).cdf(error_quantile(0.95, 10.0, days)))
    assert np.mean(below) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("hours", "found"), [(0.25, 0), (2, 0), (2.25, 1), (6, 1), (12, 2), (36, 3)])
def test_errors_are_kept_by_lead(hours: float, found: int) -> None:
    """Up to two, six and twelve hours, and all later."""
    assert lead_class(timedelta(hours=hours)) == found


@pytest.mark.parametrize("count", [92, 96, 100])
def test_errors_by_hour_leave_out_what_does_not_count(count: int) -> None:
    """An hour's error is the mean of its ISPs that count; an hour without one is unknown. Days have 92 to 100 ISPs."""
    metered, counts = np.full(count, 5.0), np.ones(count)
    counts[: count // 2] = 0.0
    errors = hourly_errors(metered, np.full(count, 3.0), counts)
    assert np.isnan(errors[:12]).all()
    assert errors[12:].tolist() == [2.0] * 12
