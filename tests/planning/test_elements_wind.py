"""A turbine is expected as on its last days, pulled to what the wind last let it give, and can be curtailed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.elements.element import ElementConfig, ElementKnowledge
from agents.planning.elements.wind import PERSISTENCE_H, Wind, last_available
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind
from tests.worlds.elements import COSTS, FEED_IN, NOTHING, priced, unknown, window

TURBINE = ElementConfig("wind", DeviceKind.WIND, 300_000, history_kw=(np.full(96, -40.0), np.full(96, -80.0)))
FREE = np.full(96, np.nan)


def metered(*powers_kw: float, held_kw: Floats = FREE) -> ElementKnowledge:
    """The first ISPs of the day as metered, NaN where it was not read."""
    known = np.full(96, np.nan)
    known[: len(powers_kw)] = powers_kw
    return replace(unknown(TURBINE), metered_kw=known, held_kw=held_kw)


def test_before_the_day_its_last_days_are_all_there_is() -> None:
    """The mean of the last days, whatever the sun does; a turbine without history is expected to stand."""
    np.testing.assert_allclose(Wind().forecast(unknown(TURBINE), window(), NOTHING), -60.0)
    np.testing.assert_allclose(Wind().forecast(metered(), window(), NOTHING), -60.0)
    np.testing.assert_array_equal(Wind().forecast(unknown(replace(TURBINE, history_kw=())), window(), NOTHING), 0.0)


def test_a_wind_stronger_than_usual_is_expected_to_last_and_to_fade() -> None:
    """300 kW now: 300 in the next ISP, and e^-1 of the 240 kW above the usual after the time of persistence."""
    expected = Wind().forecast(metered(-290.0, -300.0), window(3), NOTHING)
    assert expected[2] == pytest.approx(-300.0)
    assert expected[2 + round(PERSISTENCE_H * 4)] == pytest.approx(-60.0 - 240.0 / np.e)
    assert (np.diff(expected[2:]) > 0).all()


def test_a_reading_of_some_time_ago_counts_for_less() -> None:
    """Not read for two hours: the pull has been fading for two hours."""
    fresh = Wind().forecast(metered(-300.0), window(2), NOTHING)
    stale = Wind().forecast(metered(-300.0), window(10), NOTHING)
    np.testing.assert_allclose(stale[9:], fresh[9:])
    assert stale[9] > fresh[1]


@settings(max_examples=60, deadline=None)
@given(
    powers=st.lists(st.floats(-400, 20), max_size=40),
    held=st.lists(st.one_of(st.floats(-300, 0), st.just(float("nan"))), min_size=40, max_size=40),
    first=st.integers(1, 96),
)
def test_it_is_never_expected_to_consume_or_to_exceed_its_rating(
    powers: list[float], held: list[float], first: int
) -> None:
    """Whatever was metered (its own need in a calm, a gust above the rating) and ordered."""
    limits = np.array([*held, *[np.nan] * 56])
    expected = Wind().forecast(metered(*powers, held_kw=limits), window(first), NOTHING)
    assert expected.shape == (96,)
    assert (expected <= 0).all()
    assert (expected >= -300.0).all()


def test_a_turbine_at_its_limit_still_has_the_wind_it_had() -> None:
    """Held to 200 kW in a wind that gave 290: 290 are available, for an order that works does not calm the wind."""
    limits = np.array([np.nan, np.nan, -200.0, -200.0, *[np.nan] * 92])
    known = metered(-250.0, -290.0, -203.0, -199.0, held_kw=limits)
    assert last_available(known, 5) == (4, -290.0)
    assert Wind().forecast(known, window(5), NOTHING)[4] == pytest.approx(-290.0)


def test_a_turbine_below_its_limit_shows_the_wind() -> None:
    """Held to 200 kW it gives 120: the wind has fallen, and that is what counts."""
    limits = np.array([np.nan, -200.0, -200.0, *[np.nan] * 93])
    assert last_available(metered(-290.0, -201.0, -120.0, held_kw=limits), 4) == (3, -120.0)


def test_held_since_it_was_first_read_it_gives_at_least_its_limit() -> None:
    """Nothing was seen free: what it gives is the least that is there."""
    limits = np.full(96, -200.0)
    assert last_available(metered(-200.0, -200.0, held_kw=limits), 3) == (2, -200.0)


def test_what_lies_in_the_window_is_not_looked_at() -> None:
    """Only ISPs before the window count, and none before the first."""
    known = metered(-100.0, -200.0, -300.0)
    assert last_available(known, 2) == (1, -100.0)
    assert last_available(known, 1) is None
    assert last_available(unknown(TURBINE), 50) is None


def test_it_offers_to_be_curtailed_and_nothing_else() -> None:
    """From what is expected down to nothing, for the feed-in that is lost."""
    model = Wind().flexibility(priced(TURBINE, -120.0), np.full(96, -120.0), window(9, 12))
    np.testing.assert_array_equal(model.up_kw, [120.0] * 4)
    np.testing.assert_array_equal(model.down_kw, 0.0)
    assert model.cost(np.full(4, 60.0)) == pytest.approx(60 * FEED_IN + 4 * COSTS.weight_ct_per_kw2 / 2 * 60**2)
    assert not Wind().can_decrease
