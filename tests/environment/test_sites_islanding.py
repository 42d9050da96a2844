"""`islanding` in a site file: what it points at is there, every load is in a stage, and the year adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import environment.sites
from cim.model.errors import BadInput
from environment.physics import frequency as f
from environment.physics.island import limits_of
from environment.physics.island_year import island_year, islanding_of
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import load
from environment.sites import load_site
from environment.sites.devices import BatteryUnit
from environment.sites.loader import SiteFaults, parse_site

POINT = '  point: "ea1.2016-01.at.strem:mv-feeder"\n  forming'
TEXT = (Path(environment.sites.__file__).parent / "strem.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (POINT, "  point: nowhere\n  forming", "islanding.point: value 'nowhere': expected one of"),
        ("care-centre.bess", "care-centre.pv", "islanding.forming.unit: value 'care-centre.pv': expected a battery"),
        ("unit: biogas.chp", "unit: farm-1.pv", "islanding.engine.unit: value 'farm-1.pv': expected a CHP plant"),
        ('units: ["*"]', 'units: ["estate.*"]', "islanding.stages: value farm-1.load"),
        ("priority: 4, title: Vehicles", "priority: 3, title: Vehicles", "expected stages with priorities 1, 2, 3, ... each once"),
        ("promised: 2", "promised: 5", "expected promised to be the priority of a stage"),
        ("available: {value: 0.92", "available: {value: 1.92", "islanding.engine.available"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(old: str, new: str, said: str) -> None:
    """What an island would need and is not there is found before anything runs."""
    assert TEXT.count(old) == 1
    with pytest.raises(SiteFaults) as caught:
        parse_site(TEXT.replace(old, new), "strem.yaml")
    assert said in str(caught.value)


def test_a_site_without_the_section_is_refused_in_one_sentence() -> None:
    """It stays a site; only its island cannot be asked for."""
    begin, end = TEXT.index("# When mains fail"), TEXT.index("prosumers: # EANs")
    site = parse_site(TEXT[:begin] + TEXT[end:], "strem.yaml")
    with pytest.raises(BadInput, match="has no section `islanding`"):
        islanding_of(site)


def test_the_first_stage_in_the_file_that_fits_has_a_load() -> None:
    """A farm's vehicle is shed with the vehicles, its house with the homes."""
    plan = islanding_of(load_site("strem"))
    assert plan.stage_of("farm-4.station") == 4
    assert plan.stage_of("farm-4.load") == 2
    assert plan.stage_of("care-centre.gateway") == 1
    assert plan.stage_of("industry.load") == 3


def test_the_year_of_an_island_is_the_sum_of_its_units() -> None:
    """All loads by stage less sun and CHP are the site's net load with batteries at rest."""
    site = load_site("strem")
    profiles = load(site.profiles)
    year = island_year(site, profiles)
    net_w = np.zeros(profiles.count)
    for prosumer in site.prosumers:
        if prosumer.base_load is not None:
            from environment.profiles.mix import mean_profile

            net_w += mean_profile(profiles, prosumer.base_load.strands) * prosumer.base_load.peak_w.value
        for device in prosumer.devices:
            if not isinstance(device, BatteryUnit):
                net_w += uncontrolled_w(site, device, profiles)
    assert np.allclose(year.load_w.sum(axis=0) - year.sun_w - year.chp_w, net_w)
    assert (year.load_w >= 0).all()
    assert (year.sun_w >= 0).all()
    assert year.chp_w.max() == year.chp_w.min() == 450_000


def test_limits_are_the_site_file_s() -> None:
    """Ratings in watts, droops as shares, relays by priority."""
    site = load_site("strem")
    plan = islanding_of(site)
    limits = limits_of(site, plan, 1_998_200)
    assert (limits.battery_w, limits.capacity_wh, limits.empty_wh) == (250_000, 500_000, 10_000)
    assert (limits.chp_w, limits.chp_min_w) == (500_000, 200_000)
    assert limits.values[f.BATTERY_DROOP] == pytest.approx(0.01)
    assert limits.values[f.CHP_RATE_W_PER_S] == pytest.approx(25_000)
    assert limits.below_hz.tolist() == [0.0, 48.8, 49.2, 49.4]
