"""The direct wire of the Ray runtime: the simulated site in an actor; registers and frames are handed over by calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import ray
from ray.exceptions import RayTaskError

from agents.assembly.simulated_world import simulation
from agents.assembly.site_agents import DeviceLinks, SiteAgents
from agents.runtime.ray.calls import here
from devices.dial_in.transport import FrameLink
from devices.port.errors import DeviceError


@ray.remote(num_cpus=0)
class WorldActor:
    """Holds the simulation; device faults are raised to the caller as they are."""

    def __init__(self, site: str, start: datetime, seed: int) -> None:
        self._simulation = simulation(site, start, seed)

    async def advance(self, to: datetime) -> None:
        """Move on."""
        self._simulation.advance(to)

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        self._simulation.silence(device, lost)

    async def read(self, device: str, address: int, count: int) -> list[int]:
        """Registers of a SunSpec device."""
        return await self._simulation.registers(device).read(address, count)

    async def write(self, device: str, address: int, values: list[int]) -> None:
        """Registers of a SunSpec device."""
        await self._simulation.registers(device).write(address, values)

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """Frames of a dial-in device."""
        return await self._simulation.link.exchange(device, frames)

    async def dial(self, device: str) -> None:
        """A driver begins: the device's session begins with it."""
        self._simulation.link.dial(device)

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed."""
        return dict(self._simulation.truth(start, end))

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed, by kind of thing."""
        return dict(self._simulation.truth_by_kind(start, end))


async def _answer(call: Any) -> Any:
    try:
        return await call
    except RayTaskError as error:
        if isinstance(error.cause, DeviceError):
            raise error.cause from None
        raise


class RemoteRegisters:
    """`devices.sunspec.registers.Registers` of one device in the world actor."""

    def __init__(self, actor: Any, device: str) -> None:
        self._actor, self._device = actor, device

    async def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`."""
        return await _answer(self._actor.read.remote(self._device, address, count))  # type: ignore[no-any-return]

    async def write(self, address: int, values: list[int]) -> None:
        """Write registers from `address` on."""
        await _answer(self._actor.write.remote(self._device, address, values))

    async def close(self) -> None:
        """Nothing to let go of."""


class RemoteLink:
    """`devices.dial_in.transport.FrameLink` to the world actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def dial(self, device: str) -> None:
        """A driver begins: the device's session begins with it."""
        ray.get(self._actor.dial.remote(device))

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """Hand frames over and get the device's."""
        return await _answer(self._actor.exchange.remote(device, frames))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class RemoteWorld:
    """`agents.assembly.device_ports.DirectWorld`, as host actors hold it."""

    actor: Any

    @property
    def link(self) -> FrameLink:
        """To the dial-in devices."""
        return RemoteLink(self.actor)

    def registers(self, name: str) -> RemoteRegisters:
        """To a SunSpec device."""
        return RemoteRegisters(self.actor, name)


class RayWorld:
    """The run's side of the world actor."""

    def __init__(self, site: str, start: datetime, seed: int) -> None:
        self._actor = cast("Any", WorldActor).options(scheduling_strategy=here()).remote(site, start, seed)

    def wire(self, site_agents: SiteAgents) -> DeviceLinks:
        """Every host gets a handle."""
        return DeviceLinks(direct=RemoteWorld(self._actor))

    async def advance(self, to: datetime) -> None:
        """Move on."""
        ray.get(self._actor.advance.remote(to))

    async def silence(self, device: str, lost: bool) -> None:
        """Lose a device, or get it back."""
        ray.get(self._actor.silence.remote(device, lost))

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed."""
        return ray.get(self._actor.truth.remote(start, end))  # type: ignore[no-any-return]

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed, by kind of thing."""
        return ray.get(self._actor.truth_by_kind.remote(start, end))  # type: ignore[no-any-return]

    async def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)
