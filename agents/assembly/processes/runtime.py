"""The runtime of several processes on this machine: one host in this one, one in each worker, rounds side by side.

For simulated time alone: nothing is durable, and a worker that dies ends the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import cast

from agents.assembly.processes.process import WorkerProcess
from agents.runtime.agent_spec import AgentGroup, AgentSpec, devices_of
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.device_access import DeviceLinks, DevicePorts
from agents.runtime.envelope import Batch, Outcome, Parcel, Task
from agents.runtime.host.health import HostHealth
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.host_setup import HostSetup
from agents.runtime.ledger_history import recollect
from agents.runtime.local import inline
from agents.runtime.revival import Revival
from agents.runtime.served_host import EncodedOutcome, decoded
from cim.codec.codec import decode, encode
from cim.model.errors import ProgrammingFault

HERE = "here"


class ProcessRuntime:
    """Hosts in several processes.

    Args:
        links: how devices are reached; those of a worker's agents from there.
        workers: by the name of the host in each; closed by whoever made them.
        host_of: where each agent lives: in one of them, or `HERE`, where the ledger is kept too.
        allow_missing: go on without devices that do not answer.

    Raises:
        ProgrammingFault: the ledger's keeper is to live in a worker.
    """

    actors = 0
    revivals: tuple[Revival, ...] = ()

    def __init__(
        self,
        group: AgentGroup,
        links: DeviceLinks,
        ledger: Path,
        workers: Mapping[str, WorkerProcess],
        host_of: Mapping[str, str],
        *,
        allow_missing: bool = False,
    ) -> None:
        self._group, self._links, self._ledger, self._workers = group, links, ledger, workers
        self._allow_missing = allow_missing
        self.host_of: Mapping[str, str] = {**host_of, **group.outside}
        for spec in group.agents:
            if spec.keeps_ledger and host_of[spec.name] != HERE:
                raise ProgrammingFault(f"{spec.name}: keeps the ledger in {host_of[spec.name]!r}; expected {HERE!r}")
        self._ports: DevicePorts | None = None
        self._host: Host | None = None
        self.missing: tuple[str, ...] = ()

    def _living(self, host: str) -> tuple[AgentSpec, ...]:
        return tuple(spec for spec in self._group.agents if self.host_of[spec.name] == host)

    async def open(self, now: datetime) -> None:
        """Build the hosts, connect all devices."""
        group, here = self._group, self._living(HERE)
        for name, worker in self._workers.items():
            specs = self._living(name)
            access = self._links.access(devices_of(specs))
            setup = HostSetup(
                specs, group.rules, access, dict(self.host_of), None, group.ledger_meta, None,
                self._links.real_time, group.wire_types, group.jobs,
            )  # fmt: skip
            worker.begin("host", "configure", encode(setup), 0)
            worker.begin("host", "listen")
            worker.begin("host", "open", encode(now), self._allow_missing)
        devices = devices_of(here)
        ports = self._ports = self._links.ports(devices)
        await self._links.dial(await ports.listen())
        self._host = Host(
            here,
            group.rules,
            {device: ports.port(device) for device in devices},
            inline(group.jobs),
            self.host_of,
            ledger_effects=LedgerEffects(self._ledger, group.rules.keys, group.ledger_meta),
        )
        missing = [await self._host.open(now, self._allow_missing)]
        missing += [cast("tuple[str, ...]", worker.end()) for worker in self._workers.values()]
        self.missing = tuple(chain.from_iterable(missing))
        self._recall(now)

    def _recall(self, now: datetime) -> None:
        """Tell everybody what a ledger that is there already knows of them."""
        fresh = {name: cast("tuple[str, ...]", self._asked(name, "fresh")) for name in self._workers}
        fresh[HERE] = self.host.fresh
        past = recollect(self._ledger, chain.from_iterable(fresh.values()), self._group.rules.domains, now)
        for name, agents in fresh.items():
            part = {agent: past[agent] for agent in agents if agent in past}
            if name == HERE:
                self.host.recall(part)
            elif part:
                self._asked(name, "recall", encode(part))

    def _asked(self, host: str, method: str, *arguments: object) -> object:
        return self._workers[host].ask("host", method, *arguments)

    @property
    def host(self) -> Host:
        """The host in this process, once open."""
        if self._host is None:
            raise RuntimeError("the runtime is not open")
        return self._host

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """What the hosts have to say of themselves."""
        told = {name: cast("list[EncodedOutcome]", self._asked(name, "resume")) for name in self._workers}
        return {HERE: await self.host.resume(), **{name: tuple(map(decoded, many)) for name, many in told.items()}}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round: the workers' side by side with this process's own."""
        at, away = encode(now), [name for name in tasks if name != HERE]
        for name in away:
            task = tasks[name]
            sealed = [(parcel.source, parcel.number, _sealed(parcel)) for parcel in task.parcels]
            self._workers[name].begin("host", "work", at, task.number, sealed, task.settled)
        outcomes: dict[str, Outcome] = {}
        if HERE in tasks:
            task = tasks[HERE]
            opened = tuple(map(_opened, task.parcels))
            outcomes[HERE] = await self.host.work(now, task._replace(parcels=opened))
        return outcomes | {name: decoded(cast("EncodedOutcome", self._workers[name].end())) for name in away}

    async def overdue(self) -> dict[str, Outcome]:
        """Nobody is ever late."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """A worker that dies ends the run."""
        return ()

    async def health(self) -> dict[str, HostHealth]:
        """Each host's account of its agents."""
        told = {name: cast("bytes", self._asked(name, "health")) for name in self._workers}
        return {HERE: self.host.health(), **{name: decode(health) for name, health in told.items()}}

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        host = self.host_of[agent]
        if host == HERE:
            return self.host.hosted_agents[agent].role.snapshot()
        return cast("bytes", self._asked(host, "snapshot", agent))

    async def close(self) -> dict[str, str]:
        """Let go of what this process holds; the workers let go of theirs when they end."""
        if self._host is not None:
            await self._host.close()
        if self._ports is not None:
            await self._ports.close()
        return {}


def _sealed(parcel: Parcel) -> Batch:
    envelopes = parcel.envelopes
    return encode_batch(envelopes) if isinstance(envelopes, tuple) else envelopes


def _opened(parcel: Parcel) -> Parcel:
    data = parcel.envelopes
    # The rows of a batch are envelopes but for their name, which costs as much to give as to read them.
    return parcel if isinstance(data, tuple) else parcel._replace(envelopes=tuple(decode_batch(bytes(data))))  # type: ignore[arg-type]
