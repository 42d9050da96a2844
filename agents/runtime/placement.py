"""Which agents share a host, and on which node of a cluster a host may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agents.runtime.agent_spec import AgentSpec
from cim.model.errors import BadInput

MAX_AGENTS = 10_000  # in one host
DIAL_IN_HOST = "dial_in"  # no agent has such a name


@dataclass(frozen=True)
class HostPlan:
    """One host: the agents in it, and the Ray resource its node must offer (None: any node)."""

    specs: tuple[AgentSpec, ...]
    resource: str | None = None


@dataclass(frozen=True)
class Placement:
    """How agents are dealt out.

    Attributes:
        agents_per_actor: how many share a host, 1 to 10,000.
        where: (pattern of agent names, Ray resource), the first that fits counts. Device agents stay with their wire
            that way: by site or wire (a resource of your own), or by node (Ray's own `node:<ip>`).
        dial_in_together: those whose devices dial in share one host, because real devices know one address to dial.
    """

    agents_per_actor: int = 1
    where: tuple[tuple[str, str], ...] = ()
    dial_in_together: bool = False

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            BadInput: it is outside 1 to 10,000.
        """
        if not 1 <= self.agents_per_actor <= MAX_AGENTS:
            raise BadInput(f"agents_per_actor: {self.agents_per_actor}; expected 1 to {MAX_AGENTS}")

    def resource_of(self, agent: str) -> str | None:
        """The resource that an agent's node must offer."""
        return next((resource for pattern, resource in self.where if fnmatchcase(agent, pattern)), None)

    def place(self, agents: tuple[AgentSpec, ...], dialling: dict[str, str] | None = None) -> dict[str, HostPlan]:
        """Agents by host: alone under their own name, or packed in order with others for the same resource.

        Agents of devices that dial in by one name (`dialling`) share a host, whatever its size.

        Raises:
            BadInput: those who share a host because their devices dial in are wanted on different nodes.
        """
        dialled = tuple(spec for spec in agents if self.dial_in_together and spec.device in (dialling or {}))
        hosts = self._dealt(_bundles([spec for spec in agents if spec not in dialled], dialling or {}))
        if dialled:
            hosts[DIAL_IN_HOST] = HostPlan(dialled, self._resource_of(dialled))
        return hosts

    def _resource_of(self, specs: tuple[AgentSpec, ...]) -> str | None:
        resources = {self.resource_of(spec.name) for spec in specs}
        if len(resources) > 1:
            named = ", ".join(sorted(str(resource) for resource in resources))
            raise BadInput(f"place: devices that dial in share one actor, but are placed on {named}; expected one")
        return resources.pop()

    def _dealt(self, bundles: list[tuple[AgentSpec, ...]]) -> dict[str, HostPlan]:
        found = [HostPlan(bundle, self._resource_of(bundle)) for bundle in bundles]
        if self.agents_per_actor == 1:
            return {plan.specs[0].name: plan for plan in found}
        packs: dict[str | None, list[list[AgentSpec]]] = {}
        for plan in found:
            group = packs.setdefault(plan.resource, [[]])
            if group[-1] and len(group[-1]) + len(plan.specs) > self.agents_per_actor:
                group.append([])
            group[-1] += plan.specs
        plans = [HostPlan(tuple(pack), resource) for resource, packed in packs.items() for pack in packed]
        return {f"host-{number}": plan for number, plan in enumerate(plans, start=1)}


def _bundles(agents: list[AgentSpec], names: dict[str, str]) -> list[tuple[AgentSpec, ...]]:
    """The agents in order, those that must share a host as one, where the first of them stands."""
    found: dict[str, list[AgentSpec]] = {}
    for spec in agents:
        found.setdefault(names.get(spec.device or "", spec.name), []).append(spec)
    return [tuple(bundle) for bundle in found.values()]


def missing_resources(hosts: Mapping[str, HostPlan], offered: Mapping[str, float]) -> tuple[str, ...]:
    """A sentence for each resource that no node offers: its hosts would wait for ever."""
    wanted = sorted({h.resource for h in hosts.values() if h.resource is not None} - set(offered))
    return tuple(
        f"place: no node offers the resource {name!r}; expected a node started with --resources '{{\"{name}\": 1}}'"
        for name in wanted
    )
