"""The parts of a forecast with bands: holidays, standstills, calibration and scores, by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.forecast.bands.conformal import calibrated
from agents.planning.forecast.bands.flat import Standstill, moving, standstills
from agents.planning.forecast.bands.holidays import easter, holidays
from agents.planning.forecast.bands.scores import naive_mae_w, pinball_w, scores


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1818, date(1818, 3, 22)),
        (1943, date(1943, 4, 25)),
        (2000, date(2000, 4, 23)),
        (2016, date(2016, 3, 27)),
        (2024, date(2024, 3, 31)),
        (2038, date(2038, 4, 25)),
    ],
)
def test_easter(year: int, day: date) -> None:
    """Easter Sundays of published tables, the earliest and the latest possible among them."""
    assert easter(year) == day


def test_holidays_of_three_countries() -> None:
    """Moving and fixed holidays; thirteen in Austria, nine of all of Germany, ten national ones in Spain."""
    assert {date(2016, 3, 28), date(2016, 5, 5), date(2016, 5, 16), date(2016, 5, 26)} <= holidays(2016, "AT")
    assert [len(holidays(2016, country)) for country in ("AT", "DE", "ES", "XX")] == [13, 9, 10, 0]
    assert date(2016, 3, 25) in holidays(2016, "ES") & holidays(2016, "DE")


def test_a_dead_meter_is_found_and_a_resting_station_is_not() -> None:
    """Ten days of one value are a standstill; single days without charging are none."""
    rng = np.random.default_rng(2)
    values = rng.uniform(10, 2000, (60, 96))
    values[5] = values[12] = 0.0
    assert standstills(values) == ()
    values[30:40] = 431.0
    assert standstills(values) == (Standstill(30, 10),)
    assert np.flatnonzero(~moving(values)).tolist() == list(range(30, 40))


def test_rests_of_a_like_length_are_no_standstill() -> None:
    """A station that rests for a week now and then is not dead when it does."""
    values = np.random.default_rng(2).uniform(10, 2000, (90, 96))
    values[10:17] = values[40:47] = values[70:76] = 0.0
    assert standstills(values) == ()


def test_what_never_moves_is_one_standstill() -> None:
    """A CHP plant at its plan all year."""
    assert standstills(np.full((20, 96), -450_000.0)) == (Standstill(0, 20),)


def test_two_dead_values_in_a_row_are_two_rests() -> None:
    """Days of different values are not one run: neither is three times as long as the other."""
    values = np.random.default_rng(2).uniform(10, 2000, (40, 96))
    values[10:14], values[14:18] = 5.0, 0.0
    assert standstills(values) == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-500, 500), st.floats(0.2, 5))
def test_calibration_makes_bands_hold_what_they_say(seed: int, bias_w: float, spread: float) -> None:
    """However wrong the raw band is, moved by past errors it holds about 80 % of new values drawn alike."""
    rng = np.random.default_rng(seed)
    band = np.broadcast_to(np.array([-spread, 0.0, spread]) * 100, (60, 96, 3)) + bias_w
    came = 100 * rng.standard_normal((60, 96))
    forecast = calibrated(band[0], band[:42], came[:42])
    outside = [(came[42:] < forecast[:, 0]).mean(), (came[42:] > forecast[:, 2]).mean()]
    if abs(bias_w) < 100:  # else the median itself lies outside, and edges never cross it
        assert outside == pytest.approx([0.1, 0.1], abs=0.05)
    assert (np.diff(forecast, axis=1) >= 0).all()


def test_with_few_past_days_nothing_is_moved() -> None:
    """Thirteen days of errors say nothing of a 10 % quantile by hour."""
    band = np.tile([-1.0, 0.0, 1.0], (96, 1))
    assert np.array_equal(calibrated(band, np.tile(band, (13, 1, 1)), np.ones((13, 96))), band)


def test_calibration_goes_by_the_hour() -> None:
    """Errors of 7 o'clock widen the band at 7 and nowhere else."""
    band = np.tile([-10.0, 0.0, 10.0], (96, 1))
    came = np.random.default_rng(5).uniform(-12.49, 12.49, (42, 96))
    noisy = came.copy()
    noisy[:, 28:32] *= 4
    wide = calibrated(band, np.tile(band, (42, 1, 1)), noisy) - calibrated(band, np.tile(band, (42, 1, 1)), came)
    assert np.flatnonzero(np.abs(wide).sum(axis=1) > 1e-9).tolist() == [28, 29, 30, 31]


def test_scores_by_hand() -> None:
    """Four quarter-hours: one in the band, one below, one above, and a night of which all was certain."""
    forecast = np.array([[[0.0, 10.0, 20.0], [0.0, 10.0, 20.0], [0.0, 10.0, 20.0], [0.0, 0.0, 0.0]]])
    came = np.array([[14.0, -10.0, 30.0, 0.0]])
    found = scores(forecast, came)
    assert found.mae_w == pytest.approx((4 + 20 + 20 + 0) / 4)
    assert (found.coverage, found.below_10, found.above_90) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    # Losses: (0.1*14 + 0.5*4 + 0.1*6) + (0.9*10 + 0.5*20 + 0.1*30) + (0.1*30 + 0.5*20 + 0.9*10), over 12.
    assert found.pinball_w == pytest.approx((4.0 + 22.0 + 22.0) / 12)


def test_a_naive_forecast_is_a_band_without_width() -> None:
    """The pinball loss of one value for all three quantiles is half its mean absolute error."""
    rng = np.random.default_rng(1)
    naive, came = rng.normal(size=(5, 96)), rng.normal(size=(5, 96))
    assert pinball_w(np.repeat(naive[..., None], 3, axis=2), came) == pytest.approx(naive_mae_w(naive, came) / 2)
