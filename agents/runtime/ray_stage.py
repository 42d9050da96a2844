"""The Ray runtime: hosts as Ray actors, one agent each by default or packed, on one machine or a cluster.

Ray's own retries are at-least-once at best, so they are off; an actor that died is restarted by Ray (on another node
where its own is gone), opened again and given its round again. What its agents knew comes back from the journal.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, cast

import ray

from agents.runtime.company import Company, Wire
from agents.runtime.envelope import Outcome, Task
from agents.runtime.health import HostHealth
from agents.runtime.host_actor import HostActor, unsealed
from agents.runtime.journal import JournalAway, JournalFull
from agents.runtime.placement import Hosting, Placement, missing_resources
from agents.runtime.ray_calls import LOST, HostLost, around, fetch, get, here
from agents.runtime.recalling import has_begun, recollect
from cim.model.codec import decode, encode
from cim.model.errors import BadInput

_REVIVAL_S = 120.0  # in simulated time; Ray restarts an actor in about a second, and notices a lost node after about 15
_PAUSES_S = (0.1, 5.0)  # between tries to reach a restarted actor: first, longest
_SLIVER = 0.001  # of a placement resource: it says where, not how many
_SOMETHING = 1  # byte of memory, which every node offers: Ray heeds no soft wish of an actor that asks for nothing


@dataclass(frozen=True)
class Revival:
    """A host that was brought back.

    Attributes:
        seconds: from its death being noticed until it worked again.
        at: when it worked again, on `time.monotonic`.
    """

    host: str
    seconds: float
    at: float


class RayStage:
    """Hosts in Ray actors.

    Args:
        placement: who shares an actor, and where it may live.
        allow_missing: go on without devices that do not answer.
        journal: (URL, space) of the journal's server; None: a restarted agent begins anew.
        patience: seconds that the others wait for a host in one round; None: as long as it takes.
    """

    def __init__(
        self,
        company: Company,
        wire: Wire,
        ledger: Path,
        placement: Placement,
        allow_missing: bool = False,
        journal: tuple[str, str] | None = None,
        patience: float | None = None,
    ) -> None:
        self._company, self._wire, self._ledger = company, wire, ledger
        self._allow_missing, self.journal = allow_missing, journal
        self._patience = patience
        self._hosts: dict[str, Any] = {}
        self._papers: dict[str, bytes] = {}
        self._placed = placement.place(company.agents)
        self._late: dict[str, asyncio.Task[Outcome]] = {}
        self.host_of: Mapping[str, str] = {s.name: host for host, h in self._placed.items() for s in h.specs}
        self.missing: tuple[str, ...] = ()
        self.revivals: list[Revival] = []

    @property
    def actors(self) -> int:
        """How many Ray actors host agents."""
        return len(self._placed)

    def start(self) -> None:
        """Create the actors; they start side by side while the caller goes on.

        Raises:
            BadInput: no node offers a resource that the placement asks for.
        """
        for fault in missing_resources(self._placed, cast("Any", ray).cluster_resources()):
            raise BadInput(fault)
        nodes = around()
        for host, hosting in self._placed.items():
            options: dict[str, Any] = {"name": f"iles-{host}-{secrets.token_hex(4)}"}
            if hosting.resource is not None:
                options["resources"] = {hosting.resource: _SLIVER}
            elif _keeps_ledger(hosting):
                options["scheduling_strategy"] = here()  # its file is on this machine, and read by this process too
            else:
                options |= {"scheduling_strategy": next(nodes), "memory": _SOMETHING}
            self._hosts[host] = cast("Any", HostActor).options(**options).remote()
            self._papers[host] = self._setup(hosting)

    def _setup(self, hosting: Hosting) -> bytes:
        company, wire = self._company, self._wire
        devices = {spec.device for spec in hosting.specs if spec.device is not None}
        return encode(
            (
                hosting.specs,
                company.rules,
                company.weather,
                {name: at for name, at in wire.endpoints.items() if name in devices},
                {name: word for name, word in wire.passwords.items() if name in devices},
                str(self._ledger) if _keeps_ledger(hosting) else None,
                company.ledger_meta,
                dict(self.host_of),
                self.journal,
                wire.door,
                wire.real_time,
            )
        )

    def _configure(self, name: str, birth: int) -> Any:
        return self._hosts[name].configure.remote(self._papers[name], self._wire.direct, birth)

    async def open(self, now: datetime) -> None:
        """Let the dial-in devices in, connect all devices."""
        hosts = list(self._hosts.values())
        await fetch([self._configure(name, 0) for name in self._hosts])
        urls: dict[str, str] = {}
        for told in await fetch([host.listen.remote() for host in hosts]):
            urls |= told
        await self._wire.dial(urls)
        for missing in await fetch([host.open.remote(encode(now), self._allow_missing) for host in hosts]):
            self.missing = (*self.missing, *missing)
        await self._recall(tuple(self._hosts), now)

    async def _recall(self, names: tuple[str, ...], now: datetime) -> None:
        """Who has no memory although the ledger shows that the site had begun is told what the ledger knows of it."""
        if not has_begun(self._ledger):
            return
        told = await fetch([self._hosts[name].fresh.remote() for name in names])
        fresh = dict(zip(names, told, strict=True))
        past = recollect(self._ledger, chain.from_iterable(fresh.values()), self._company.rules.domains, now)
        parts = {host: {name: past[name] for name in fresh[host] if name in past} for host in names}
        await fetch([self._hosts[host].recall.remote(encode(part)) for host, part in parts.items() if part])

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """What every host has to say of itself."""
        told = await fetch([host.resume.remote() for host in self._hosts.values()])
        return {
            name: tuple(unsealed(sealed) for sealed in outcomes)
            for name, outcomes in zip(self._hosts, told, strict=True)
        }

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round on all named hosts at once; who does not answer in time goes on alone (see `overdue`)."""
        at = encode(now)
        refs = {name: self._call(name, at, task) for name, task in tasks.items()}
        if self._patience is None:
            try:
                done = dict(zip(refs, get(list(refs.values())), strict=True))
            except LOST:
                again = [self._surely(name, ref, at, now, tasks[name]) for name, ref in refs.items()]
                done = dict(zip(refs, await asyncio.gather(*again), strict=True))
            return {name: unsealed(sealed) for name, sealed in done.items()}
        for name, ref in refs.items():
            self._late[name] = asyncio.ensure_future(self._worked(name, ref, at, now, tasks[name]))
        await asyncio.wait([self._late[name] for name in refs], timeout=self._patience)
        return await self.overdue()

    def _call(self, name: str, at: bytes, task: Task) -> Any:
        return self._hosts[name].work.remote(at, task.number, [tuple(p) for p in task.parcels], task.settled)

    async def _worked(self, name: str, ref: Any, at: bytes, now: datetime, task: Task) -> Outcome:
        return unsealed(await self._surely(name, ref, at, now, task))

    async def overdue(self) -> dict[str, Outcome]:
        """Outcomes of hosts that were late and have come since."""
        done = {name: waited.result() for name, waited in self._late.items() if waited.done()}
        for name in done:
            del self._late[name]
        return done

    async def _surely(self, name: str, ref: Any, at: bytes, now: datetime, task: Task) -> Any:
        """A host's result; one that died is opened again (Ray has restarted it) and given the same round again."""
        while True:
            try:
                return (await fetch([ref]))[0]
            except LOST:
                await self._revive(name, now, task.number)
                ref = self._call(name, at, task)

    async def _revive(self, name: str, now: datetime, number: int) -> None:
        """Bring a host back, as often as it takes; what is only late (Ray, a node, the journal) ends no run.

        Raises:
            HostLost: in simulated time with nobody who goes on meanwhile, when nothing has brought the process back.
        """
        begun = missed = time.monotonic()
        pause, longest = _PAUSES_S
        while True:
            try:
                await self._bring_back(name, now, number)
            except LOST as error:  # Ray is still restarting it, or it died again
                if self._patience is None and time.monotonic() - missed > _REVIVAL_S:
                    raise HostLost(self._lost(name)) from error
            except (JournalAway, JournalFull):  # a host that runs waits for it as well
                missed = time.monotonic()
            else:
                ended = time.monotonic()
                self.revivals.append(Revival(name, ended - begun, ended))
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _bring_back(self, name: str, now: datetime, number: int) -> None:
        """Give a restarted actor its papers, let its devices dial it, open it."""
        host = self._hosts[name]
        await fetch([self._configure(name, number)])
        await self._wire.dial((await fetch([host.listen.remote()]))[0])
        await fetch([host.open.remote(encode(now), True)])
        await self._recall((name,), now)
        # The round it died in, or one before whose last effects led to no step, is open: end it first.
        await fetch([host.resume.remote()])

    def _lost(self, name: str) -> str:
        hosting = self._placed[name]
        place = "a node" if hosting.resource is None else f"a node that offers {hosting.resource!r}"
        agents = ", ".join(spec.name for spec in hosting.specs[:3]) + (" ..." if len(hosting.specs) > 3 else "")
        return f"{name} ({agents}) died and was not back within {_REVIVAL_S:g} s; expected {place} with room for it"

    async def health(self) -> dict[str, HostHealth]:
        """Each host's account of its agents; a host that is at work, dead or not yet open again gives none."""
        idle = [name for name in self._hosts if name not in self._late]
        found: dict[str, HostHealth] = {}
        for name in idle:
            try:
                found[name] = decode((await fetch([self._hosts[name].health.remote()]))[0])
            except LOST:
                continue
        return found

    def seats(self) -> dict[str, tuple[str, int]]:
        """The id of the node and of the process in which each host lives; between two rounds, with all hosts there."""
        told = get([host.seat.remote() for host in self._hosts.values()])
        return dict(zip(self._hosts, told, strict=True))

    def doom(self, host: str, point: str, passage: int) -> None:
        """Let a host's process die at a named point of its coming work; for experiments with failures."""
        get([self._hosts[host].doom.remote(point, passage)])

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        result: bytes = (await fetch([self._hosts[self.host_of[agent]].snapshot.remote(agent)]))[0]
        return result

    async def close(self) -> None:
        """Let go of all devices and end the actors."""
        for waited in self._late.values():
            waited.cancel()
        for host in self._hosts.values():
            try:
                get([host.close.remote()])
            except LOST:
                continue
            finally:
                ray.kill(host)
        self._hosts = {}


def _keeps_ledger(hosting: Hosting) -> bool:
    return any(spec.role == "ledger-keeper" for spec in hosting.specs)
