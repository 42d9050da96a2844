"""The series of a site that are forecast: its point of common coupling, each building, each plant and steered device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from agents.planning.forecast.bands.history import SLOTS, SeriesHistory
from agents.planning.forecast.like_day import fit
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay, local_day_of
from environment.profiles.history import History
from environment.profiles.library import Profiles, load
from environment.sites import load_site
from environment.sites.schema import Site
from environment.weather_model import WeatherFeed

PCC = "pcc"
_KINDS = {"pv": "plant", "wind": "plant", "chp": "plant", "gateway": "heat pump", "station": "charging"}


@dataclass(frozen=True)
class SiteSeries:
    """All series of a site over its profile year, with nothing controlled and batteries by their own rule.

    Attributes:
        first: the local day of row 0.
        kinds: by series: pcc, building, plant, heat pump or charging.
        values: by series, [days, 96] mean watts by wall-clock time, + = consumption.
        weather: [days, 96] what the weather service told on the day before at the hour of issue, per unit.
    """

    first: date
    country: str
    kinds: dict[str, str]
    values: dict[str, Floats]
    weather: Floats

    def history(self, name: str, *, weather: bool = True) -> SeriesHistory:
        """A series as a forecast takes it, with or without the weather service."""
        return SeriesHistory(self.first, self.values[name], self.weather if weather else None, self.country)


def series_of_site(
    name: str, wanted: tuple[str, ...], seed: int, issue_hour: int, tell: Callable[[str], None]
) -> SiteSeries:
    """The series of site `name`; of none `wanted`, all.

    Args:
        seed: of the weather service's errors.
        issue_hour: local hour of the day before at which a day is forecast.
        tell: is told what is being made.

    Raises:
        BadInput: the site or a series is unknown.
    """
    site = load_site(name)
    kinds = series_kinds(site)
    for one in wanted:
        if one not in kinds:
            raise BadInput(f"series: {one!r} is unknown; expected one of {', '.join(kinds)}")
    profiles = load(site.profiles)
    first = local_day_of(profiles.first, site.timezone, site.isp_minutes).next()
    if profiles.first > first.next(-1).at(issue_hour):
        first = first.next()
    end = local_day_of(profiles.last, site.timezone, site.isp_minutes)
    days = (end.day - first.day).days
    history, values = History(site, profiles), dict[str, Floats]()
    for one in wanted or tuple(kinds):
        tell(one)
        members = [p.name for p in site.prosumers] if one == PCC else [one]
        values[one] = np.sum([history.days(member, days, end) for member in members], axis=0)
    tell("weather")
    told = _told(profiles, site, seed, first, days, issue_hour)
    return SiteSeries(first.day, site.country, {one: kinds[one] for one in values}, values, told)


def series_kinds(site: Site) -> dict[str, str]:
    """Every series of a site and what it is of; batteries are planned, not forecast."""
    kinds = {PCC: PCC} | {prosumer.name: "building" for prosumer in site.prosumers}
    for prosumer in site.prosumers:
        for device in prosumer.devices:
            if device.kind in _KINDS:
                kinds[prosumer.device_name(device)] = _KINDS[device.kind]
    return kinds


def _told(profiles: Profiles, site: Site, seed: int, first: LocalDay, days: int, issue_hour: int) -> Floats:
    """[days, 96] the weather service's forecasts as they were told."""
    feed = WeatherFeed(profiles, seed, site.timezone)
    rows = []
    for number in range(days):
        day = first.next(number)
        rows.append(fit(feed.forecast(day.next(-1).at(issue_hour), day.start, day.end), SLOTS))
    return np.array(rows)
