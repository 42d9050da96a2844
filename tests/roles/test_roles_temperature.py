"""A home forecasts its base by the temperature that the weather service tells, and learns from each metered day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.roles.events import Fired, Received
from agents.roles.messages import WeatherBulletin
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.base_load import BaseLoad
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.prognoses import ForecastDay
from cim.model.devices import WeatherForecast
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, POINT, RULES

PAST_C = (21.0, 25.0, 29.0, 33.0)  # four days, each of one temperature


def home() -> ProsumerRole:
    """A home without elements whose load was 2 kW and half a kW for each degree above 21."""
    past_kw = tuple(np.full(96, 2.0 + 0.5 * (c - 21.0)) for c in PAST_C)
    config = terms.prosumer_config("farm-a", POINT, "agr", (), past_kw)
    config = replace(config, base_history_c=tuple(np.full(96, c) for c in PAST_C))
    return ProsumerRole("farm-a", RULES, players.key("farm-a"), config)


def told(role: ProsumerRole, temperature_c: tuple[float, ...], sender: str = "iles") -> None:
    """The weather from the midnight before the first day on."""
    start = DAY.next(-1).start
    forecast = WeatherForecast(start, start, 900, (0.0,) * 192, temperature_c)
    role.handle(Received(sender, 1, WeatherBulletin(forecast)), players.AHEAD)


def expected_kw(role: ProsumerRole) -> np.ndarray:
    """[T] of the first day, forecast the day before."""
    role.handle(Fired(ForecastDay(FIRST)), players.AHEAD)
    return role.part(DayPlanning).connection_kw(DAY)


def test_a_hot_day_is_expected_to_draw_more() -> None:
    """The mean of its days is 5 kW; 36 degrees are 9 K above their mean and count 4/9 kW each. Nothing told: the mean."""
    assert expected_kw(home()) == pytest.approx(np.full(96, 5.0))
    role = home()
    told(role, (36.0,) * 192)
    assert expected_kw(role) == pytest.approx(np.full(96, 9.0))


def test_only_the_weather_service_tells_and_only_whole_days_count() -> None:
    """A bulletin of somebody else, one without temperatures and one that ends at noon leave the like day as it is."""
    for temperature_c, sender in (((36.0,) * 192, "farm-b"), ((), "iles"), ((36.0,) * 144, "iles")):
        role = home()
        told(role, temperature_c, sender)
        assert expected_kw(role) == pytest.approx(np.full(96, 5.0))


def test_a_load_is_never_expected_below_nothing_because_it_is_cool() -> None:
    """A home that hardly draws anything on mild days draws that, and does not feed in."""
    past_kw = tuple(np.full(96, 0.5 * (c - 21.0)) for c in PAST_C)
    config = terms.prosumer_config("farm-a", POINT, "agr", (), past_kw)
    config = replace(config, base_history_c=tuple(np.full(96, c) for c in PAST_C))
    role = ProsumerRole("farm-a", RULES, players.key("farm-a"), config)
    told(role, (5.0,) * 192)
    assert expected_kw(role).min() >= 0.0


def test_history_keeps_loads_and_temperatures_side_by_side() -> None:
    """A home that is given loads alone has as many temperatures that are not known, so a day more fits both."""
    config = terms.prosumer_config("farm-a", POINT, "agr", (), (np.ones(96), np.ones(92)))
    state = ProsumerRole("farm-a", RULES, players.key("farm-a"), config).part(BaseLoad).state
    assert [len(day) for day in state.history_c] == [96, 92]
    assert all(np.isnan(day).all() for day in state.history_c)
