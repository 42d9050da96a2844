"""A PV plant follows the forecast of the sun and can be curtailed to nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.elements.element import ElementConfig
from agents.planning.elements.generation import ordered_limit_kw
from agents.planning.elements.pv import Pv, solar
from cim.model.devices import DeviceKind, WeatherForecast
from tests.worlds.elements import COSTS, DAY, FEED_IN, NOTHING, RETAIL, priced, unknown, window

PV = ElementConfig("pv", DeviceKind.PV, 30_000)


def test_solar_follows_the_weather_service_at_the_plants_rating() -> None:
    """Per unit times rating, never consumption; outside the forecast nothing is expected."""
    sun = WeatherForecast(DAY.start, DAY.start, 900, tuple([0.5] * 40))
    expected = Pv().forecast(replace(unknown(PV), weather=sun), window(), NOTHING)
    np.testing.assert_allclose(expected, np.where(np.arange(96) < 40, -15.0, 0.0))
    hourly = WeatherForecast(DAY.start, DAY.start + timedelta(hours=1), 3600, (0.1, 0.2))
    np.testing.assert_allclose(solar(PV, hourly, DAY)[:13], [0] * 4 + [-3] * 4 + [-6] * 4 + [0])


def test_without_weather_the_last_days_are_expected_and_never_consumption() -> None:
    """A PV plant's small night consumption in its history is not taken for a plan."""
    config = replace(PV, history_kw=(np.full(96, 0.01), np.full(96, -10.0)))
    np.testing.assert_allclose(Pv().forecast(unknown(config), window(), NOTHING), -4.995)
    night = replace(PV, history_kw=(np.full(96, 0.01),))
    np.testing.assert_array_equal(Pv().forecast(unknown(night), window(), NOTHING), 0.0)
    np.testing.assert_array_equal(solar(PV, None, DAY), np.zeros(96))


def test_it_can_be_curtailed_to_nothing_and_no_further() -> None:
    """Bounds are deviations from the expected power, of the window's ISPs only; what is lost is the feed-in."""
    model = Pv().flexibility(unknown(PV), -np.arange(96.0), window(11, 20))
    np.testing.assert_array_equal(model.up_kw, np.arange(10.0, 20.0))
    np.testing.assert_array_equal(model.down_kw, 0.0)
    assert model.hours == 0.25


def test_what_is_curtailed_loses_feed_in_and_beyond_the_surplus_own_consumption() -> None:
    """Of 10 kW with 4 kW of surplus, the first 4 cost the feed-in each, the other 6 what is bought instead."""
    model = Pv().flexibility(priced(PV, -4.0), np.full(96, -10.0), window(1, 4))
    curvature = 4 * COSTS.weight_ct_per_kw2 / 2
    assert model.cost(np.full(4, 4.0)) == pytest.approx(4 * FEED_IN + curvature * 16)
    assert model.cost(np.full(4, 10.0)) == pytest.approx(4 * FEED_IN + 6 * RETAIL + curvature * 100)


@pytest.mark.parametrize(
    ("paid", "net_kw", "most_kw"),
    [(None, -4.0, 10.0), (20.0, -4.0, 10.0), (9.0, -4.0, 4.0), (9.0, 3.0, 0.0), (5.0, -4.0, 0.0)],
)
def test_a_contract_takes_no_more_than_it_pays_for(paid: float | None, net_kw: float, most_kw: float) -> None:
    """At 9 ct/kWh only the surplus at 7 is given, not what the home would buy at 15; at 5 ct/kWh nothing."""
    model = Pv().flexibility(priced(PV, net_kw, paid), np.full(96, -10.0), window(1, 4))
    np.testing.assert_array_equal(model.up_kw, most_kw)


def test_a_limit_lets_through_what_is_below_it() -> None:
    """Limited to 3 kW, a plant expected at 1 kW gives 1 and one expected at 5 kW gives 3; where it is free, all."""
    forecast = np.array([-1.0, -5.0, -5.0])
    held = np.array([-3.0, -3.0, np.nan])
    moved = np.array([0.0, 2.0, 0.0])
    np.testing.assert_array_equal(Pv().expected(forecast, held, moved), [-1.0, -3.0, -5.0])


@given(st.floats(-30, 0), st.floats(-30, 0), st.floats(0, 30))
def test_a_plant_under_order_is_expected_as_it_will_be_steered(forecast: float, told: float, moved: float) -> None:
    """Ordered off a forecast of `told`: whatever the sun then gives, the prognosis says what the plant's limits leave of it.

    At -5 kW told and 2 ordered, with a sun of 4: it will feed in 2 and not 3.
    """
    held = np.full(96, min(told + moved, 0.0))
    known = replace(unknown(PV), available_kw=forecast, moved_kw=np.full(96, moved), held_kw=held)
    limit = Pv().steered(held, Pv().owner_kw(known, window(49), NOTHING))[48]
    (expected,) = Pv().expected(np.array([forecast]), held[:1], np.array([moved]))
    assert expected == pytest.approx(max(forecast, float(limit)))


@given(st.floats(-30, 0), st.floats(-30, 0), st.floats(0, 30))
def test_what_an_order_takes_lies_between_what_was_ordered_and_a_multiple_of_it(
    available: float, told: float, moved: float
) -> None:
    """Never less than ordered as far as there is sun, never more than twice that, whatever was promised; free it is free."""
    (left,) = ordered_limit_kw(np.array([available]), np.array([moved]), np.array([min(told + moved, 0.0)]))
    taken = float(left) - available
    assert taken >= min(moved, -available) - 1e-9
    assert taken <= 2 * moved + 1e-9
    assert left <= 0
    assert np.isnan(ordered_limit_kw(np.array([available]), np.array([moved]), np.array([np.nan]))).all()


