"""How hosts reach their devices: what the runtime needs of a layer above that knows drivers and protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from agents.runtime.imports import imported
from cim.codec.codec import wire
from devices.port.port import Port


class DevicePorts(Protocol):
    """The ports of one host's devices."""

    @property
    def dialled(self) -> bool:
        """Whether some of the devices dial in, and then speak whenever they like."""
        ...

    async def listen(self) -> dict[str, str]:
        """Let in those that dial; by device, the URL that it is to dial. Before `port` is asked for."""
        ...

    def port(self, device: str) -> Port:
        """The port of a device, not yet open."""
        ...

    async def close(self) -> None:
        """Let nobody in any more; the ports are closed by their host."""
        ...


@wire("runtime.DeviceAccess")
@dataclass(frozen=True, slots=True)
class DeviceAccess:
    """How a host in another process reaches its devices.

    Attributes:
        make: import path of the function that makes its `DevicePorts`.
        arguments: what that is given, wire values.
    """

    make: str
    arguments: tuple[Any, ...]

    def ports(self) -> DevicePorts:
        """The host's ports, made in this process."""
        made: DevicePorts = imported(self.make)(*self.arguments)
        return made


class DeviceLinks(Protocol):
    """How all devices of a site are reached."""

    @property
    def real_time(self) -> bool:
        """Whether the devices' time is the wall clock's, which goes on while a host works."""
        ...

    @property
    def dialling(self) -> dict[str, str]:
        """By which name each of the devices that dial in does; several may share one connection."""
        ...

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """For a host in another process with these devices."""
        ...

    def ports(self, devices: tuple[str, ...]) -> DevicePorts:
        """For a host in this process with these devices."""
        ...

    async def dial(self, urls: dict[str, str]) -> None:
        """Tell devices that dial in their URLs, where they are not told by people."""
        ...
