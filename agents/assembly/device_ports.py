"""The ports of a host's devices: over sockets, or by handing registers and frames over.

Both ways end in the same drivers and codecs; only what carries the bytes differs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from agents.runtime.clocks import wall_time
from cim.model.devices import DeviceKind
from cim.model.errors import ProgrammingFault
from devices.dial_in.door import Door
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.dial_in.tls import TlsFiles, server_context
from devices.dial_in.transport import FrameLink
from devices.ocpp.evse import Evse
from devices.port.port import Port
from devices.sunspec.meter_sign import Sign
from devices.sunspec.registers import Registers
from devices.sunspec.secure_address import is_secure, secure_address
from devices.weather import WeatherPort, WeatherSource

if TYPE_CHECKING:
    from devices.ocpp.connection import StationConnection

DIAL_IN = {  # the protocol of each kind that dials in
    DeviceKind.STATION: "ocpp",
    DeviceKind.GATEWAY: "s2",
    DeviceKind.APPLIANCE: "s2",
}
Kinds = dict[str, DeviceKind]  # by device name

Evses = dict[str, Evse]  # by device name
# host, port, Modbus unit identifier; which of its meters, and how that one counts its power
PlainAddress = tuple[str, int, int] | tuple[str, int, int, int, Sign]
# Simulated time waits for a device's answer, and a simulator that is lost cuts its link: who is this late is on a machine
# that has no time for it, and a reading lost for that would make another day of the same seed.
_STANDING_STILL_S = 60.0
Address = PlainAddress | str  # or the URL of a SunSpec device behind TLS, or of a building's broker


def dialling(kinds: Kinds, addresses: Mapping[str, Address]) -> tuple[str, ...]:
    """The devices that dial in, in their order: of those kinds, all that have no address."""
    return tuple(device for device, kind in kinds.items() if kind in DIAL_IN and device not in addresses)


def identities(devices: Iterable[str], evses: Evses) -> tuple[str, ...]:
    """By which names these devices dial in, each once: EVSEs of one station by its own."""
    return tuple(dict.fromkeys(evses[device].station if device in evses else device for device in devices))


class _Stations:
    """The connections of charging stations with several EVSEs, one for all of a station's."""

    def __init__(self, evses: Evses) -> None:
        self.evses = evses
        self._connections: dict[str, StationConnection] = {}

    def port(self, device: str, link: FrameLink | None, server: DialInServer | None) -> Port:
        """The driver of a charging station, or of one of several EVSEs."""
        from devices.ocpp.connection import StationConnection
        from devices.ocpp.driver import StationPort

        run, place = secrets.token_hex(4), self.evses.get(device)
        if place is None:
            return StationPort(device, link, server, run=run)
        connection = self._connections.get(place.station)
        if connection is None:
            sources = {e.number: name for name, e in self.evses.items() if e.station == place.station}
            connection = self._connections[place.station] = StationConnection(
                place.station, sources, link=link, server=server, run=run, limit_w=place.limit_w
            )
        return StationPort(device, connection=connection, evse=place.number)


class DirectWorld(Protocol):
    """The simulated site without sockets."""

    @property
    def link(self) -> FrameLink:
        """To the dial-in devices."""
        ...

    def registers(self, name: str) -> Registers:
        """To a SunSpec device."""
        ...


