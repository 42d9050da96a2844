"""How soon the DSO finds a seller that overstates its feed-in, and whether it suspects an honest one: without devices or agents.

The DSO is the product's own role; what it is told are prognoses made of the weather service's forecast and of like days, and
meterings as the profiles have them with nothing controlled. So a day takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.grid_of_site import usage_point
from agents.assembly.providers import aggregator_of
from agents.planning.forecast.like_day import like_day
from agents.roles.dso import DsoRole
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.prognosis_checks import PrognosisChecks
from agents.roles.events import Received
from agents.roles.meter_messages import MeteringHandedOver
from agents.runtime.agent_spec import build_role
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.profiles.history import History
from environment.profiles.library import Profiles, load
from environment.sites import load_site
from environment.sites.devices import Pv
from environment.sites.schema import Prosumer, Site
from environment.weather_model import WeatherFeed
from market.rules import MarketRules
from market.uftp import DPrognosis, Header, Metering, MeteringProfile

_LIKE_DAYS = 10


@dataclass(frozen=True)
class Cheating:
    """A seller that foretells so much more feed-in than it expects."""

    seller: str
    by_pct: float


def suspected(
    site_name: str, first_day: date, days: int, seed: int, cheating: Cheating | None = None
) -> list[tuple[str, ...]]:
    """For each day, the sellers whose prognoses the DSO replaces from then on."""
    site = load_site(site_name)
    profiles = load(site.profiles)
    group = agents_of_site(site, profiles, first_day, days, seed)
    spec = next(spec for spec in group.agents if spec.kind == "dso")
    dso = build_role(spec, group.rules)
    assert isinstance(dso, DsoRole)  # noqa: S101 - the site's DSO is one
    told = _Told(site, profiles, seed, group.rules, spec.config)
    found = []
    for day in group.rules.periods:
        for sender, message in told.of_day(day, cheating):
            at = message.header.time_stamp
            if isinstance(message, Metering) and (company := group.rules.meter_company):
                dso.handle(Received(company, 0, MeteringHandedOver(message)), at)
            else:
                dso.handle(Received(sender, 0, message), at)
        found.append(dso.part(PrognosisChecks).state.suspects)
    return found


class _Told:
    """What sellers and meters tell the DSO of a day."""

    def __init__(self, site: Site, profiles: Profiles, seed: int, rules: MarketRules, config: DsoConfig) -> None:
        self._site, self._profiles, self._rules, self._config = site, profiles, rules, config
        self._history, self._feed = History(site, profiles), WeatherFeed(profiles, seed, site.timezone)
        self._known: dict[tuple[str, str, date], tuple[float, Floats]] = {}

    def of_day(self, day: LocalDay, cheating: Cheating | None) -> Iterator[tuple[str, DPrognosis | Metering]]:
        """Prognoses on the day before at noon and in each hour of the day, then the meterings."""
        issues = [day.next(-1).at(12), *(day.start + timedelta(hours=h) for h in range(24))]
        for number, issued in enumerate((at for at in issues if at < day.end), start=1):
            for seller, point in self._config.pairs(day.day):
                at_point = [p for p in self._site.prosumers if p.congestion_point == point]
                members = [p for p in at_point if aggregator_of(self._site, p.name, day.day) == seller]
                rated_w, rest_w = self._habits(seller, point, members, day)
                watts = rest_w - self._sun(day, issued) * rated_w
                if cheating is not None and seller == cheating.seller:
                    watts = np.where(watts < 0, watts * (1 + cheating.by_pct / 100), watts)
                name = f"{seller}/{point}/{day.key}/{number}"
                header = Header(
                    self._rules.domains[seller], self._rules.domains[self._site.dso.name], issued, name, name
                )
                power_w = tuple(int(x) for x in np.rint(watts))
                zone, minutes = self._rules.timezone, self._rules.isp_minutes
                yield seller, DPrognosis(header, day.day, point, number, power_w, zone, minutes)
        for prosumer in self._site.prosumers:
            yield prosumer.name, self._metering(prosumer, day)

    def _sun(self, day: LocalDay, issued: datetime) -> Floats:
        """[T] what the weather service foretells of the day's rest, per unit of a plant's rating."""
        known = self._feed.forecast(issued, max(issued, day.start), day.end)
        return np.concatenate([np.zeros(day.count - len(known)), known])

    def _habits(self, seller: str, point: str, members: list[Prosumer], day: LocalDay) -> tuple[float, Floats]:
        """A portfolio's PV rating, and what else it drew on the last days, [T] watts."""
        key = seller, point, day.day
        if key not in self._known:
            before, zero = day.next(-1), np.zeros((_LIKE_DAYS, 96))
            plants = [(p, device) for p in members for device in p.devices if isinstance(device, Pv)]
            names = [f"{p.name}.{device.name}" for p, device in plants]
            meters = sum((self._history.days(p.name, _LIKE_DAYS, before) for p in members), start=zero)
            sun = sum((self._history.days(name, _LIKE_DAYS, before) for name in names), start=zero)
            rated_w = sum(device.rated_w.value for _, device in plants)
            self._known[key] = rated_w, like_day(tuple(meters - sun), day.count)
        return self._known[key]

    def _metering(self, prosumer: Prosumer, day: LocalDay) -> Metering:
        """As the profiles have it; a day of clock change is fitted."""
        watts = like_day((self._history.days(prosumer.name, 1, day.next(1))[0],), day.count)
        name = f"{prosumer.name}/{day.key}"
        domains = self._rules.domains
        at = day.end + timedelta(hours=1)
        header = Header(domains[prosumer.name], domains[self._site.dso.name], at, name, name)
        ean = usage_point(self._site, prosumer.name)
        profile = MeteringProfile("Power", "W", tuple(int(x) for x in np.rint(watts)))
        return Metering(header, day.day, ean, 1, (profile,), self._rules.timezone, self._rules.isp_minutes)
