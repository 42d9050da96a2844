"""A site's switches as the agents know them: which aggregator markets which connection on which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from environment.sites.schema import Site
from market.register.providers import ProviderSwitch, ServedDays, aggregator_on, days_with


@dataclass(frozen=True, slots=True)
class SiteConnection:
    """A prosumer's connection as its site file says: its first aggregator, and its switches in their order."""

    aggregator: str
    switches: tuple[ProviderSwitch, ...]


def connection_of(site: Site, prosumer: str) -> SiteConnection:
    """Whose a prosumer's connection is; KeyError if the site has no such prosumer."""
    switches = (ProviderSwitch(one.day, one.to) for one in site.switches if one.prosumer == prosumer)
    return SiteConnection(site.prosumer(prosumer).aggregator, tuple(sorted(switches, key=lambda one: one.day)))


def aggregator_of(site: Site, prosumer: str, day: date) -> str:
    """The aggregator (an agent) that markets a prosumer's connection on a local day."""
    return aggregator_on(connection_of(site, prosumer), day)


def member_days(site: Site, prosumer: str, aggregator: str) -> tuple[ServedDays, ...]:
    """The days on which a prosumer belongs to an aggregator's portfolio; none where it never does."""
    return days_with(connection_of(site, prosumer), aggregator)
