"""What the site's manager knows of the point of common coupling before the first day: metered days and told weather."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from agents.planning.forecast.bands.history import SLOTS, KnownDays
from agents.planning.forecast.like_day import fit
from agents.roles.parts.exchange_bands import ExchangeConfig
from agents.roles.prosumer.prognoses import DAY_AHEAD_HOUR
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.profiles.history import History
from environment.profiles.library import Profiles
from environment.sites.schema import Site
from environment.weather_model import SeasonalSun, WeatherFeed

_DAYS = 90
_BEGIN_HOUR = 10  # local, at which a site begins on the day before its first: up to then that day is metered


def exchange_config(
    site: Site, profiles: Profiles, opening: LocalDay, sun: WeatherFeed | SeasonalSun
) -> ExchangeConfig | None:
    """The days before the first one with nothing controlled, as the sum of all meters; None for a site without a meter there.

    The day before `opening` is known until the site begins.
    """
    top = next((point for point in site.congestion_points if point.parent is None), None)
    if top is None:
        return None
    first = opening.next(-_DAYS)
    while first.next(-1).start < profiles.first:
        first = first.next()
    count = max((opening.day - first.day).days, 1)
    history = History(site, profiles)
    values: Floats = np.sum([history.days(prosumer.name, count, opening) for prosumer in site.prosumers], axis=0)
    values[-1, _BEGIN_HOUR * 4 :] = np.nan
    begun = opening.day - timedelta(days=count)
    told = tuple(told_of(sun, opening.next(-back)) for back in range(count, 0, -1))
    return ExchangeConfig(top.meter, KnownDays(begun, tuple(values), told, site.country))


def told_of(sun: WeatherFeed | SeasonalSun, day: LocalDay) -> Floats:
    """What the weather service forecast for a past day, per unit, when the day was planned: 96 values by time of day."""
    return fit(sun.forecast(day.next(-1).at(DAY_AHEAD_HOUR), day.start, day.end), SLOTS)
