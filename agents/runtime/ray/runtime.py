"""The Ray runtime: hosts as Ray actors, one agent each by default or packed, on one machine or a cluster.

Ray's own retries are at-least-once at best, so they are off; an actor that died is restarted by Ray (on another node
where its own is gone), opened again and given its round again. What its agents knew comes back from the journal.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, cast

import ray

from agents.runtime.agent_spec import AgentGroup, devices_of
from agents.runtime.device_access import DeviceLinks
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host.health import HostHealth
from agents.runtime.host_setup import HostSetup
from agents.runtime.placement import HostPlan, Placement, missing_resources
from agents.runtime.ray.calls import LOST, answers, answers_now, on_this_node, spread_over_nodes
from agents.runtime.ray.host_actor import HostActor
from agents.runtime.ray.reviving import Reviver, recall
from agents.runtime.revival import Revival
from agents.runtime.served_host import decoded
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput

_ANSWER_S = 3.0  # to say that, or how, one is
_CLOSE_S = 30.0  # to let go of devices and write the last states
_RESOURCE_SHARE = 0.001  # of a placement resource: it says where, not how many
_MEMORY_BYTES = 1  # which every node offers: Ray follows no soft wish of an actor that asks for nothing


class RayRuntime:
    """Hosts in Ray actors.

    Args:
        links: how their devices are reached.
        placement: who shares an actor, and where it may live.
        allow_missing: go on without devices that do not answer.
        journal: (URL, space) of the journal's server; None: a restarted agent begins anew.
        patience_s: seconds that the others wait for a host in one round; None: as long as it takes.
        revived: hears of each host that died and is back.
    """

    def __init__(
        self,
        group: AgentGroup,
        links: DeviceLinks,
        ledger: Path,
        placement: Placement,
        allow_missing: bool = False,
        journal: tuple[str, str] | None = None,
        patience_s: float | None = None,
        revived: Callable[[Revival], None] = lambda _: None,
    ) -> None:
        self._group, self._links, self._ledger = group, links, ledger
        self._allow_missing, self.journal = allow_missing, journal
        self._patience_s = patience_s
        self._hosts: dict[str, Any] = {}
        self._setups: dict[str, bytes] = {}
        self._placed = placement.place(group.agents, links.dialling)
        self._late: dict[str, asyncio.Task[Outcome]] = {}
        self.host_of: Mapping[str, str] = {
            **{s.name: host for host, h in self._placed.items() for s in h.specs},
            **group.outside,
        }
        self.missing: tuple[str, ...] = ()
        self._reviver = Reviver(self._placed, self._call, self._reopen, patience_s is None, revived)
        self.revivals = self._reviver.revivals

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
        nodes = spread_over_nodes()
        for host, plan in self._placed.items():
            options: dict[str, Any] = {"name": f"iles-{host}-{secrets.token_hex(4)}"}
            if plan.resource is not None:
                options["resources"] = {plan.resource: _RESOURCE_SHARE}
            elif _keeps_ledger(plan):
                options["scheduling_strategy"] = (
                    on_this_node()
                )  # its file is on this machine, and read by this process too
            else:
                options |= {"scheduling_strategy": next(nodes), "memory": _MEMORY_BYTES}
            self._hosts[host] = cast("Any", HostActor).options(**options).remote(self._group.wire_types)
            self._setups[host] = self._setup(plan)

    def _setup(self, plan: HostPlan) -> bytes:
        group, links = self._group, self._links
        return encode(
            HostSetup(
                specs=plan.specs,
                rules=group.rules,
                access=links.access(devices_of(plan.specs)),
                host_of=dict(self.host_of),
                ledger=str(self._ledger) if _keeps_ledger(plan) else None,
                ledger_meta=group.ledger_meta,
                journal=self.journal,
                real_time=links.real_time,
                wire_types=group.wire_types,
                jobs=group.jobs,
            )
        )

    async def open(self, now: datetime) -> None:
        """Let the dial-in devices in, connect all devices."""
        self.missing += await self._opened(self._hosts, now, 0, self._allow_missing)

    async def _opened(
        self, hosts: Mapping[str, Any], now: datetime, first_round: int, lenient: bool
    ) -> tuple[str, ...]:
        """Give hosts their setup, let their devices dial them, open them; returns the devices that are missing."""
        await answers([host.configure.remote(self._setups[name], first_round) for name, host in hosts.items()])
        urls: dict[str, str] = {}
        for told in await answers([host.listen.remote() for host in hosts.values()]):
            urls |= told
        await self._links.dial(urls)
        missing = await answers([host.open.remote(encode(now), lenient) for host in hosts.values()])
        await recall(hosts, self._ledger, self._group.rules.domains, now)
        return tuple(chain.from_iterable(missing))

    async def _reopen(self, name: str, now: datetime, number: int) -> None:
        host = self._hosts[name]
        await self._opened({name: host}, now, number, lenient=True)
        # The round it died in, or one before whose last effects led to no step, is open: end it first.
        await answers([host.resume.remote()])

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """What every host has to say of itself."""
        told = await answers([host.resume.remote() for host in self._hosts.values()])
        return {
            name: tuple(decoded(encoded) for encoded in outcomes)
            for name, outcomes in zip(self._hosts, told, strict=True)
        }

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round on all named hosts at once; who does not answer in time goes on alone (see `overdue`)."""
        at = encode(now)
        refs = {name: self._call(name, at, task) for name, task in tasks.items()}
        if self._patience_s is None:
            try:
                return {
                    name: decoded(encoded) for name, encoded in zip(refs, answers_now(list(refs.values())), strict=True)
                }
            except LOST:
                again = [self._reviver.outcome(name, ref, now, tasks[name]) for name, ref in refs.items()]
                return dict(zip(refs, await asyncio.gather(*again), strict=True))
        for name, ref in refs.items():
            self._late[name] = asyncio.ensure_future(self._reviver.outcome(name, ref, now, tasks[name]))
        await asyncio.wait([self._late[name] for name in refs], timeout=self._patience_s)
        return await self.overdue()

    def _call(self, name: str, at: bytes, task: Task) -> Any:
        return self._hosts[name].work.remote(at, task.number, [tuple(p) for p in task.parcels], task.settled)

    async def overdue(self) -> dict[str, Outcome]:
        """Outcomes of hosts that were late and have come since."""
        done = {name: waited.result() for name, waited in self._late.items() if waited.done()}
        for name in done:
            del self._late[name]
        return done

    async def missed(self) -> tuple[str, ...]:
        """Hosts whose process is gone, or a new one that nobody has opened yet; who is only slow to answer is not missed."""
        asked = await self._asked("ready")
        return tuple(name for name, answer in asked.items() if isinstance(answer.exception(), LOST))

    async def _asked(self, method: str) -> dict[str, asyncio.Future[Any]]:
        """What hosts answer soon; those at work are not asked, and those that cannot be reached are not awaited."""
        calls: dict[str, asyncio.Future[Any]] = {
            name: asyncio.ensure_future(answers([getattr(host, method).remote()]))
            for name, host in self._hosts.items()
            if name not in self._late or self._late[name].done()
        }
        if not calls:
            return {}
        _, slow = await asyncio.wait(calls.values(), timeout=_ANSWER_S)
        for call in slow:
            call.cancel()
        return {name: call for name, call in calls.items() if call not in slow}

    async def health(self) -> dict[str, HostHealth]:
        """Each host's account of its agents; one at work, dead, out of reach or not yet open again gives none."""
        found: dict[str, HostHealth] = {}
        for name, answer in (await self._asked("health")).items():
            with suppress(*LOST):
                found[name] = decode(answer.result()[0])
        return found

    def locations(self) -> dict[str, tuple[str, int]]:
        """The id of the node and of the process in which each host lives; between two rounds, with all hosts there."""
        told = answers_now([host.location.remote() for host in self._hosts.values()])
        return dict(zip(self._hosts, told, strict=True))

    def let_die(self, host: str, point: str, passage: int) -> None:
        """Let a host's process die at a named point of its coming work; for experiments with failures."""
        answers_now([self._hosts[host].die_at.remote(point, passage)])

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        result: bytes = (await answers([self._hosts[self.host_of[agent]].snapshot.remote(agent)]))[0]
        return result

    async def close(self) -> dict[str, str]:
        """Let go of all devices and end the actors; returns by host why its last states are not in the journal."""
        troubles: dict[str, str] = {}
        for waited in self._late.values():
            waited.cancel()
        calls = {name: asyncio.ensure_future(answers([host.close.remote()])) for name, host in self._hosts.items()}
        if calls:  # a host whose journal is away would wait for it for ever
            await asyncio.wait(calls.values(), timeout=_CLOSE_S)
        for name, call in calls.items():
            if not call.done():
                call.cancel()
                troubles[name] = f"it was at work for more than {_CLOSE_S:g} s"
            elif (error := call.exception()) is not None:
                troubles[name] = (str(error) or type(error).__name__).splitlines()[0]
            elif call.result()[0] is not None:
                troubles[name] = call.result()[0]
            ray.kill(self._hosts[name])
        self._hosts = {}
        return troubles


def _keeps_ledger(plan: HostPlan) -> bool:
    return any(spec.keeps_ledger for spec in plan.specs)
