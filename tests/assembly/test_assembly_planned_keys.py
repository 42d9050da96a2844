"""A site's `key_changes` become the agents' keys and what everybody knows of them beforehand."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from agents.assembly.planned_keys import planned_keys
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.sites import load_site
from environment.sites.schema import KeyChange, Site
from market.ledger.signing import Signer, simulation_seed

KEY = partial(simulation_seed, 7)


@pytest.fixture(scope="module")
def site() -> Site:
    """The site that ships."""
    return load_site("strem")


def with_changes(site: Site, *changes: KeyChange) -> Site:
    """A site whose file plans these."""
    return site.model_copy(update={"key_changes": changes})


def day_of(site: Site) -> LocalDay:
    """The site's usual day."""
    return LocalDay(site.default_day, site.timezone, site.isp_minutes)


def test_each_change_brings_the_party_another_key_at_its_hour(site: Site) -> None:
    """Two rotations of one party go over two keys, in the order of their hours; nobody else gets any."""
    name = site.aggregators[0].name
    domains = {party.name: party.domain for party in (site.dso, *site.aggregators)}
    changed = with_changes(site, KeyChange(party=name, hour=18.5), KeyChange(party=name, hour=12))
    changes, later = planned_keys(changed, domains, day_of(site), KEY)
    seeds = [KEY(f"{domains[name]}.key-2"), KEY(f"{domains[name]}.key-3")]
    assert later == {name: b"".join(seeds)}
    assert [change.replacement for change in changes] == [Signer(seed).public for seed in seeds]
    assert [change.at - day_of(site).start for change in changes] == [timedelta(hours=12), timedelta(hours=18.5)]
    assert {change.party for change in changes} == {domains[name]}


def test_a_revoked_key_is_replaced_or_not(site: Site) -> None:
    """As the file says; only a replaced one brings the party another key."""
    name, domains = site.dso.name, {site.dso.name: site.dso.domain}
    for replaced in (True, False):
        planned = KeyChange(party=name, hour=12, revoked="stolen", replaced=replaced)
        (change,), later = planned_keys(with_changes(site, planned), domains, day_of(site), KEY)
        assert change.reason == "stolen"
        assert bool(change.replacement) is replaced
        assert (name in later) is replaced


def test_a_change_of_nobodys_key_is_refused_in_one_sentence(site: Site) -> None:
    """The keeper's own key is not among them: it is what the others' changes are believed by."""
    for name in (site.ledger.name, "nobody"):
        changed = with_changes(site, KeyChange(party=name, hour=12))
        with pytest.raises(BadInput, match="expected a party of the site other than the ledger's keeper"):
            planned_keys(changed, {name: "x.example"}, day_of(site), KEY)


def test_a_site_without_changes_has_none(site: Site) -> None:
    """Every key is the first one."""
    assert planned_keys(site, {}, day_of(site), KEY) == ((), {})


def test_spare_keys_come_behind_the_planned_ones(site: Site) -> None:
    """Each party of the market but the ledger's keeper has as many as asked for, each another."""
    name = site.aggregators[0].name
    company = () if site.meter_data_company is None else (site.meter_data_company,)
    parties = (site.dso, site.iles, *company, *site.aggregators, *site.prosumers)
    domains = {party.name: f"{party.name}.example" for party in parties}
    planned = with_changes(site, KeyChange(party=name, hour=12))
    changes, later = planned_keys(planned, domains, day_of(site), KEY, spares=2)
    assert later[name] == b"".join(KEY(f"{domains[name]}.key-{number}") for number in (2, 3, 4))
    assert later[site.dso.name] == b"".join(KEY(f"{domains[site.dso.name]}.key-{number}") for number in (2, 3))
    assert later.keys() == set(domains)
    assert len(changes) == 1
