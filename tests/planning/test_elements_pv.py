"""A PV plant follows the forecast of the sun and can be curtailed to nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
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
    np.testing.assert_array_equal(Pv().expected(forecast, held), [-1.0, -3.0, -5.0])
