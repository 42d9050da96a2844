"""Districts made by seed: sites like any other, with as many of everything as was asked for, on a grid that is true."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cim.model.errors import BadInput
from environment.district import PUBLISHED, Mix, district, write_district
from environment.district.copies import GRIDS_A_FEEDER
from environment.feeder import Feeder
from environment.profiles.grid import load_grid
from environment.sites import build_network, load_site
from environment.sites.loader import parse_site
from environment.sites.schema import Site


def site_of(prosumers: int, seed: int = 1, mix: Mix = PUBLISHED) -> Site:
    """A district as a site, read as a site file is."""
    return parse_site(yaml.dump(district(prosumers, seed, mix), Dumper=yaml.CSafeDumper), "district.yaml")


def owners(site: Site, kind: str) -> set[str]:
    """Who has a device of a kind."""
    return {p.name for p in site.prosumers if any(d.kind == kind for d in p.devices)}


@pytest.mark.parametrize("prosumers", [1, 2, 10, 13, 14, 105])
def test_a_district_of_any_size_is_a_site(prosumers: int) -> None:
    """So many connections, each at a congestion point with a transformer of its own below a feeder's head."""
    site = site_of(prosumers)
    assert len(site.prosumers) == prosumers
    grids = {p.congestion_point for p in site.prosumers}
    assert len(grids) == -(-prosumers // 13)
    parents = {point.id: point.parent for point in site.congestion_points}
    assert all(parents[grid] is not None for grid in grids)
    assert sum(parent is None for parent in parents.values()) == -(-len(grids) // GRIDS_A_FEEDER)


def test_the_same_seed_is_the_same_district_and_another_is_not() -> None:
    """Number, seed and mix decide everything."""
    assert district(30, 4) == district(30, 4)
    assert district(30, 4)["prosumers"] != district(30, 5)["prosumers"]
    assert district(30, 4)["prosumers"] != district(30, 4, Mix(pv=10))["prosumers"]


def test_what_is_written_is_what_was_made(tmp_path: Path) -> None:
    """The file holds the district, reads as a site, and nothing unfinished is left beside it."""
    write_district(tmp_path / "d.yaml", 15, 2)
    assert yaml.safe_load((tmp_path / "d.yaml").read_text(encoding="utf-8")) == district(15, 2)
    assert load_site(str(tmp_path / "d.yaml")).name == "district-15"
    assert [path.name for path in tmp_path.iterdir()] == ["d.yaml"]


def test_market_prices_and_devices_rules_are_strems() -> None:
    """Control interval, market, costs and tariffs are those of `iles run strem`; what was found for Strem's year is assumed."""
    site, strem = site_of(20), load_site("strem")
    assert (site.control_interval_s, site.isp_minutes, site.profiles) == (300, 15, strem.profiles)
    assert (site.tariffs, site.flexibility_costs, site.buildings) == (
        strem.tariffs,
        strem.flexibility_costs,
        strem.buildings,
    )
    here, there = site.market.model_dump(), strem.market.model_dump()
    assert _values(here) == _values(there)
    assert site.market.dso_option_share_up.assumed
    assert site.community is None
    assert site.islanding is None


def _values(part: Any) -> Any:
    """A part of a site file without where its figures are from."""
    if not isinstance(part, dict):
        return part
    return {key: _values(value) for key, value in part.items() if key not in ("source", "assumed")}


def test_the_published_mix_is_dealt_out_whole() -> None:
    """A district of whole grids has of each kind what the published grid has, times the number of grids; rows are its rows."""
    site, strem = site_of(26, seed=3), load_site("strem")
    homes = [p for p in strem.prosumers if p.congestion_point.endswith("lv-rural1")]
    published = Counter(kind for p in homes for kind in {d.kind for d in p.devices})
    assert {kind: len(owners(site, kind)) for kind in published} == {kind: 2 * n for kind, n in published.items()}
    rated = {kind: {d.rated_w.value for p in homes for d in p.devices if d.kind == kind} for kind in published}
    for prosumer in site.prosumers:
        for device in prosumer.devices:
            assert device.rated_w.value in rated[device.kind]
    loads = sorted(p.base_load.peak_w.value for p in homes if p.base_load)
    assert sorted(p.base_load.peak_w.value for p in site.prosumers[:13] if p.base_load) == loads


def test_each_row_is_dealt_equally_often() -> None:
    """Over whole decks no published PV plant is had more often than another."""
    site = site_of(13 * 8)  # eight plants at each of eight grids: eight decks
    rated = Counter(d.rated_w.value for p in site.prosumers for d in p.devices if d.kind == "pv")
    homes = load_site("strem").prosumers
    published = Counter(
        d.rated_w.value for p in homes if "lv-" in p.congestion_point for d in p.devices if d.kind == "pv"
    )
    assert rated == Counter({w: 8 * n for w, n in published.items()})


@pytest.mark.parametrize(
    ("kind", "device"), [("pv", "pv"), ("battery", "battery"), ("station", "station"), ("gateway", "gateway")]
)
@pytest.mark.parametrize("share", [0.0, 45.0, 100.0])
def test_a_share_that_is_asked_for_is_kept(kind: str, device: str, share: float) -> None:
    """Of 40 connections as many have a kind as the share says, the others' kinds as published."""
    site = site_of(40, mix=Mix(**{kind: share}))
    assert len(owners(site, device)) == round(0.4 * share)
    other = "gateway" if device != "gateway" else "pv"
    assert len(owners(site, other)) == len(owners(site_of(40), other))


def test_batteries_stand_behind_pv_as_long_as_there_is_some() -> None:
    """No battery without PV where there are as many plants in each grid; with more batteries than plants all plants have one."""
    usual = site_of(52)
    assert owners(usual, "battery") < owners(usual, "pv")
    many = site_of(52, mix=Mix(battery=100))
    assert owners(many, "pv") < owners(many, "battery")


def test_aggregators_compete_for_every_grid() -> None:
    """Each grid's connections are shared by two aggregators, and twenty grids have the same two."""
    site = site_of(13 * 21)
    by_grid: dict[str, set[str]] = {}
    for prosumer in site.prosumers:
        by_grid.setdefault(prosumer.congestion_point, set()).add(prosumer.aggregator)
    assert {len(pair) for pair in by_grid.values()} == {2}
    assert len({frozenset(pair) for pair in by_grid.values()}) == 2
    assert {a for pair in by_grid.values() for a in pair} == {party.name for party in site.aggregators}


def test_a_copy_of_the_grid_is_the_grid() -> None:
    """What flows in one copy, the others idle, is what flows in the published grid fed with the voltage at the copy's node."""
    network = build_network(site_of(26))
    packed = load_grid("simbench-rural1").network
    whole, alone = Feeder(network), Feeder(packed)
    p = np.zeros((1, len(whole.node_names)))
    q = np.zeros((1, len(alone.node_names)))
    for bus, watts in (("1", -60_000.0), ("14", -30_000.0), ("7", 9_000.0)):
        p[0, whole.node_index[f"g2-bus-{bus}"]] = watts
        q[0, alone.node_index[f"LV1.101 Bus {bus}"]] = watts
    there, here = whole.flow(p), alone.flow(q)
    at = there.voltage_pu[0, whole.node_index["f1-n2"]]
    for bus in ("1", "5", "14"):
        copied = there.voltage_pu[0, whole.node_index[f"g2-bus-{bus}"]] / at
        published = here.voltage_pu[0, alone.node_index[f"LV1.101 Bus {bus}"]] / packed.slack_voltage_pu
        assert copied == pytest.approx(published, abs=2e-4)
    loading = there.loading_pct[0, whole.branch_names.index("g2-trafo-1")]
    assert loading == pytest.approx(here.loading_pct[0, alone.branch_names.index("MV1.101-LV1.101-Trafo 1")], rel=0.01)


def test_feeders_share_nothing_but_the_busbar() -> None:
    """Power in one feeder moves no voltage in another."""
    network = build_network(site_of(13 * 9))
    feeder = Feeder(network)
    p = np.zeros((2, len(feeder.node_names)))
    p[1, feeder.node_index["g1-bus-5"]] = -100_000
    voltage = feeder.flow(p).voltage_pu
    far, near = feeder.node_index["g9-bus-5"], feeder.node_index["g2-bus-5"]
    assert voltage[1, far] == pytest.approx(voltage[0, far], abs=1e-6)
    assert voltage[1, near] > voltage[0, near] + 1e-5


@pytest.mark.parametrize("prosumers", [0, -1, 100_001])
def test_a_size_that_cannot_be_is_refused(prosumers: int) -> None:
    """It names the number and what was expected."""
    with pytest.raises(BadInput, match=f"prosumers: {prosumers}; expected 1 to 100000"):
        district(prosumers, 1)


def test_a_share_that_cannot_be_is_refused() -> None:
    """It names the kind."""
    with pytest.raises(BadInput, match="mix: pv of 101 %; expected 0 to 100"):
        Mix(pv=101)
