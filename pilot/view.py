"""The portal's view of a living site: made from the hosts' own accounts and from the store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from agents.assembly.site_agents import SiteAgents
from agents.runtime.scheduler import RoundScheduler
from cim.codec.codec import tag_of
from cim.platform.access.principals import Role
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost
from cim.platform.store import Store, Told
from portal.dso import dso_state
from portal.market import MarketRows
from portal.models import AgentHealth, DsoState, FailedEvent, Health, JournalHealth, Mode, Status


class LivingView:
    """A `portal.views.SiteView` of a running scheduler.

    Args:
        runtime: where the agents live.
        store: where everything published is kept.
        speed: of the site's time; None on the wall clock.
        trouble: why the journal's server is not there, or None.
    """

    def __init__(
        self,
        site_agents: SiteAgents,
        runtime: Any,
        scheduler: RoundScheduler,
        store: Store,
        speed: float | None,
        trouble: Callable[[], str | None],
    ) -> None:
        self._site_agents, self._runtime, self._scheduler = site_agents, runtime, scheduler
        self._store, self._speed, self._trouble = store, speed, trouble

    async def health(self) -> Health:
        """How everybody is; a host that does not answer counts as dead until it is back."""
        accounts = await self._runtime.health()
        restarts = Counter(revival.host for revival in getattr(self._runtime, "revivals", ()))
        known = {agent.name: agent for account in accounts.values() for agent in account.agents}
        agents, faults = [], device_faults(self._store)
        for spec in self._site_agents.agents:
            host, agent = self._runtime.host_of[spec.name], known.get(spec.name)
            agents.append(
                AgentHealth(
                    name=spec.name,
                    role=spec.kind,
                    host=host,
                    alive=agent is not None,
                    handled=agent.handled if agent else 0,
                    waiting=agent.waiting if agent else 0,
                    failed_events=len(agent.failed_events) if agent else 0,
                    last_at=agent.last_at if agent else None,
                    restarts=restarts[host],
                    device=spec.device,
                    device_fault=faults.get(spec.device or ""),
                    forgotten=agent.forgotten if agent else (),
                )
            )
        trouble = (
            self._trouble() or next((a.trouble for a in accounts.values() if a.trouble), None) or self._store.unkept
        )
        failed_events = tuple(
            FailedEvent(agent=p.agent, at=p.at, kind=_kind(p.event), error=p.error)
            for agent in known.values()
            for p in agent.failed_events
        )
        alive = sum(agent.alive for agent in agents)
        amiss = alive < len(agents) or trouble or failed_events or any(a.device_fault for a in agents)
        return Health(
            status=Status.DOWN if not alive else Status.DEGRADED if amiss else Status.OK,
            site=self._site_agents.ledger_meta["site"],
            now=self._scheduler.now,
            mode=Mode.WALL_CLOCK if self._speed is None else Mode.SIMULATED,
            speed=1.0 if self._speed is None else self._speed,
            agents=tuple(agents),
            journal=JournalHealth(
                state="away" if trouble else "synced",
                detail=trouble or f"{sum(a.entries for a in accounts.values())} entries are durable",
                lag=0,
            ),
            failed_events=failed_events,
        )

    async def dso_state(self) -> DsoState:
        """What the store holds of the grid and the market."""
        return await asyncio.to_thread(dso_state, self._store, self._scheduler.now)

    async def market_rows(self) -> MarketRows:
        """What the store holds of the market."""
        return MarketRows(self._store)


def device_faults(store: Store) -> dict[str, str]:
    """Device -> why it does not answer or obey, by what was published last of it."""
    told: list[Told[DeviceLost] | Told[CommandRefused] | Told[DeviceBack]] = [
        *store.told(DeviceLost), *store.told(CommandRefused), *store.told(DeviceBack),
    ]  # fmt: skip
    faults: dict[str, str] = {}
    for each in sorted(told, key=lambda one: one.number):
        publication = each.publication
        if isinstance(publication, DeviceBack):
            faults.pop(publication.device, None)
        else:
            faults[publication.device] = publication.reason
    return faults


def market_parties(site_agents: SiteAgents) -> tuple[str, ...]:
    """The domains of those who trade: DSO, aggregators and prosumers."""
    traders = [spec.name for spec in site_agents.agents if spec.kind in ("dso", "aggregator", "prosumer")]
    return tuple(site_agents.rules.domains[name] for name in traders)


def market_dso(site_agents: SiteAgents) -> str:
    """The domain of the DSO."""
    return site_agents.rules.domains[next(spec.name for spec in site_agents.agents if spec.kind == "dso")]


def market_roles(site_agents: SiteAgents) -> dict[str, Role]:
    """What those who trade are, by domain."""
    kinds = {"dso": Role.DSO, "aggregator": Role.AGGREGATOR, "prosumer": Role.PROSUMER}
    traders = {spec.name: kinds[spec.kind] for spec in site_agents.agents if spec.kind in kinds}
    return {site_agents.rules.domains[name]: role for name, role in traders.items()}


def _kind(event: Any) -> str:
    return "unreadable" if event is None else tag_of(getattr(event, "message", event))
