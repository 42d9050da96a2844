"""The direct wire of the Ray runtime: the simulated site in an actor; registers and frames are handed over by calls."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, cast

import ray
from ray.exceptions import RayTaskError

from agents.assembly.device_links import WorldActorLinks
from agents.assembly.device_ports import DirectPorts, Evses, Kinds
from agents.assembly.simulated_world import simulation
from agents.assembly.site_agents import SiteAgents
from agents.runtime.ray.calls import on_this_node
from cim.codec.codec import decode, encode
from devices.dial_in.transport import FrameLink
from devices.port.errors import DeviceError
from devices.weather import WeatherSource
from environment.physics.device_truth import DeviceTruth


@ray.remote(num_cpus=0)
class WorldActor:
    """Holds the simulation; device faults are raised to the caller as they are."""

    def __init__(self, site: str, start: datetime, seed: int) -> None:
        self._simulation = simulation(site, start, seed)

    async def now(self) -> datetime:
        """The instant that it has reached."""
        return self._simulation.now

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

    async def subprotocol(self, device: str) -> str | None:
        """What a dial-in device speaks."""
        return self._simulation.link.subprotocol(device)

    async def truth(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed."""
        return dict(self._simulation.truth(start, end))

    async def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What really flowed, by kind of thing."""
        return dict(self._simulation.truth_by_kind(start, end))

    async def device_truth(self, start: datetime, end: datetime) -> bytes:
        """What every unit really did, as it travels."""
        return encode(self._simulation.device_truth(start, end))


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

    def subprotocol(self, device: str) -> str | None:
        """See `devices.dial_in.transport.Speaking`."""
        spoken: str | None = ray.get(self._actor.subprotocol.remote(device))
        return spoken

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """Hand frames over and get the device's."""
        return await _answer(self._actor.exchange.remote(device, frames))  # type: ignore[no-any-return]


class RemoteWorld:
    """`agents.assembly.device_ports.DirectWorld` in a host's process: the world actor, found by its name."""

    def __init__(self, actor: str) -> None:
        self._actor = cast("Any", ray).get_actor(actor)

    @property
    def link(self) -> FrameLink:
        """To the dial-in devices."""
        return RemoteLink(self._actor)

    def registers(self, name: str) -> RemoteRegisters:
        """To a SunSpec device."""
        return RemoteRegisters(self._actor, name)


def ports_to_actor(kinds: Kinds, weather: WeatherSource | None, actor: str, evses: Evses) -> DirectPorts:
    """The ports of a host's devices in the world actor of this name."""
    return DirectPorts(kinds, weather, RemoteWorld(actor), evses)


class RayWorld:
    """The run's side of the world actor."""

    def __init__(self, site: str, start: datetime, seed: int) -> None:
        self._name = f"iles-world-{secrets.token_hex(4)}"
        options = cast("Any", WorldActor).options(name=self._name, scheduling_strategy=on_this_node())
        self._actor = options.remote(site, start, seed)

    async def now(self) -> datetime:
        """The instant that it has reached."""
        at: datetime = ray.get(self._actor.now.remote())
        return at

    def links(self, site_agents: SiteAgents) -> WorldActorLinks:
        """Every host finds the actor by its name."""
        return WorldActorLinks(site_agents.device_kinds, site_agents.weather, self._name, site_agents.evses)

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

    async def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit really did."""
        truth: DeviceTruth = decode(ray.get(self._actor.device_truth.remote(start, end)))
        return truth

    async def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)
