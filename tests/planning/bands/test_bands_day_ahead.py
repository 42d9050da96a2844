"""Tomorrow's band as a job: by days that travel one by one, with gaps, or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.planning.forecast.bands.day_ahead import LEAST_HISTORY, day_ahead, without_gaps
from agents.planning.forecast.bands.history import KnownDays
from agents.planning.jobs import run
from cim.codec.codec import decode, encode
from tests.planning.bands.series import made_up


def known(days: int) -> KnownDays:
    """Days of a series that is made up, the last one not known."""
    series = made_up(days)
    assert series.weather is not None
    values = series.values.copy()
    values[-1] = np.nan
    return KnownDays(series.first, tuple(values), tuple(series.weather), "AT")


def test_a_band_of_tomorrow_holds_most_of_what_comes() -> None:
    """By name, on a series of habit and sun: ordered, and around what came; the same again after travelling."""
    days = 80
    band = run("exchange-band", (known(days), 40))
    came = made_up(days).values[-1]
    assert (band[0] <= band[1]).all()
    assert (band[1] <= band[2]).all()
    assert ((came >= band[0]) & (came <= band[2])).mean() > 0.5
    again = run("exchange-band", (decode(encode(known(days))), 40))
    assert all(np.array_equal(x, y) for x, y in zip(band, again, strict=True))


def test_too_few_days_give_no_band() -> None:
    """One day less than are needed: nothing rather than a guess."""
    assert day_ahead(known(LEAST_HISTORY - 1), 40) == ()
    assert len(day_ahead(known(LEAST_HISTORY), 40)) == 3


def test_what_is_not_metered_is_taken_as_a_week_before() -> None:
    """Gaps are filled from the week before, those of the first week with the mean of the other days."""
    values = np.arange(10 * 96, dtype=np.float64).reshape(10, 96)
    holes = values.copy()
    holes[8, 5] = holes[2, 7] = np.nan
    found = without_gaps(holes, 7)
    assert found[8, 5] == values[1, 5]
    assert found[2, 7] == np.delete(values[:, 7], 2).mean()
    assert np.isnan(holes[8, 5])
    assert (found == values).sum() == 10 * 96 - 2


def test_a_silent_weather_service_is_as_the_day_before() -> None:
    """A day of which nothing was told does not end the forecasts."""
    days = known(70)
    silent = replace(days, told=(*days.told[:-1], np.full(96, np.nan)))
    usual = replace(days, told=(*days.told[:-1], days.told[-2]))
    assert all(np.array_equal(x, y) for x, y in zip(day_ahead(silent, 40), day_ahead(usual, 40), strict=True))
