"""From an agent's config to the role that plays it; a host imports only the roles it hosts."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.devices import DeviceKind
from cim.model.errors import ProgrammingFault
from market.rules import MarketRules

_ROLES = {
    "battery": "agents.roles.device_agent:DeviceAgent",
    "generator": "agents.roles.device_agent:DeviceAgent",
    "vehicle": "agents.roles.device_agent:DeviceAgent",
    "building": "agents.roles.device_agent:DeviceAgent",
    "prosumer": "agents.roles.prosumer:ProsumerRole",
    "aggregator": "agents.roles.aggregator:AggregatorRole",
    "dso": "agents.roles.dso:DsoRole",
    "iles": "agents.roles.iles_manager:IlesRole",
    "ledger-keeper": "agents.roles.ledger_keeper:KeeperRole",
    "echo": "agents.roles.echo:EchoRole",
}


@wire("runtime.AgentSpec")
@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent: its name, the role it plays, that role's config, its key, and the device whose wire it holds.

    Attributes:
        key: 32-byte seed of its Ed25519 key. From the run's seed in a simulation, else random.
        config: the role's last constructor argument.
    """

    name: str
    role: str
    key: bytes
    config: Any
    device: str | None = None
    device_kind: DeviceKind | None = None


def build_role(spec: AgentSpec, rules: MarketRules) -> Role:
    """The role object of an agent."""
    if spec.role not in _ROLES:
        raise ProgrammingFault(f"role {spec.role!r} is unknown; expected one of {', '.join(_ROLES)}")
    module, _, name = _ROLES[spec.role].partition(":")
    if spec.role in ("battery", "generator", "vehicle", "building"):
        import_module("agents.roles.messages")
    made = getattr(import_module(module), name)(spec.name, rules, spec.key, spec.config)
    if not isinstance(made, Role):
        raise ProgrammingFault(f"{_ROLES[spec.role]} is no role")
    return made
