"""The weather service as a device: it forecasts sun and temperature, or tells what sun the season usually gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cim.codec.codec import wire
from cim.model.devices import DeviceKind, Nameplate, News, WeatherForecast

if TYPE_CHECKING:
    from environment.weather.forecast import WeatherService

HORIZON = timedelta(hours=60)


@wire("device.WeatherSource")
@dataclass(frozen=True, slots=True)
class WeatherSource:
    """What is known of the sun.

    Attributes:
        profiles: name of the profiles' pack.
        timezone: of the site.
        seed: of a simulated weather service, which sees those profiles through an error. None: there is no service, and
            the port tells what the season usually gives, whatever the year.
        climate: name of the weather pack that the profiles were made of; None: the service tells no temperature.
    """

    profiles: str
    timezone: str
    seed: int | None
    climate: str | None = None


class WeatherPort:
    """What is known of the sun to come, as a `Port` that `Tells`; it measures nothing and takes no setpoint."""

    def __init__(self, name: str, source: WeatherSource) -> None:
        self.name = name
        self._source = source
        self._news: list[News] = []
        self._air: WeatherService | None = None

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002
        """Load the service, or the almanac."""
        from environment.profiles.library import load
        from environment.weather_model import SeasonalSun, WeatherFeed

        profiles = load(self._source.profiles)
        if self._source.seed is None:
            self._last: datetime | None = None
            self._feed: WeatherFeed | SeasonalSun = SeasonalSun(profiles)
            return Nameplate(DeviceKind.WEATHER, "ILES", "usual sun of the season", self.name)
        self._last = profiles.last
        self._feed = WeatherFeed(profiles, self._source.seed, self._source.timezone)
        if self._source.climate is not None:
            from environment.weather.forecast import WeatherService
            from environment.weather.pack import load_weather

            self._air = WeatherService(load_weather(self._source.climate), self._source.seed)
        return Nameplate(DeviceKind.WEATHER, "ILES", "simulated weather service", self.name)

    def listen(self, on_news: Callable[[News], None]) -> None:
        """It says nothing without being asked."""

    async def sync(self, now: datetime) -> None:
        """Fetch the forecast that is issued now."""
        start = now.replace(minute=0, second=0, microsecond=0)
        end = start + HORIZON if self._last is None else min(start + HORIZON, self._last)
        values = self._feed.forecast(now, start, end)
        told_c = () if self._air is None else self._air.temperature_c(now, start, end)
        self._news.append(WeatherForecast(now, start, 900, tuple(values.tolist()), tuple(told_c)))

    def drain(self) -> tuple[News, ...]:
        """Forecasts since the last call."""
        news, self._news = tuple(self._news), []
        return news

    async def close(self) -> None:
        """Nothing to let go."""
