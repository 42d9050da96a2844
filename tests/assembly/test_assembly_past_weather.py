"""How warm the days before the first one were, as agents are told it; and that the service of such a site tells the air."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import numpy as np
import pytest

from agents.assembly.past_weather import past_temperatures_c
from cim.model.devices import WeatherForecast
from cim.model.intervals import LocalDay
from devices.weather import WeatherPort, WeatherSource
from environment.sites import load_site
from environment.weather import load_weather

CLIMATE = "nsrdb-malaga-2019"


def test_past_days_are_as_warm_as_they_were() -> None:
    """Oldest first, 96 values by the wall clock whatever the day's length; a day before the pack begins is not known."""
    year = load_weather(CLIMATE)
    before = LocalDay(date(2019, 4, 2), "Europe/Madrid", 15)  # the clocks changed on 31 March
    found = past_temperatures_c(CLIMATE, before, 3)
    assert [len(day) for day in found] == [96, 96, 96]
    yesterday = before.next(-1)
    first = int((yesterday.start - year.first).total_seconds()) // 900
    np.testing.assert_array_equal(found[-1], year.temperature_c[first : first + 96])
    changed = before.next(-2)
    first = int((changed.start - year.first).total_seconds()) // 900
    assert found[-2].mean() == pytest.approx(year.temperature_c[first : first + 92].mean(), abs=0.2)
    early = past_temperatures_c(CLIMATE, LocalDay(date(2018, 12, 30), "Europe/Madrid", 15), 2)
    assert all(np.isnan(day).all() for day in early)


@pytest.mark.parametrize(("climate", "count"), [(CLIMATE, 240), (None, 0)])
def test_the_service_tells_the_air_where_the_site_has_a_climate(climate: str | None, count: int) -> None:
    """Sixty hours of it beside the sun, near the truth; none at a site whose profiles were made of no weather."""
    site = load_site("el_realengo")
    assert site.weather == CLIMATE
    assert load_site("strem").weather is None
    port = WeatherPort("weather", WeatherSource(site.profiles, site.timezone, 1, climate))
    now = datetime(2019, 8, 9, 10, 17, tzinfo=UTC)

    async def asked() -> WeatherForecast:
        await port.open(now)
        await port.sync(now)
        (news,) = port.drain()
        assert isinstance(news, WeatherForecast)
        return news

    told = asyncio.run(asked())
    assert len(told.pv_per_unit) == 240
    assert len(told.temperature_c) == count
    if count:
        year = load_weather(CLIMATE)
        first = int((told.start - year.first).total_seconds()) // 900
        error = np.array(told.temperature_c) - year.temperature_c[first : first + count]
        assert 0.1 < np.abs(error).mean() < 4.0
