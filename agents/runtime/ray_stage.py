"""The Ray runtime: hosts as Ray actors, one agent each by default or packed, on one machine or a cluster.

Ray's own retries are at-least-once at best, so they are off; an actor that died is restarted by Ray, opened again and
given its round again. What its agents knew comes back from the journal.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import ray
from ray.exceptions import RayActorError, RayTaskError

from agents.runtime.casting import AgentSpec
from agents.runtime.company import Company, Wire
from agents.runtime.envelope import Envelope, Outcome
from agents.runtime.host_actor import HostActor
from cim.model.codec import decode, encode
from cim.model.errors import IlesError

_REVIVAL_S = 60.0  # Ray restarts an actor in about a second; one that does not come back is a broken machine


class RayStage:
    """Hosts in Ray actors.

    Args:
        agents_per_actor: how many agents share an actor; 1 gives each its own.
        allow_missing: go on without devices that do not answer.
    """

    def __init__(
        self, company: Company, wire: Wire, ledger: Path, agents_per_actor: int = 1, allow_missing: bool = False
    ) -> None:
        self._company, self._wire, self._ledger = company, wire, ledger
        self._allow_missing = allow_missing
        self._hosts: dict[str, Any] = {}
        self._papers: dict[str, bytes] = {}
        self._lives: dict[str, int] = {}
        self._placed = place(company.agents, agents_per_actor)
        self.host_of: Mapping[str, str] = {spec.name: host for host, specs in self._placed.items() for spec in specs}
        self.missing: tuple[str, ...] = ()

    @property
    def actors(self) -> int:
        """How many Ray actors host agents."""
        return len(self._placed)

    def start(self) -> None:
        """Create the actors; they start side by side while the caller goes on."""
        for host, specs in self._placed.items():
            self._hosts[host] = cast("Any", HostActor).options(name=f"iles-{host}-{secrets.token_hex(4)}").remote()
            self._papers[host] = self._setup(specs)

    def _setup(self, specs: tuple[AgentSpec, ...]) -> bytes:
        company, wire = self._company, self._wire
        devices = {spec.device for spec in specs if spec.device is not None}
        keeper = any(spec.role == "ledger-keeper" for spec in specs)
        return encode(
            (
                specs,
                company.rules,
                company.weather,
                {name: at for name, at in wire.endpoints.items() if name in devices},
                {name: word for name, word in wire.passwords.items() if name in devices},
                str(self._ledger) if keeper else None,
                company.ledger_meta,
            )
        )

    def _configure(self, name: str) -> Any:
        life = self._lives[name] = self._lives.get(name, -1) + 1
        return self._hosts[name].configure.remote(self._papers[name], self._wire.direct, life)

    async def open(self, now: datetime) -> None:
        """Let the dial-in devices in, connect all devices."""
        hosts = list(self._hosts.values())
        _get([self._configure(name) for name in self._hosts])
        urls: dict[str, str] = {}
        for told in _get([host.listen.remote() for host in hosts]):
            urls |= told
        await self._wire.dial(urls)
        for missing in _get([host.open.remote(encode(now), self._allow_missing) for host in hosts]):
            self.missing = (*self.missing, *missing)

    async def work(self, now: datetime, inboxes: Mapping[str, tuple[Envelope, ...]]) -> dict[str, Outcome]:
        """One round on all named hosts at once."""
        names = sorted(inboxes)
        jobs = {name: encode((now, inboxes[name])) for name in names}
        refs = {name: self._hosts[name].work.remote(job) for name, job in jobs.items()}
        try:
            done = dict(zip(names, _get([refs[name] for name in names]), strict=True))
        except RayActorError:
            done = {name: await self._surely(name, refs[name], jobs[name], now) for name in names}
        return {name: decode(result) for name, result in done.items()}

    async def _surely(self, name: str, ref: Any, job: bytes, now: datetime) -> bytes:
        """A host's result; one that died is opened again (Ray has restarted it) and given the same round again."""
        while True:
            try:
                result: bytes = _get([ref])[0]
            except RayActorError:
                ref = await self._revive(name, job, now)
            else:
                return result

    async def _revive(self, name: str, job: bytes, now: datetime) -> Any:
        """Give a restarted actor its papers, let its devices dial it, open it; returns its round, under way again."""
        host = self._hosts[name]
        deadline = time.monotonic() + _REVIVAL_S
        while True:
            try:
                _get([self._configure(name)])
                await self._wire.dial(_get([host.listen.remote()])[0])
                _get([host.open.remote(encode(now), True)])
                return host.work.remote(job)
            except RayActorError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)  # Ray is still restarting it

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        result: bytes = _get([self._hosts[self.host_of[agent]].snapshot.remote(agent)])[0]
        return result

    async def close(self) -> None:
        """Let go of all devices and end the actors."""
        for host in self._hosts.values():
            try:
                _get([host.close.remote()])
            except RayActorError:
                continue
            finally:
                ray.kill(host)
        self._hosts = {}


def place(agents: tuple[AgentSpec, ...], per_actor: int) -> dict[str, tuple[AgentSpec, ...]]:
    """Agents by host: alone under their own name, or packed in order."""
    if per_actor == 1:
        return {spec.name: (spec,) for spec in agents}
    packs = [agents[k : k + per_actor] for k in range(0, len(agents), per_actor)]
    return {f"host-{number}": pack for number, pack in enumerate(packs, start=1)}


def _get(refs: list[Any]) -> list[Any]:
    """`ray.get` that gives ILES's own errors back as they were raised in the actor."""
    try:
        return ray.get(refs)
    except RayTaskError as error:
        if isinstance(error.cause, IlesError):
            raise error.cause from None
        raise
