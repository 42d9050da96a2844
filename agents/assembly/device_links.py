"""How a site's devices are reached, from every host: `agents.runtime.device_access.DeviceLinks`, filled in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from agents.assembly.device_ports import (
    Address,
    DirectPorts,
    DirectWorld,
    Evses,
    Kinds,
    SocketPorts,
    dialling,
    identities,
)
from agents.runtime.device_access import DeviceAccess
from cim.model.errors import ProgrammingFault
from devices.dial_in.tls import TlsFiles
from devices.weather import WeatherSource


def evses_among(devices: Iterable[str], evses: Evses) -> Evses:
    """Those of the devices that are EVSEs."""
    return {device: evses[device] for device in devices if device in evses}


def dialling_names(kinds: Kinds, addresses: dict[str, Address], evses: Evses) -> dict[str, str]:
    """The devices that dial in, each with the name by which it does: EVSEs with their station's."""
    found = dialling(kinds, addresses)
    return {device: evses[device].station if device in evses else device for device in found}


async def _nobody(_: dict[str, str]) -> None:
    return None


@dataclass(frozen=True)
class SocketLinks:
    """Devices behind sockets; see `SocketPorts`.

    Attributes:
        kinds, weather: of all devices of the site.
        addresses: of each SunSpec device, and of each building behind an MQTT broker.
        passwords: of each device that dials in, or their salted hashes; of EVSEs, of their station.
        tell_urls: tells those what to dial (simulators; real ones have it in their settings).
        listen_at: where dial-in devices are let in; with port 0 each host has a port of its own.
        by_certificate: those of them that come with a certificate instead of a password.
        tls: where the server's certificate is; None where TLS is nobody's business, or a proxy's.
        evses: of those devices that are one of several of a station.
    """

    kinds: Kinds = field(default_factory=dict)
    weather: WeatherSource | None = None
    addresses: dict[str, Address] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    tell_urls: Callable[[dict[str, str]], Awaitable[None]] = _nobody
    listen_at: tuple[str, int] = ("127.0.0.1", 0)
    real_time: bool = False
    by_certificate: tuple[str, ...] = ()
    tls: TlsFiles | None = None
    evses: Evses = field(default_factory=dict)

    @property
    def dialling(self) -> dict[str, str]:
        """The devices that dial in, each with the name by which it does."""
        return dialling_names(self.kinds, self.addresses, self.evses)

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """A host is told of its own devices only, passwords above all."""
        kinds = {device: self.kinds[device] for device in devices}
        addresses = {device: self.addresses[device] for device in devices if device in self.addresses}
        evses = evses_among(devices, self.evses)
        names = identities(devices, evses)
        passwords = {name: self.passwords[name] for name in names if name in self.passwords}
        certified = tuple(name for name in self.by_certificate if name in names)
        how = (self.listen_at, self.real_time, certified, self.tls, evses)
        arguments = (kinds, self.weather, addresses, passwords, *how)
        return DeviceAccess("agents.assembly.device_ports:SocketPorts", arguments)

    def ports(self, devices: tuple[str, ...]) -> SocketPorts:
        """The same for a host in this process."""
        return SocketPorts(*self.access(devices).arguments)

    async def dial(self, urls: dict[str, str]) -> None:
        """Tell them."""
        await self.tell_urls(urls)


@dataclass(frozen=True)
class InProcessLinks:
    """Devices of a simulation in this process."""

    kinds: Kinds
    weather: WeatherSource | None
    world: DirectWorld
    evses: Evses = field(default_factory=dict)
    real_time = False

    @property
    def dialling(self) -> dict[str, str]:
        """The devices that would dial in, were there sockets, each with the name by which it would."""
        return dialling_names(self.kinds, {}, self.evses)

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """No other process reaches them."""
        raise ProgrammingFault(f"{', '.join(devices)}: simulated in this process; expected a host in it too")

    def ports(self, devices: tuple[str, ...]) -> DirectPorts:
        """For a host in this process."""
        kinds = {device: self.kinds[device] for device in devices}
        return DirectPorts(kinds, self.weather, self.world, evses_among(devices, self.evses))

    async def dial(self, urls: dict[str, str]) -> None:
        """Nobody dials."""


@dataclass(frozen=True)
class WorldActorLinks:
    """Devices of a simulation in a Ray actor.

    Attributes:
        actor: its name in Ray.
    """

    kinds: Kinds
    weather: WeatherSource | None
    actor: str
    evses: Evses = field(default_factory=dict)
    real_time = False

    @property
    def dialling(self) -> dict[str, str]:
        """The devices that would dial in, were there sockets, each with the name by which it would."""
        return dialling_names(self.kinds, {}, self.evses)

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """By the actor's name."""
        kinds = {device: self.kinds[device] for device in devices}
        arguments = (kinds, self.weather, self.actor, evses_among(devices, self.evses))
        return DeviceAccess("agents.assembly.ray_world:ports_to_actor", arguments)

    def ports(self, devices: tuple[str, ...]) -> DirectPorts:
        """The same for a host in this process."""
        from agents.assembly.ray_world import ports_to_actor

        return ports_to_actor(*self.access(devices).arguments)

    async def dial(self, urls: dict[str, str]) -> None:
        """Nobody dials."""