class SocketPorts:
    """`DevicePorts` over sockets: Modbus TCP to the addresses given, and a WebSocket server for devices that dial in.

    Args:
        kinds: of the host's devices.
        weather: what its weather port knows, if it has one.
        addresses: of each SunSpec device, and of each building behind an MQTT broker.
        passwords: of each device that dials in, or their salted hashes; of EVSEs, of their station.
        listen_at: host and port where they are let in; port 0 is any free one.
        real_time: whether the devices' time is the wall clock's.
        by_certificate: those that dial in with a certificate instead of a password.
        tls: where the server's certificate is.
        evses: of those devices that are one of several of a station.
    """

    def __init__(
        self,
        kinds: Kinds,
        weather: WeatherSource | None,
        addresses: dict[str, Address],
        passwords: dict[str, str],
        listen_at: tuple[str, int],
        real_time: bool,
        by_certificate: tuple[str, ...] = (),
        tls: TlsFiles | None = None,
        evses: Evses | None = None,
    ) -> None:
        self._stations = _Stations(evses or {})
        self._by_certificate, self._tls = by_certificate, tls
        self._kinds, self._weather, self._addresses, self._passwords = kinds, weather, addresses, passwords
        self._listen_at, self._clock = listen_at, wall_time if real_time else None
        self._patience_s = None if real_time else _STANDING_STILL_S
        self._server: DialInServer | None = None

    @property
    def dialled(self) -> bool:
        """Whether some of them dial in."""
        return bool(dialling(self._kinds, self._addresses))

    async def listen(self) -> dict[str, str]:
        """Start the server, if anybody is to dial it; the URL of each device that is (of EVSEs, of their station)."""
        if not self.dialled:
            return {}
        if self._server is None:
            host, port = self._listen_at
            door = Door(known_passwords(self._passwords), self._by_certificate)
            tls = None if self._tls is None else server_context(self._tls)
            self._server = DialInServer(host, port, tls=tls, clock=self._clock, door=door)
            await self._server.start()
        urls: dict[str, str] = {}
        for device in dialling(self._kinds, self._addresses):
            (identity,) = identities([device], self._stations.evses)
            urls[identity] = self._server.url(DIAL_IN[self._kinds[device]], identity)
        return urls

    def port(self, device: str) -> Port:
        """The port of a device."""
        where = self._addresses.get(device, ("", 0, 0))
        if isinstance(where, str) and not is_secure(where):
            from devices.mqtt.driver import BuildingPort

            return BuildingPort(device, where)
        registers, meter, sign = _way(where, self._patience_s)
        kind, server = self._kinds[device], self._server
        if kind is DeviceKind.STATION:
            return self._stations.port(device, None, server)
        return _port(device, kind, self._weather, lambda _: registers, server=server, meter=(meter, sign))

    async def close(self) -> None:
        """End the server."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()


def _way(where: Address, patience_s: float | None) -> tuple[Registers, int, Sign]:
    """To a SunSpec device that has so long to answer (None: as the driver has it); its meter, and how that counts power."""
    from devices.sunspec.registers import PATIENCE_S, TcpRegisters

    patience_s = PATIENCE_S if patience_s is None else patience_s
    if isinstance(where, str):
        secure = secure_address(where)
        return secure.registers(patience_s), secure.meter, secure.sign
    meter, sign = (where[3], where[4]) if len(where) == 5 else (1, Sign.FOUND)
    return TcpRegisters(*where[:3], timeout_s=patience_s), meter, sign


class DirectPorts:
    """`DevicePorts` to a simulated site without sockets; see `SocketPorts`."""

    dialled = False

    def __init__(
        self, kinds: Kinds, weather: WeatherSource | None, world: DirectWorld, evses: Evses | None = None
    ) -> None:
        self._kinds, self._weather, self._world = kinds, weather, world
        self._stations = _Stations(evses or {})

    async def listen(self) -> dict[str, str]:
        """Nobody dials."""
        return {}

    def port(self, device: str) -> Port:
        """The port of a device."""
        if self._kinds[device] is DeviceKind.STATION:
            return self._stations.port(device, self._world.link, None)
        return _port(device, self._kinds[device], self._weather, self._world.registers, link=self._world.link)

    async def close(self) -> None:
        """Nothing to let go of."""


def _port(
    device: str,
    kind: DeviceKind,
    weather: WeatherSource | None,
    registers: Callable[[str], Registers],
    *,
    link: FrameLink | None = None,
    server: DialInServer | None = None,
    meter: tuple[int, Sign] = (1, Sign.FOUND),
) -> Port:
    """The driver of one device; dial-in devices come over `link` or `server`, the others have `registers`."""
    if kind is DeviceKind.WEATHER:
        if weather is None:
            raise ProgrammingFault(f"{device}: nothing is known of the weather; expected a WeatherSource")
        return WeatherPort(device, weather)
    if kind is DeviceKind.GATEWAY:
        from devices.s2.driver import GatewayPort

        return GatewayPort(device, link, server)
    if kind is DeviceKind.APPLIANCE:
        from devices.s2.appliance import AppliancePort

        return AppliancePort(device, link, server)
    from devices.sunspec.driver import sunspec_port

    return sunspec_port(device, kind, registers(device), *meter)
