"""A site's island becomes agents: the ILES manager and an agent for each unit, and the way to their simulated units."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import agents.assembly.wire_types  # noqa: F401 - snapshots and messages are of its types
from agents.assembly.roles import agent_spec
from agents.planning.islanding.control import IslandFacts
from agents.planning.islanding.outlook import IslandExpectations
from agents.roles.iles_manager import IlesConfig, IslandUnits
from agents.roles.island_member import IslandMemberConfig
from agents.roles.island_messages import Duty
from agents.runtime.agent_spec import AgentGroup
from agents.runtime.device_access import DeviceAccess
from cim.model.errors import ProgrammingFault
from cim.model.intervals import local_day_of
from devices.port.port import Port
from devices.simulators.island_units import (
    Engine,
    FormingBattery,
    Inverters,
    IslandUnitsWorld,
    MainsBreaker,
    Stage,
    Unit,
)
from environment.physics.island_event import IslandEvent
from environment.sites.islanding import Islanding
from environment.sites.schema import Site
from market.ledger.signing import Signer
from market.rules import Control, MarketRules

MAINS = "mains-breaker"
INVERTERS = "inverters"


def units_of(plan: Islanding, event: IslandEvent) -> dict[str, tuple[Unit, int]]:
    """The units of a site's island by their names, with their ratings."""
    limits = event.island.limits
    most_w = round(float(event.year.load_w.max())) + 1
    found: dict[str, tuple[Unit, int]] = {
        MAINS: (MainsBreaker(), 0),
        plan.forming.unit: (FormingBattery(), round(limits.battery_w)),
        INVERTERS: (Inverters(), round(event.year.inverter_rated_w)),
    }
    if plan.engine is not None:
        found[plan.engine.unit] = (Engine(), round(limits.chp_w))
    return found | {stage_name(k): (Stage(k), most_w) for k in range(event.island.closed.size)}


def stage_name(number: int) -> str:
    """The name of a stage's switchgear, by its place by priority (from 0 on)."""
    return f"stage-{number + 1}"


def island_agents(
    site: Site, plan: Islanding, event: IslandEvent, facts: IslandFacts, expected: IslandExpectations, seed: int
) -> AgentGroup:
    """The manager and the units' agents; keys are made from the seed, so this is no group for a pilot."""
    stages = tuple(stage_name(k) for k in range(event.island.closed.size))
    engine = "" if plan.engine is None else plan.engine.unit
    units = IslandUnits(
        mains=MAINS,
        forming=plan.forming.unit,
        engine=engine,
        inverters=INVERTERS,
        stages=stages,
        stage_w=round(float(event.year.load_w.max())) + 1,
        facts=facts,
        expected=expected,
        control_s=plan.control_s,
        stage_titles=tuple(stage.title for stage in sorted(plan.stages, key=lambda one: one.priority)),
    )
    duties = {MAINS: Duty.MAINS, plan.forming.unit: Duty.FORMING, INVERTERS: Duty.INVERTERS}
    duties |= dict.fromkeys(stages, Duty.STAGE) | ({engine: Duty.ENGINE} if engine else {})

    def key(name: str) -> bytes:
        return hashlib.sha256(f"island/{site.name}/{seed}/{name}".encode()).digest()

    iles = IlesConfig("", (), site.ledger.name, site.dso.name, island=units)
    manager = agent_spec(site.iles.name, "iles", key(site.iles.name), iles)
    members = tuple(
        agent_spec(
            name, "island-member", key(name), IslandMemberConfig(site.iles.name, duty, plan.control_s), device=name
        )
        for name, duty in duties.items()
    )
    domains = {party.name: party.domain for party in (site.dso, site.iles, site.ledger)}
    rules = MarketRules(
        site.timezone,
        site.isp_minutes,
        site.currency,
        site.control_interval_s,
        local_day_of(event.outage.start, site.timezone).day,
        2,
        Control.MARKET,
        domains,
        {domain: Signer(key(name)).public for name, domain in domains.items()},
        f"island/{site.name}/{seed}",
    )
    return AgentGroup((manager, *members), rules, {}, "agents.assembly.wire_types", "agents.planning.jobs:run")


@dataclass(frozen=True)
class IslandLinks:
    """How the agents reach the units of a simulated island: in this process."""

    world: IslandUnitsWorld
    real_time = False

    @property
    def dialling(self) -> dict[str, str]:
        """Nobody dials."""
        return {}

    def access(self, devices: tuple[str, ...]) -> DeviceAccess:
        """No other process reaches them."""
        raise ProgrammingFault(f"{', '.join(devices)}: simulated in this process; expected a host in it too")

    def ports(self, devices: tuple[str, ...]) -> IslandPorts:
        """For a host in this process."""
        return IslandPorts(self.world)

    async def dial(self, urls: dict[str, str]) -> None:
        """Nobody dials."""


@dataclass(frozen=True)
class IslandPorts:
    """The units' ports."""

    world: IslandUnitsWorld
    dialled = False

    async def listen(self) -> dict[str, str]:
        """Nobody dials."""
        return {}

    def port(self, device: str) -> Port:
        """A unit's port."""
        return self.world.unit_ports[device]

    async def close(self) -> None:
        """Nothing to let go of."""
