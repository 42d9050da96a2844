"""The simulated site that a run's devices live in: in this process, or in one of its own behind sockets.

(In a Ray actor: `agents.assembly.ray_world`.) All take their time from the scheduler.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from agents.assembly.device_links import InProcessLinks, SocketLinks
from agents.assembly.device_ports import DIAL_IN, identities
from agents.assembly.site_agents import SiteAgents
from agents.runtime.device_access import DeviceLinks
from devices.simulators.simulation import Simulation
from environment.physics.device_truth import DeviceTruth
from environment.profiles.library import load
from environment.sites import load_site

Progress = Callable[[datetime, float], None]  # how far a log is replayed: the instant, and the share


class SimulatedWorld(Protocol):
    """What a run needs of its world; `truth` is for verification, never for an agent."""

    async def now(self) -> datetime:
        """The instant that it has reached."""
        ...

    def links(self, site_agents: SiteAgents) -> DeviceLinks:
        """How the agents' hosts reach their devices."""
        ...

    async def advance(self, to: datetime) -> None:
        """Move on to an instant; returns when all devices are quiet."""
        ...

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        ...

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """See `environment.physics.world.World.truth`."""
        ...

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """See `environment.physics.world.World.truth_by_kind`."""
        ...

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """See `environment.physics.world.World.device_truth`."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


def simulation(
    site: str, start: datetime, seed: int, log: Path | None = None, progress: Progress | None = None
) -> Simulation:
    """A site's simulation from `start` on, or from where its log ends; see `RecordedSimulation`."""
    loaded = load_site(site)
    if log is None:
        return Simulation(loaded, load(loaded.profiles), start, seed)
    from devices.simulators.recording import RecordedSimulation

    return RecordedSimulation(loaded, load(loaded.profiles), start, seed, log, progress)


class InProcessWorld:
    """The direct wire of the local runtime: registers and frames are handed over by plain calls.

    With a `log` it goes on where that one ends, see `RecordedSimulation`, which also tells what is refused.
    """

    def __init__(
        self, site: str, start: datetime, seed: int, log: Path | None = None, progress: Progress | None = None
    ) -> None:
        self._simulation = simulation(site, start, seed, log, progress)

    async def now(self) -> datetime:
        """The instant that the world has reached."""
        return self._simulation.now

    def links(self, site_agents: SiteAgents) -> InProcessLinks:
        """The simulation itself is the other end."""
        return InProcessLinks(site_agents.device_kinds, site_agents.weather, self._simulation, site_agents.evses)

    async def advance(self, to: datetime) -> None:
        """Move the physics and let the devices say what they have to say."""
        self._simulation.advance(to)

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        self._simulation.silence(device, lost)

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed."""
        return dict(self._simulation.truth(start, end))

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed, by kind of thing."""
        return dict(self._simulation.truth_by_kind(start, end))

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did."""
        return self._simulation.device_truth(start, end)

    async def close(self) -> None:
        """Let go of the log."""
        self._simulation.close()


class TcpWorld:
    """A process of its own: Modbus TCP servers, stations and gateways that dial in, and a control channel beside."""

    def __init__(self, client: Any, endpoints: dict[str, tuple[str, int]]) -> None:
        self._client = client
        self._endpoints = endpoints
        self._passwords: dict[str, str] = {}

    @classmethod
    async def open(
        cls,
        site: str,
        start: datetime,
        seed: int,
        base_port: int = 0,
        log: Path | None = None,
        progress: Progress | None = None,
    ) -> TcpWorld:
        """Start the process; with a `log` it goes on where that one ends, see `RecordedSimulation`.

        Raises:
            BadInput: a port is in use, or the log does not fit.
        """
        from devices.simulators.control import ControlClient

        client = await ControlClient.start(site, start, seed, base_port=base_port, log=log, progress=progress)
        return cls(client, dict(client.endpoints))

    async def now(self) -> datetime:
        """The instant that the world has reached."""
        at: datetime = await self._client.now()
        return at

    def links(self, site_agents: SiteAgents) -> SocketLinks:
        """Addresses of the SunSpec devices; passwords, made for this run, for those that dial in."""
        kinds = site_agents.device_kinds
        dialling = identities((name for name, kind in kinds.items() if kind in DIAL_IN), site_agents.evses)
        self._passwords = {name: secrets.token_urlsafe(18) for name in dialling}
        return SocketLinks(
            kinds=kinds,
            weather=site_agents.weather,
            addresses={name: (host, port, 1) for name, (host, port) in self._endpoints.items()},
            passwords=self._passwords,
            tell_urls=self._dial,
            evses=site_agents.evses,
        )

    async def _dial(self, urls: dict[str, str]) -> None:
        await self._client.dial({name: (url, name, self._passwords[name]) for name, url in urls.items()})

    async def advance(self, to: datetime) -> None:
        """Move on; the process answers when all its devices are quiet."""
        await self._client.advance(to)

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        await self._client.silence(device, lost)

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed."""
        return dict(await self._client.truth(start, end))

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed, by kind of thing."""
        return dict(await self._client.truth_by_kind(start, end))

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did."""
        truth: DeviceTruth = await self._client.device_truth(start, end)
        return truth

    async def close(self) -> None:
        """End the process."""
        await self._client.close()


async def open_world(
    site: str,
    start: datetime,
    seed: int,
    *,
    wire: str,
    runtime: str,
    base_port: int = 0,
    log: Path | None = None,
    processes: int = 1,
) -> SimulatedWorld:
    """The simulated site: in a process of its own behind sockets, in a Ray actor, in this process, or in parts in several.

    Args:
        wire: `tcp` for sockets, `direct` to hand registers and frames over.
        runtime: `ray` or `local`, where the agents live.
        base_port: first TCP port of the devices; 0 takes free ones.
        log: of a world with sockets: it goes on where that one ends.
        processes: how many share the site, each with the agents of its part; without sockets and Ray.

    Raises:
        BadInput: a port is in use, the log does not fit, or the site has fewer parts than processes are wanted.
    """
    if wire == "tcp":
        return await TcpWorld.open(site, start, seed, base_port, log)
    if runtime == "ray":
        from agents.assembly.ray_world import RayWorld

        return RayWorld(site, start, seed)
    if processes > 1:
        from agents.assembly.parted_world import PartedWorld

        return PartedWorld(site, start, seed, processes)
    return InProcessWorld(site, start, seed)
