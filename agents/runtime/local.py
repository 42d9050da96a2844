"""The local runtime: every agent in this process, one event loop; for experiments and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.runtime.agent_spec import AgentGroup
from agents.runtime.clocks import wall_time
from agents.runtime.device_access import DeviceLinks, DevicePorts
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host.effects import Executor
from agents.runtime.host.health import HostHealth
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.imports import imported
from agents.runtime.journal import Journal
from agents.runtime.ledger_history import recollect
from agents.runtime.revival import Revival

HOST = "local"


class LocalRuntime:
    """One host for all agents.

    Args:
        links: how their devices are reached.
        allow_missing: go on without devices that do not answer.
        journal: makes the host durable.
    """

    actors = 0
    revivals: tuple[Revival, ...] = ()  # the one host lives as long as this process

    def __init__(
        self,
        group: AgentGroup,
        links: DeviceLinks,
        ledger: Path,
        allow_missing: bool = False,
        journal: Journal | None = None,
    ) -> None:
        self._group, self._links, self._ledger = group, links, ledger
        self._clock = wall_time if links.real_time else None
        self._allow_missing = allow_missing
        self._journal = journal
        self._ports: DevicePorts | None = None
        self._host: Host | None = None
        self.missing: tuple[str, ...] = ()
        self.host_of: Mapping[str, str] = {**dict.fromkeys((s.name for s in group.agents), HOST), **group.outside}

    async def open(self, now: datetime) -> None:
        """Build the host, let the dial-in devices in, connect the others."""
        group = self._group
        ports = self._ports = self._links.ports(group.devices)
        await self._links.dial(await ports.listen())
        self._host = Host(
            group.agents,
            group.rules,
            {device: ports.port(device) for device in group.devices},
            inline(group.jobs),
            self.host_of,
            ledger_effects=LedgerEffects(self._ledger, group.rules.keys, group.ledger_meta),
            journal=self._journal,
            clock=self._clock,
        )
        self.missing = await self._host.open(now, self._allow_missing)
        self._host.recall(recollect(self._ledger, self._host.fresh, group.rules.domains, now))

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
        if self._ports is not None:
            await self._ports.close()
        return {} if trouble is None else {HOST: trouble}


def inline(jobs: str) -> Executor:
    """Does jobs at once, in this process; `jobs` is the import path of `run(job, arguments)`."""

    async def execute(job: str, arguments: tuple[Any, ...]) -> Any:
        return imported(jobs)(job, arguments)

    return execute
