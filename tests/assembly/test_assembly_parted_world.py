"""How a site is dealt to processes, and that its parts together are the whole."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.assembly.parted_world import PartedWorld, hosts_of_agents, parts_of_site
from agents.assembly.processes.runtime import HERE
from agents.assembly.simulated_world import InProcessWorld, SimulatedWorld
from cim.model.errors import BadInput
from environment.district import PUBLISHED, district
from environment.sites import load_site
from environment.sites.loader import parse_site
from environment.sites.schema import Site
from tests.worlds.market_days import two_grids_apart

START = datetime.fromisoformat("2016-05-20T08:00+00:00")


@pytest.fixture(scope="module")
def feeders() -> Site:
    """Three feeders: 104, 104 and 12 connections."""
    return parse_site(yaml.dump(district(220, 1, PUBLISHED), Dumper=yaml.CSafeDumper), "district.yaml")


def test_what_is_below_a_topmost_point_stays_together_and_everybody_is_dealt_once(feeders: Site) -> None:
    """The process with the parties has less to do beside them."""
    parts = parts_of_site(feeders, 2)
    assert set(parts) == {HERE, "part-1"}
    assert sorted(name for names in parts.values() for name in names) == sorted(p.name for p in feeders.prosumers)
    top = {p.name: feeders.points_above(p.congestion_point)[-1] for p in feeders.prosumers}
    assert not {top[name] for name in parts[HERE]} & {top[name] for name in parts["part-1"]}
    assert len(parts[HERE]) < len(parts["part-1"])


def test_a_site_has_no_more_processes_than_parts_that_share_nothing(feeders: Site) -> None:
    """How many it can have is said."""
    assert len(parts_of_site(feeders, 3)) == 3
    with pytest.raises(BadInput, match="processes: 4; expected at most 3"):
        parts_of_site(feeders, 4)


def test_devices_and_meters_live_with_their_connections(feeders: Site) -> None:
    """Parties live here but aggregators, who live with most of theirs; a feeder's meter lives with its feeder."""
    parts = parts_of_site(feeders, 2)
    hosts = hosts_of_agents(feeders, parts)
    for part, names in parts.items():
        for prosumer in (feeders.prosumer(name) for name in names):
            assert {hosts[prosumer.name], *(hosts[prosumer.device_name(d)] for d in prosumer.devices)} == {part}
            assert hosts[feeders.points_above(prosumer.congestion_point)[-1].rpartition(":")[2] + ".meter"] == part
    assert {hosts[party.name] for party in feeders.aggregators} <= set(parts)
    assert feeders.dso.name not in hosts


async def _lived(world: SimulatedWorld) -> tuple[Any, ...]:
    try:
        for number in range(1, 25):
            await world.advance(START + number * timedelta(minutes=15))
        span = START, await world.now()
        return await world.truth(*span), await world.truth_by_kind(*span), await world.device_truth(*span)
    finally:
        await world.close()


def test_the_parts_together_are_the_whole(tmp_path: Path) -> None:
    """What flowed at each connection in the order of the site, by kind and by unit: the same as in one process."""
    path = str(two_grids_apart(tmp_path))
    truth, by_kind, devices = asyncio.run(_lived(InProcessWorld(path, START, 3)))
    in_parts, kinds_in_parts, devices_in_parts = asyncio.run(_lived(PartedWorld(path, START, 3, 2)))
    assert list(in_parts) == list(truth) == [prosumer.name for prosumer in load_site(path).prosumers]
    assert all((in_parts[name][0] == truth[name][0]).all() for name in truth)
    assert by_kind.keys() == kinds_in_parts.keys()
    assert all(abs(kinds_in_parts[kind] - by_kind[kind]).max() < 1e-6 for kind in by_kind)
    assert devices.kinds == devices_in_parts.kinds
    assert all((devices.power_w[unit] == devices_in_parts.power_w[unit]).all() for unit in devices.kinds)
