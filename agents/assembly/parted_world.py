"""A simulated site in parts: each in a process of its own with the agents that live there, all on one clock.

What one connection does moves no other one, but for the meters at congestion points, which sum what is below them. So a part is
everything below some of the topmost points, and is there as it is in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

import numpy as np

from agents.assembly.device_links import dialling_names, evses_among
from agents.assembly.device_ports import DirectPorts, Evses, Kinds
from agents.assembly.processes.process import WorkerProcess
from agents.assembly.processes.runtime import HERE
from agents.assembly.site_agents import SiteAgents
from agents.runtime.device_access import DeviceAccess
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput, ProgrammingFault
from devices.simulators.simulation import Simulation
from devices.weather import WeatherSource
from environment.physics.device_truth import DeviceTruth
from environment.physics.unit import UnitKind
from environment.profiles.library import load
from environment.sites import load_site
from environment.sites.schema import Site

T = TypeVar("T")
Flows = dict[str, tuple[Ints, Ints]]  # see `environment.physics.world.World.truth`

_WIRE_TYPES = "agents.assembly.wire_types"
# What the parties that no part is without (DSO, ledger keeper, manager) and the run itself take of a day's CPU time beside all
# connections: their process gets so much less of these.
_CENTRAL_SHARE = 0.3


def separate_parts(site: Site) -> tuple[tuple[str, ...], ...]:
    """Prosumers by topmost congestion point: what shares nothing with the others, and so may be in a process of its own."""
    groups: dict[str, list[str]] = {}
    for prosumer in site.prosumers:
        groups.setdefault(site.points_above(prosumer.congestion_point)[-1], []).append(prosumer.name)
    return tuple(map(tuple, groups.values()))


def parts_of_site(site: Site, processes: int) -> dict[str, tuple[str, ...]]:
    """Prosumers by process: what is below one topmost congestion point stays together; `HERE`, with the parties, gets less.

    Raises:
        BadInput: there are fewer such points than processes.
    """
    groups = separate_parts(site)
    if processes > len(groups):
        raise BadInput(
            f"processes: {processes}; expected at most {len(groups)}, as many as {site.name} has parts that share nothing"
        )
    load_of = {HERE: _CENTRAL_SHARE * len(site.prosumers), **{f"part-{n}": 0.0 for n in range(1, processes)}}
    dealt: dict[str, list[str]] = {name: [] for name in load_of}
    for names in sorted(groups, key=len, reverse=True):
        least = min(load_of, key=load_of.__getitem__)
        load_of[least] += len(names)
        dealt[least] += names
    order = {prosumer.name: number for number, prosumer in enumerate(site.prosumers)}
    return {name: tuple(sorted(names, key=order.__getitem__)) for name, names in dealt.items()}


def hosts_of_agents(site: Site, parts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """By agent, the process in which it lives: with its devices; an aggregator with most of its connections; others `HERE`."""
    part_of = {name: part for part, names in parts.items() for name in names}
    found: dict[str, str] = {}
    for prosumer in site.prosumers:
        part = part_of[prosumer.name]
        found |= dict.fromkeys((prosumer.name, *map(prosumer.device_name, prosumer.devices)), part)
    for point in site.congestion_points:
        below = {part_of[name] for name in site.below(point.id)}
        found[point.meter] = below.pop() if len(below) == 1 else HERE
    for party in site.aggregators:
        served = [part_of[p.name] for p in site.prosumers if p.aggregator == party.name]
        found[party.name] = max(sorted(set(served)), key=served.count) if served else HERE
    return found


class WorldPart:
    """A part of the site in this process, as whoever holds it asks it."""

    def __init__(self, site: str, start: datetime, seed: int, members: tuple[str, ...]) -> None:
        loaded = load_site(site)
        self.simulation = Simulation(loaded, load(loaded.profiles), start, seed, members=frozenset(members))

    def advance(self, to: datetime) -> None:
        """Move on."""
        self.simulation.advance(to)

    def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        self.simulation.silence(device, lost)

    def truth(self, start: datetime, end: datetime) -> Flows:
        """What really flowed."""
        return dict(self.simulation.truth(start, end))

    def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Floats]:
        """What really flowed, by kind of thing."""
        return dict(self.simulation.truth_by_kind(start, end))

    def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did."""
        return self.simulation.device_truth(start, end)


_here: list[WorldPart] = []  # the part that this worker process holds, for its host's ports


def part_here(site: str, start: datetime, seed: int, members: tuple[str, ...]) -> WorldPart:
    """Make the part that this worker process is to hold."""
    _here[:] = [WorldPart(site, start, seed, members)]
    return _here[0]


def ports_to_part(kinds: Kinds, weather: WeatherSource | None, evses: Evses) -> DirectPorts:
    """The ports of a worker's devices in the part that it holds."""
    if not _here:
        raise ProgrammingFault("this process holds no part of a world; expected `part_here` first")
    return DirectPorts(kinds, weather, _here[0].simulation, evses)


