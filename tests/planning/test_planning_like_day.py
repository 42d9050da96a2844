"""A like day is the mean of the last metered ones on days of any length, and follows what was measured since."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.forecast.like_day import corrected, fit, like_day, with_day


def test_a_like_day_fits_days_of_any_length() -> None:
    """92, 96 and 100 quarter-hours are stretched or cut by time of day; the last ten days count; none gives zero."""
    shape = np.sin(np.linspace(0, np.pi, 96))
    for count in (92, 96, 100):
        assert like_day((shape,), count).shape == (count,)
        assert fit(shape, count).mean() == pytest.approx(shape.mean(), abs=0.01)
        np.testing.assert_allclose(like_day((np.full(92, 2.0), np.full(100, 4.0)), count), 3.0)
        np.testing.assert_array_equal(like_day((), count), np.zeros(count))
    old, new = np.full(96, 100.0), np.ones(96)
    np.testing.assert_allclose(like_day((old, *[new] * 10), 96), 1.0)


def test_a_day_more_pushes_out_the_oldest() -> None:
    """Ten days are kept, in order; what was given is not changed."""
    history = tuple(np.full(96, float(k)) for k in range(10))
    longer = with_day(history, np.full(96, 10.0))
    assert [float(day[0]) for day in longer] == [float(k) for k in range(1, 11)]
    assert len(history) == 10
    assert len(with_day((), np.zeros(96))) == 1


def test_a_like_day_can_be_changed_without_changing_history() -> None:
    """Even where it is one day alone and nothing had to be averaged."""
    only = np.ones(96)
    like_day((only,), 96)[:] = 7.0
    np.testing.assert_array_equal(only, 1.0)


def test_a_correction_starts_at_the_last_measurement_and_fades() -> None:
    """The past is not rewritten, the running ISP takes the whole error, two hours later a third of it is left."""
    forecast = np.full(96, 3.0)
    result = corrected(forecast, 5.0, 41)
    np.testing.assert_array_equal(result[:40], 3.0)
    assert result[40] == pytest.approx(5.0)
    assert result[48] == pytest.approx(3.0 + 2 / np.e)
    assert (np.diff(result[40:]) < 0).all()
    np.testing.assert_array_equal(forecast, 3.0)
    np.testing.assert_array_equal(corrected(forecast, 5.0, 1), forecast)  # nothing was measured before the first ISP


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), isp=st.integers(2, 96), fading=st.floats(0.5, 100))
def test_a_correction_never_overshoots(seed: int, isp: int, fading: float) -> None:
    """The correction of each ISP lies between nothing and the whole error, and falls from ISP to ISP."""
    rng = np.random.default_rng(seed)
    forecast, measured = rng.normal(size=96) * 5, float(rng.normal() * 5)
    error = measured - forecast[isp - 2]
    share = (corrected(forecast, measured, isp, fading) - forecast)[isp - 1 :] / error
    assert share[0] == pytest.approx(1.0)
    assert (np.diff(share) <= 1e-9).all()
    assert (share >= -1e-9).all()
