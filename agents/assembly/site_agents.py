"""A site_agents: all agents of a site with their config, and the wire to its devices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agents.assembly.agent_spec import AgentSpec
from agents.assembly.device_ports import Address, DirectWorld, Weather
from market.rules import MarketRules


@dataclass(frozen=True)
class SiteAgents:
    """Everybody who lives at a site.

    Attributes:
        weather: profiles and time zone that its weather port knows, and the seed of a simulated weather service; None
            where there is none, then the port tells what the season usually gives.
        ledger_meta: what the ledger says of itself.
    """

    agents: tuple[AgentSpec, ...]
    rules: MarketRules
    weather: Weather
    ledger_meta: dict[str, str]


async def _nobody(_: dict[str, str]) -> None:
    return None


@dataclass(frozen=True)
class DeviceLinks:
    """How to reach the devices: either `direct`, or endpoints and dial-in passwords.

    Attributes:
        endpoints: (host, port, Modbus unit identifier) of each SunSpec device.
        passwords: of each dial-in device.
        dial: tells the dial-in devices their URLs (simulators; real ones have it in their settings).
        door: host and port where dial-in devices are let in; port 0 is any free one, another for each host.
        real_time: the devices' time is the wall clock's, it goes on while a host works.
    """

    direct: DirectWorld | None = None
    endpoints: dict[str, Address] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    dial: Callable[[dict[str, str]], Awaitable[None]] = _nobody
    door: tuple[str, int] = ("127.0.0.1", 0)
    real_time: bool = False