@dataclass(frozen=True)
class PartedLinks:
    """Devices that are simulated in the process of their agents.

    Attributes:
        here: the part in this process.
        workers: by host, the other processes.
        host_of: where each agent lives; who is not in it, in this process.
    """

    kinds: Kinds
    weather: WeatherSource | None
    here: Simulation
    workers: Mapping[str, WorkerProcess]
    host_of: Mapping[str, str]
    evses: Evses
    real_time = False

    @property
    def dialling(self) -> dict[str, str]:
        """The devices that would dial in, were there sockets, each with the name by which it would."""
        return dialling_names(self.kinds, {}, self.evses)

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """In the worker's own part."""
        kinds = {device: self.kinds[device] for device in devices}
        evses = evses_among(devices, self.evses)
        return DeviceAccess("agents.assembly.parted_world:ports_to_part", (kinds, self.weather, evses))

    def ports(self, devices: tuple[str, ...]) -> DirectPorts:
        """In the part of this process."""
        kinds = {device: self.kinds[device] for device in devices}
        return DirectPorts(kinds, self.weather, self.here, evses_among(devices, self.evses))

    async def dial(self, urls: dict[str, str]) -> None:
        """Nobody dials."""


class PartedWorld:
    """The site's parts, moved on side by side; see `agents.assembly.simulated_world.SimulatedWorld`.

    Raises:
        BadInput: the site has fewer parts than processes are wanted.
    """

    def __init__(self, site: str, start: datetime, seed: int, processes: int) -> None:
        self._site = load_site(site)
        parts = parts_of_site(self._site, processes)
        self._host_of = hosts_of_agents(self._site, parts)
        self._start, self._now = start, start
        self._workers: dict[str, WorkerProcess] = {}
        try:
            for name, members in parts.items():
                if name != HERE:
                    world = ("agents.assembly.parted_world:part_here", (site, start, seed, members))
                    self._workers[name] = WorkerProcess(name, _WIRE_TYPES, world)
            self._here = WorldPart(site, start, seed, parts[HERE])
        except BaseException:
            self._end()
            raise

    async def now(self) -> datetime:
        """The instant that the world has reached."""
        return self._here.simulation.now

    def links(self, site_agents: SiteAgents) -> PartedLinks:
        """Everybody's devices are in its own process."""
        host_of = {spec.name: self._host_of.get(spec.name, HERE) for spec in site_agents.agents}
        kinds, weather, evses = site_agents.device_kinds, site_agents.weather, site_agents.evses
        return PartedLinks(kinds, weather, self._here.simulation, self._workers, host_of, evses)

    async def advance(self, to: datetime) -> None:
        """Move all parts on, side by side."""
        for worker in self._workers.values():
            worker.begin("of world", "advance", to)
        self._here.advance(to)
        for worker in self._workers.values():
            worker.end()

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        owner = (
            device if device in self._host_of else device.removesuffix(".meter")
        )  # a home reads its smart meter itself
        host = self._host_of.get(owner, HERE)
        if host == HERE:
            self._here.silence(device, lost)
        else:
            self._workers[host].ask("of world", "silence", device, lost)

    def _everywhere(self, here: Callable[[datetime, datetime], T], start: datetime, end: datetime) -> list[T]:
        for worker in self._workers.values():
            worker.begin("of world", here.__name__, start, end)
        return [here(start, end), *(cast("T", worker.end()) for worker in self._workers.values())]

    async def truth(self, start: datetime, end: datetime) -> Flows:
        """What really flowed, in the order of the site."""
        found = {name: flow for part in self._everywhere(self._here.truth, start, end) for name, flow in part.items()}
        return {prosumer.name: found[prosumer.name] for prosumer in self._site.prosumers}

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Floats]:
        """What really flowed, by kind of thing."""
        parts = self._everywhere(self._here.truth_by_kind, start, end)
        return {
            kind.value: np.sum([part[kind.value] for part in parts if kind.value in part], axis=0)
            for kind in UnitKind
            if any(kind.value in part for part in parts)
        }

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did."""
        parts = self._everywhere(self._here.device_truth, start, end)
        return DeviceTruth(
            {name: kind for part in parts for name, kind in part.kinds.items()},
            {name: row for part in parts for name, row in part.power_w.items()},
            {name: row for part in parts for name, row in part.available_w.items()},
            sum(part.unserved_ev_wh for part in parts),
            sum(part.discomfort_kh for part in parts),
            {name: saved for part in parts for name, saved in part.warmth_saves_wh.items()},
            {name: row for part in parts for name, row in part.stored_wh.items()},
        )

    async def close(self) -> None:
        """End the other processes."""
        self._end()

    def _end(self) -> None:
        for worker in self._workers.values():
            worker.close()
