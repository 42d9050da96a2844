"""What a host is told of the agents that live in it. Which roles there are, only the paths say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agents.roles.role import Role
from agents.runtime.imports import imported
from cim.codec.codec import wire
from cim.model.errors import ProgrammingFault
from market.rules import MarketRules


@wire("runtime.AgentSpec")
@dataclass(frozen=True, slots=True)
class AgentSpec:
    """One agent.

    Attributes:
        name: unique at its site.
        kind: what people call its role, for example `prosumer`.
        role: import path (`module:Class`) of the role, made of (name, rules, key, config).
        key: 32-byte seed of its Ed25519 key. From the run's seed in a simulation, else random.
        config: the role's own.
        device: name of the device that it alone reads and steers, if it has one.
        keeps_ledger: whether its host opens the ledger's file.
    """

    name: str
    kind: str
    role: str
    key: bytes
    config: Any
    device: str | None = None
    keeps_ledger: bool = False


@dataclass(frozen=True)
class AgentGroup:
    """All agents of a site, and what their hosts share.

    Attributes:
        rules: handed to every role.
        ledger_meta: what the ledger says of itself.
        wire_types: the module that declares which types may cross between hosts.
        jobs: import path of `run(job, arguments)`, which does what roles ask for with `Compute`.
        outside: host of each agent that does not live here, where somebody else takes its messages.
    """

    agents: tuple[AgentSpec, ...]
    rules: MarketRules
    ledger_meta: dict[str, str]
    wire_types: str
    jobs: str
    outside: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices that an agent has."""
        return devices_of(self.agents)


def devices_of(specs: tuple[AgentSpec, ...]) -> tuple[str, ...]:
    """The devices of some agents, in order."""
    return tuple(spec.device for spec in specs if spec.device is not None)


def build_role(spec: AgentSpec, rules: MarketRules) -> Role:
    """The role object of an agent.

    Raises:
        ProgrammingFault: the path names no role.
    """
    kind = imported(spec.role)
    if not (isinstance(kind, type) and issubclass(kind, Role)):
        raise ProgrammingFault(f"{spec.role} is no role")
    made: Role = cast("Any", kind)(spec.name, rules, spec.key, spec.config)
    return made
