"""Measured-like weather of a whole year, packed with its source beside it, and what sun and heat make of it.

What agents are told of it goes through `forecast.WeatherService`; no agent, no device and no price lives here.
"""

from environment.weather.pack import WeatherYear, known_weather, load_weather

__all__ = ["WeatherYear", "known_weather", "load_weather"]
