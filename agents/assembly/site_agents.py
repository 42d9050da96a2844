"""All agents of a site with their config, and what is known of their devices."""

from __future__ import annotations

from dataclasses import dataclass, field

import agents.assembly.wire_types  # noqa: F401 - whoever runs agents in other processes reads what they answer
from agents.assembly.device_ports import Evses, Kinds
from agents.runtime.agent_spec import AgentGroup
from devices.weather import WeatherSource


@dataclass(frozen=True)
class SiteAgents(AgentGroup):
    """All agents of a site.

    Attributes:
        weather: what its weather port knows.
        device_kinds: of every device that an agent has.
        evses: of those that are one of several EVSEs of a charging station.
    """

    wire_types: str = "agents.assembly.wire_types"
    jobs: str = "agents.planning.jobs:run"
    weather: WeatherSource | None = None
    device_kinds: Kinds = field(default_factory=dict)
    evses: Evses = field(default_factory=dict)