def test_a_plant_is_forecast_as_it_answered_to_the_sun_on_its_own_days() -> None:
    """It gave 12 kW of 30 where half of its rating was forecast: of a forecast of 0.8 it is expected to give 0.64."""
    config = replace(PV, history_kw=(np.full(96, -12.0),) * 2, weather_days=(np.full(96, 0.5),) * 2)
    sun = WeatherForecast(DAY.start, DAY.start, 900, tuple([0.8] * 96))
    np.testing.assert_allclose(Pv().forecast(replace(unknown(config), weather=sun), window(), NOTHING), -0.64 * 30)
    bright = WeatherForecast(DAY.start, DAY.start, 900, tuple([1.0] * 96))
    shiny = replace(config, history_kw=(np.full(96, -18.0),) * 2)
    np.testing.assert_allclose(solar(shiny, bright, DAY), -30.0)  # never above its rating


def test_what_it_could_give_now_counts_for_the_hours_to_come() -> None:
    """At noon it could give 12 kW where 15 were expected: less at once, a third of that after two hours, no sun at night."""
    values = [0.5 if 24 <= k < 80 else 0.0 for k in range(96)]
    sun = WeatherForecast(DAY.start, DAY.start, 900, tuple(values))
    known = replace(unknown(PV), weather=sun, available_kw=-12.0)
    noon = window(50, now=DAY.isp_start(49) + timedelta(minutes=5))
    expected = Pv().forecast(known, noon, NOTHING)
    assert expected[49] == pytest.approx(-15.0 + 0.8 * 3.0)
    assert expected[57] == pytest.approx(-15.0 + 0.8 * 3.0 / np.e)
    np.testing.assert_array_equal(expected[80:], 0.0)
    before = Pv().forecast(known, window(now=DAY.start - timedelta(hours=13)), NOTHING)
    np.testing.assert_allclose(before[24:80], -15.0)


def test_no_forecast_is_beyond_a_clear_sky() -> None:
    """Told 24 kW where a clear day gives 15, it is expected to give 15; told 9, or without a day to go by, what was told."""
    clear = np.full(96, 15.0)
    for told, expected_kw in ((0.8, -15.0), (0.3, -9.0)):
        known = replace(unknown(PV), weather=WeatherForecast(DAY.start, DAY.start, 900, (told,) * 96), clear_kw=clear)
        np.testing.assert_allclose(Pv().forecast(known, window(), NOTHING), expected_kw)
        free = replace(known, clear_kw=None)
        np.testing.assert_allclose(Pv().forecast(free, window(), NOTHING), -30 * told)


@pytest.mark.parametrize(
    ("gives_kw", "next_kw", "later_kw"), [(-14.0, -14.2, -14.9), (-15.0, -15.0, -15.0), (-18.0, -17.4, -15.2)]
)
def test_what_it_gives_now_says_more_of_the_sky_than_its_days(gives_kw: float, next_kw: float, later_kw: float) -> None:
    """Below the clear day it is pulled down as ever; above it the sky is clearer than it ever was, and so is the bound."""
    sun = WeatherForecast(DAY.start, DAY.start, 900, (0.8,) * 96)
    noon = window(50, now=DAY.isp_start(49) + timedelta(minutes=5))
    known = replace(unknown(PV), weather=sun, clear_kw=np.full(96, 15.0), available_kw=gives_kw)
    expected = Pv().forecast(known, noon, NOTHING)
    assert expected[49] == pytest.approx(next_kw, abs=0.01)
    assert expected[69] == pytest.approx(later_kw, abs=0.1)


def test_a_plant_that_gave_nothing_on_its_days_is_not_held_to_that() -> None:
    """Where its clear day is dark, what it gives now is what counts: no division by nothing."""
    sun = WeatherForecast(DAY.start, DAY.start, 900, (0.8,) * 96)
    noon = window(50, now=DAY.isp_start(49) + timedelta(minutes=5))
    dark = np.where(np.arange(96) < 49, 0.0, 12.0)
    known = replace(unknown(PV), weather=sun, clear_kw=dark, available_kw=-6.0)
    assert np.isfinite(Pv().forecast(known, noon, NOTHING)).all()


def test_a_reduction_that_was_ordered_stays_one_when_the_sun_is_weaker() -> None:
    """Ordered from 15 down to 12 kW and able to give 13: held to 10, in the running ISP; able to give 17, to the 12 promised.

    With 20 kW there the promise would take 8 for the 3 that were ordered: it gives up twice 3.
    """
    held, moved = np.full(96, np.nan), np.zeros(96)
    held[48:52], moved[48:52] = -12.0, 3.0
    noon = window(49, now=DAY.isp_start(49) + timedelta(minutes=5))
    for available_kw, limit_kw in ((-13.0, -10.0), (-17.0, -12.0), (-20.0, -14.0), (-2.0, 0.0)):
        known = replace(unknown(PV), held_kw=held, moved_kw=moved, available_kw=available_kw)
        steered = Pv().steered(held, Pv().owner_kw(known, noon, NOTHING))
        assert steered[48] == limit_kw
        np.testing.assert_array_equal(steered[49:52], -12.0)
        assert np.isnan(steered[:48]).all()
        assert np.isnan(steered[52:]).all()
    assert np.isnan(Pv().owner_kw(replace(unknown(PV), moved_kw=moved), noon, NOTHING)).all(), (
        "nobody says what it could"
    )
