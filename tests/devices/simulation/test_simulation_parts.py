"""A part of a simulated site is there as it is in the whole: to the register."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from devices.simulators.simulation import Simulation
from devices.simulators.sunspec.image import BASE
from environment.district import PUBLISHED, write_district
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import load_site
from environment.sites.schema import Site
from tests.worlds.market_days import two_grids_apart

START = datetime.fromisoformat("2016-05-20T04:00+00:00")
STEP = timedelta(minutes=5)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two grids below one feeder's head."""
    path = tmp_path_factory.mktemp("parts") / "district.yaml"
    write_district(path, 20, 1, PUBLISHED)
    return load_site(str(path))


def lived(site: Site, members: frozenset[str] | None, hours: int = 9) -> Simulation:
    """A simulation that has lived through a morning in which sun rises and vehicles leave, nothing being controlled."""
    simulation = Simulation(site, load(site.profiles), START, seed=3, members=members)
    for number in range(1, hours * 12 + 1):
        simulation.advance(START + number * STEP)
    return simulation


def shown(simulation: Simulation, device: str) -> list[int]:
    """All registers of a SunSpec device but its end."""
    return simulation.sunspec_devices[device].read(BASE, 120)


def test_every_device_of_a_part_shows_what_it_shows_in_the_whole(site: Site) -> None:
    """The second grid alone: its smart meters, plants, batteries and transformer meter to the register, its stations to the
    message; the first batteries' charges are dealt by the place in the whole site.
    """
    _, second = (point for point in site.congestion_points if point.parent is not None)
    members = frozenset(site.below(second.id))
    whole, part = lived(site, None), lived(site, members)
    mine = {name for p in site.prosumers if p.name in members for name in (p.meter, *map(p.device_name, p.devices))}
    assert set(part.names) == mine | {second.meter}
    compared = [name for name in part.names if name in part.sunspec_devices]
    assert len(compared) > len(members)
    assert {name: shown(part, name) for name in compared} == {name: shown(whole, name) for name in compared}
    flowed, there = whole.truth(START, whole.now), part.truth(START, part.now)
    assert there.keys() == members
    assert all((there[name][0] == flowed[name][0]).all() for name in members)


def test_a_point_is_metered_only_where_all_below_it_are(site: Site) -> None:
    """A part of a grid has no meter at its transformer: it would show less than flows there."""
    second = [point for point in site.congestion_points if point.parent is not None][1]
    some = frozenset(site.below(second.id)[:-1])
    assert second.meter not in Simulation(site, load(site.profiles), START, members=some).names


def test_nothing_stops_for_devices_that_it_shares_nothing_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two grids apart each stops when its own vehicles come and go: as often as it does alone."""
    apart, stops = load_site(str(two_grids_apart(tmp_path))), Counter[str]()
    step = World.advance_part

    def counted(world: World, top: str, to: datetime) -> None:
        stops[top] += 1
        step(world, top, to)

    monkeypatch.setattr(World, "advance_part", counted)
    lived(apart, None)
    together, alone = dict(stops), Counter[str]()
    for point in apart.congestion_points:
        stops.clear()
        lived(apart, frozenset(apart.below(point.id)))
        alone += stops
    assert together == alone
    assert min(together.values()) > 9 * 12
