"""How a host reaches its devices: over sockets (`tcp`), or by handing registers and frames over (`direct`).

Both ways end in the same drivers and codecs; only what carries the bytes differs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from agents.assembly.agent_spec import AgentSpec
from cim.model.devices import DeviceKind, Nameplate, News, WeatherForecast
from cim.model.errors import ProgrammingFault
from devices.dial_in.server import DialInServer
from devices.dial_in.transport import FrameLink
from devices.port.port import Port
from devices.sunspec.registers import Registers

DIAL_IN = {DeviceKind.STATION: "ocpp", DeviceKind.GATEWAY: "s2"}
HORIZON = timedelta(hours=60)
Address = tuple[str, int, int]  # host, port, Modbus unit identifier
Weather = tuple[str, str, int | None]  # profiles, time zone, seed of a simulated service


class DirectWorld(Protocol):
    """The simulated site without sockets."""

    @property
    def link(self) -> FrameLink:
        """To the dial-in devices."""
        ...

    def registers(self, name: str) -> Registers:
        """To a SunSpec device."""
        ...


class WeatherPort:
    """What is known of the sun to come, as a `Port` that `Tells`; it measures nothing and takes no setpoint.

    Args:
        profiles: name of the profiles' pack.
        timezone: of the site.
        seed: of a simulated weather service, which sees those profiles through an error. None: there is no service, and
            the port tells what the season usually gives, whatever the year.
    """

    def __init__(self, name: str, profiles: str, timezone: str, seed: int | None) -> None:
        self.name = name
        self._pack, self._timezone, self._seed = profiles, timezone, seed
        self._news: list[News] = []

    async def open(self, now: datetime) -> Nameplate:
        """Load the service, or the almanac."""
        from environment.profiles.library import load
        from environment.weather_model import SeasonalSun, WeatherFeed

        profiles = load(self._pack)
        if self._seed is None:
            self._last: datetime | None = None
            self._feed: WeatherFeed | SeasonalSun = SeasonalSun(profiles)
            return Nameplate(DeviceKind.WEATHER, "ILES", "usual sun of the season", self.name)
        self._last = profiles.last
        self._feed = WeatherFeed(profiles, self._seed, self._timezone)
        return Nameplate(DeviceKind.WEATHER, "ILES", "simulated weather service", self.name)

    def listen(self, on_news: Callable[[News], None]) -> None:
        """It says nothing without being asked."""

    async def sync(self, now: datetime) -> None:
        """Fetch the forecast that is issued now."""
        start = now.replace(minute=0, second=0, microsecond=0)
        end = start + HORIZON if self._last is None else min(start + HORIZON, self._last)
        values = self._feed.forecast(now, start, end)
        self._news.append(WeatherForecast(now, start, 900, tuple(float(x) for x in values)))

    def drain(self) -> tuple[News, ...]:
        """Forecasts since the last call."""
        news, self._news = tuple(self._news), []
        return news

    async def close(self) -> None:
        """Nothing to let go."""


def tcp_port(spec: AgentSpec, endpoints: dict[str, Address], server: DialInServer | None, weather: Weather) -> Port:
    """The port of an agent's device over sockets."""
    device, kind = _device(spec)
    if kind is DeviceKind.WEATHER:
        return WeatherPort(device, *weather)
    if kind in DIAL_IN:
        return _dial_in(device, kind, None, server)
    from devices.sunspec.driver import sunspec_port
    from devices.sunspec.registers import TcpRegisters

    return sunspec_port(device, kind, TcpRegisters(*endpoints[device]))


def direct_port(spec: AgentSpec, world: DirectWorld, weather: Weather) -> Port:
    """The port of an agent's device without a socket."""
    device, kind = _device(spec)
    if kind is DeviceKind.WEATHER:
        return WeatherPort(device, *weather)
    if kind in DIAL_IN:
        return _dial_in(device, kind, world.link, None)
    from devices.sunspec.driver import sunspec_port

    return sunspec_port(device, kind, world.registers(device))


def _device(spec: AgentSpec) -> tuple[str, DeviceKind]:
    if spec.device is None or spec.device_kind is None:
        raise ProgrammingFault(f"{spec.name} holds no wire")
    return spec.device, spec.device_kind


def _dial_in(device: str, kind: DeviceKind, link: FrameLink | None, server: DialInServer | None) -> Port:
    if kind is DeviceKind.STATION:
        from devices.ocpp.v201.driver import StationPort

        return StationPort(device, link, server, run=secrets.token_hex(4))
    from devices.s2.driver import GatewayPort

    return GatewayPort(device, link, server)
