"""A site becomes a site_agents: everybody has config, a key and at most one device."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.grid_of_site import contracted_w, point_grids
from agents.assembly.site_agents import SiteAgents
from agents.runtime.agent_spec import build_role
from cim.model.errors import BadInput
from devices.weather import WeatherSource
from environment.profiles.library import Profiles, load
from environment.sites import load_site
from environment.sites.network import build_network
from environment.sites.schema import Site
from market.ledger.signing import Signer


@pytest.fixture(scope="module")
def site() -> Site:
    """The site that ships."""
    return load_site("strem")


@pytest.fixture(scope="module")
def profiles(site: Site) -> Profiles:
    """Its profiles."""
    return load(site.profiles)


@pytest.fixture(scope="module")
def site_agents(site: Site, profiles: Profiles) -> SiteAgents:
    """Everybody who lives there."""
    return agents_of_site(site, profiles, site.default_day, 1, 7)


def test_a_site_has_at_least_thirty_agents_each_named_once(site_agents: SiteAgents) -> None:
    """The site is a multi-agent system of at least thirty, and no name is used twice."""
    names = [spec.name for spec in site_agents.agents]
    assert len(names) >= 30
    assert len(set(names)) == len(names)
    assert set(names) == set(site_agents.rules.domains)


def test_every_device_has_exactly_one_agent(site: Site, site_agents: SiteAgents) -> None:
    """Each device and meter of the site is held by one agent, and of each its kind is known."""
    devices = [p.device_name(d) for p in site.prosumers for d in p.devices] + list(site.meters)
    held = [spec.device for spec in site_agents.agents if spec.device is not None]
    assert sorted(held) == sorted([*devices, "weather"]) == sorted(site_agents.device_kinds)


def test_the_weather_is_that_of_the_sites_own_profiles(site: Site, site_agents: SiteAgents) -> None:
    """Also of a site that is read from a file of one's own, which has no name that others know."""
    assert site_agents.weather == WeatherSource(site.profiles, site.timezone, 7)


def test_every_agent_can_be_cast(site_agents: SiteAgents) -> None:
    """Each agent's config make a role, whose key is the one the market knows under its domain."""
    for spec in site_agents.agents:
        assert build_role(spec, site_agents.rules).name == spec.name
        assert Signer(spec.key).public == site_agents.rules.keys[site_agents.rules.domains[spec.name]]


def test_everybody_is_in_one_portfolio(site: Site, site_agents: SiteAgents) -> None:
    """Every prosumer is a member of exactly one aggregator, which the DSO's register also names."""
    members = {m.name: s.name for s in site_agents.agents if s.kind == "aggregator" for m in s.config.members}
    assert members == {p.name: p.aggregator for p in site.prosumers}
    (dso,) = [spec.config for spec in site_agents.agents if spec.kind == "dso"]
    assert [c.aggregator for c in dso.connections] == [p.aggregator for p in site.prosumers]
    assert all(
        c.contracted_w == contracted_w(p, 1000) >= 1000 for c, p in zip(dso.connections, site.prosumers, strict=True)
    )


def test_a_company_is_the_same_for_the_same_seed(site: Site, profiles: Profiles, site_agents: SiteAgents) -> None:
    """Keys derive from the run's seed: the same again, others for another seed."""
    again, other = (agents_of_site(site, profiles, site.default_day, 1, seed) for seed in (7, 8))
    assert [spec.key for spec in again.agents] == [spec.key for spec in site_agents.agents]
    assert not {spec.key for spec in other.agents} & {spec.key for spec in site_agents.agents}


def test_congestion_points_come_bottom_up(site: Site, site_agents: SiteAgents) -> None:
    """A congestion point is looked at before the one above it."""
    (dso,) = [spec.config for spec in site_agents.agents if spec.kind == "dso"]
    order = [grid.identity for grid in dso.points]
    for point in site.congestion_points:
        if point.parent in order:
            assert order.index(point.id) < order.index(point.parent)


def test_every_fed_node_is_watched_once(site: Site) -> None:
    """The points' own nodes do not overlap and cover all that is fed through them; the same for branches."""
    network = build_network(site)
    grids = point_grids(site, network)
    own = [node for grid in grids for node in grid.nodes]
    assert len(set(own)) == len(own)
    assert set(own) == {node for grid in grids for node in grid.below}
    assert {p.node for p in site.prosumers} <= set(own)
    branches = [branch for grid in grids for branch in grid.branches]
    assert len(set(branches)) == len(branches)
    assert all(grid.branch in grid.branches for grid in grids)


@pytest.mark.parametrize("years", [-30, 30])
def test_a_day_outside_the_profiles_is_one_sentence(site: Site, profiles: Profiles, years: int) -> None:
    """The error names the date and the days that would do."""
    wrong = site.default_day + timedelta(days=366 * years)
    with pytest.raises(BadInput, match=rf"^date: {wrong} is outside what .*; expected \d{{4}}-\d\d-\d\d to [\d-]+$"):
        agents_of_site(site, profiles, wrong, 1, 1)


def test_the_days_the_error_names_would_do(site: Site, profiles: Profiles) -> None:
    """Both ends of the span that the sentence expects give agents."""
    with pytest.raises(BadInput) as caught:
        agents_of_site(site, profiles, date(1990, 1, 1), 1, 1)
    first, _, last = str(caught.value).partition("expected ")[2].partition(" to ")
    for day in (first, last):
        assert agents_of_site(site, profiles, date.fromisoformat(day), 1, 1).agents


def test_who_proposes_contracts_knows_the_sites_term(site: Site, profiles: Profiles) -> None:
    """`contract_days` of the site file reaches everybody who buys: the DSO and every aggregator."""
    hired = agents_of_site(site.model_copy(update={"contract_days": 30}), profiles, site.default_day, 1, 7)
    terms = {spec.name: spec.config.term_days for spec in hired.agents if spec.kind in ("dso", "aggregator")}
    assert terms == dict.fromkeys((site.dso.name, *(party.name for party in site.aggregators)), 30)


def test_everybody_knows_how_often_prognoses_are_revised(site: Site, profiles: Profiles) -> None:
    """`revision_hours` of the site file is among the rules that all share; without it, each hour."""
    assert agents_of_site(site, profiles, site.default_day, 1, 7).rules.revision_hours == 1
    slower = site.model_copy(update={"revision_hours": 6})
    assert agents_of_site(slower, profiles, site.default_day, 1, 7).rules.revision_hours == 6


def test_who_reads_the_meters_is_one_of_the_parties_or_nobody(site: Site, profiles: Profiles) -> None:
    """Strem's company knows all connections by their owners; without one nobody is told of it."""
    with_company = agents_of_site(site, profiles, site.default_day, 1, 7)
    (spec,) = (spec for spec in with_company.agents if spec.kind == "meter-data-company")
    assert with_company.rules.meter_company == spec.name == "meters"
    assert {owner for _, owner in spec.config.connections} == {p.name for p in site.prosumers}
    without = agents_of_site(site.model_copy(update={"meter_data_company": None}), profiles, site.default_day, 1, 7)
    assert without.rules.meter_company == ""
    assert "meters" not in without.rules.domains
