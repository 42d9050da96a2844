"""The local runtime: every agent in this process, one event loop; for experiments and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.assembly.device_ports import DIAL_IN, direct_port, tcp_port
from agents.assembly.site_agents import DeviceLinks, SiteAgents
from agents.planning.jobs import run
from agents.runtime.clocks import wall_time
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host.health import HostHealth
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.journal import Journal
from agents.runtime.ledger_history import recollect
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.port import Port

HOST = "local"


class LocalRuntime:
    """One host for all agents.

    Args:
        journal: makes the host durable.
    """

    def __init__(
        self,
        site_agents: SiteAgents,
        wire: DeviceLinks,
        ledger: Path,
        allow_missing: bool = False,
        journal: Journal | None = None,
    ) -> None:
        self._site_agents, self._wire = site_agents, wire
        self._clock = wall_time if wire.real_time else None
        self._ledger = ledger
        self._allow_missing = allow_missing
        self._journal = journal
        self._server: DialInServer | None = None
        self._host: Host | None = None
        self.missing: tuple[str, ...] = ()
        self.host_of: Mapping[str, str] = dict.fromkeys((spec.name for spec in site_agents.agents), HOST)

    async def open(self, now: datetime) -> None:
        """Build the host, let the dial-in devices in, connect the others."""
        site_agents = self._site_agents
        ports = await self._ports()
        ledger_effects = LedgerEffects(self._ledger, site_agents.rules.keys, site_agents.ledger_meta)
        self._host = Host(
            site_agents.agents,
            site_agents.rules,
            ports,
            inline,
            self.host_of,
            ledger_effects=ledger_effects,
            journal=self._journal,
            clock=self._clock,
        )
        self.missing = await self._host.open(now, self._allow_missing)
        self._host.recall(recollect(self._ledger, self._host.fresh, site_agents.rules.domains, now))

    async def _ports(self) -> dict[str, Port]:
        site_agents, wire = self._site_agents, self._wire
        holders = {spec.device: spec for spec in site_agents.agents if spec.device is not None}
        if wire.direct is not None:
            direct = wire.direct
            return {device: direct_port(spec, direct, site_agents.weather) for device, spec in holders.items()}
        authenticate = known_passwords(wire.passwords)
        host, port = wire.door
        server = self._server = DialInServer(host, port, authenticate=authenticate, clock=self._clock)
        await server.start()
        ports = {d: tcp_port(spec, wire.endpoints, server, site_agents.weather) for d, spec in holders.items()}
        dialling = {d: DIAL_IN[spec.device_kind] for d, spec in holders.items() if spec.device_kind in DIAL_IN}
        await wire.dial({device: server.url(protocol, device) for device, protocol in dialling.items()})
        return ports

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """What the one host has to say of itself."""
        return {HOST: await self.host.resume()}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """The one host's round."""
        return {HOST: await self.host.work(now, tasks[HOST])}

    async def overdue(self) -> dict[str, Outcome]:
        """Nobody is ever late."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """The one host lives as long as this process."""
        return ()

    @property
    def host(self) -> Host:
        """The one host, once open."""
        if self._host is None:
            raise RuntimeError("the runtime is not open")
        return self._host

    async def health(self) -> dict[str, HostHealth]:
        """The one host's account of its agents."""
        return {HOST: self.host.health()}

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        return self.host.hosted_agents[agent].role.snapshot()

    async def close(self) -> dict[str, str]:
        """Let go of everything; returns why the last states are not in the journal, if they are not."""
        trouble = None if self._host is None else await self._host.close()
        if self._server is not None:
            await self._server.close()
        return {} if trouble is None else {HOST: trouble}


async def inline(job: str, arguments: tuple[Any, ...]) -> Any:
    """Do a job at once."""
    return run(job, arguments)
