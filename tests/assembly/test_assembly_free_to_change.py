"""On a living site every aggregator knows every connection, and the CRO knows who may go to whom; in a run nobody does."""

from __future__ import annotations

from datetime import date

from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.site_agents import SiteAgents
from environment.profiles.library import load
from environment.sites import load_site
from market.register.providers import ALWAYS

STREM = load_site("strem")
DAY = date(2016, 5, 20)


def agents(*, free: bool) -> SiteAgents:
    """Strem's."""
    return agents_of_site(STREM, load(STREM.profiles), DAY, 2, 1, free_to_change=free)


def test_each_aggregator_knows_who_may_come() -> None:
    """All of the site's prosumers, those of others without a day; the CRO has each with its first aggregator."""
    made = {spec.name: spec.config for spec in agents(free=True).agents}
    names = {prosumer.name: prosumer.aggregator for prosumer in STREM.prosumers}
    for party in STREM.aggregators:
        days = {member.name: member.days for member in made[party.name].members}
        assert days == {name: ALWAYS if first == party.name else () for name, first in names.items()}
    cro = made[STREM.iles.name]
    assert {one.owner: one.aggregator for one in cro.connections} == names
    assert cro.aggregators == tuple(party.name for party in STREM.aggregators)
    points = {one.usage_point for one in made[STREM.dso.name].connections}
    assert {one.usage_point for one in cro.connections} == points


def test_a_run_is_as_it_was() -> None:
    """Portfolios hold their own members alone, and nobody may change."""
    made = {spec.name: spec.config for spec in agents(free=False).agents}
    for party in STREM.aggregators:
        assert all(member.days == ALWAYS for member in made[party.name].members)
    assert (made[STREM.iles.name].connections, made[STREM.iles.name].aggregators) == ((), ())
