"""A company: all agents of a site with their papers, and the wire to its devices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agents.roles.base import MarketRules
from agents.runtime.casting import AgentSpec
from agents.runtime.wires import DirectWorld


@dataclass(frozen=True)
class Company:
    """Everybody who lives at a site.

    Attributes:
        weather: site name and seed of its (simulated) weather service.
        ledger_meta: what the ledger says of itself.
    """

    agents: tuple[AgentSpec, ...]
    rules: MarketRules
    weather: tuple[str, int]
    ledger_meta: dict[str, str]


async def _nobody(_: dict[str, str]) -> None:
    return None


@dataclass(frozen=True)
class Wire:
    """How to reach the devices: either `direct`, or endpoints and dial-in passwords.

    Attributes:
        endpoints: (host, port) of each SunSpec device.
        passwords: of each dial-in device.
        dial: tells the dial-in devices their URLs (simulators; real ones have it in their settings).
    """

    direct: DirectWorld | None = None
    endpoints: dict[str, tuple[str, int]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    dial: Callable[[dict[str, str]], Awaitable[None]] = _nobody
