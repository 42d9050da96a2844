"""Hosts on Ray whose processes died: opened again as often as it takes; what their journals lost comes from the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from agents.runtime.envelope import Outcome, Task
from agents.runtime.journal import JournalAway, JournalFull
from agents.runtime.ledger_history import has_begun, recollect
from agents.runtime.placement import HostPlan
from agents.runtime.ray.calls import LOST, HostLost, answers
from agents.runtime.revival import Revival
from agents.runtime.served_host import decoded
from cim.codec.codec import encode

_REVIVAL_S = 120.0  # in simulated time; Ray restarts an actor in about a second, and notices a lost node after about 15
_PAUSES_S = (0.1, 5.0)  # between tries to reach a restarted actor: first, longest


class Reviver:
    """Gets a host's outcome although its actor may die.

    Args:
        placed: all hosts.
        call: gives a host (name, encoded time) its round; the reference to what it answers.
        reopen: opens a host (name, time, number of the round) whose actor Ray has restarted.
        urgent: the others wait for it, so it must be back in time; else it may take for ever.
        revived: called with each host that is back.
    """

    def __init__(
        self,
        placed: Mapping[str, HostPlan],
        call: Callable[[str, bytes, Task], Any],
        reopen: Callable[[str, datetime, int], Awaitable[None]],
        urgent: bool,
        revived: Callable[[Revival], None],
    ) -> None:
        self._placed, self._call, self._reopen, self._urgent, self._revived = placed, call, reopen, urgent, revived
        self.revivals: list[Revival] = []

    async def outcome(self, name: str, ref: Any, now: datetime, task: Task) -> Outcome:
        """A host's outcome; one that died is opened again (Ray has restarted it) and given the same round again.

        Raises:
            HostLost: it is urgent, and nothing has brought the process back.
        """
        while True:
            try:
                return decoded((await answers([ref]))[0])
            except LOST:
                await self._revive(name, now, task.number)
                ref = self._call(name, encode(now), task)

    async def _revive(self, name: str, now: datetime, number: int) -> None:
        """Bring a host back, as often as it takes; what is only late (Ray, a node, the journal) ends no run."""
        begun = missed = time.monotonic()
        pause, longest = _PAUSES_S
        while True:
            try:
                await self._reopen(name, now, number)
            except LOST as error:  # Ray is still restarting it, or it died again
                if self._urgent and time.monotonic() - missed > _REVIVAL_S:
                    raise HostLost(self._lost(name)) from error
            except (JournalAway, JournalFull):  # a host that runs waits for it as well
                missed = time.monotonic()
            else:
                ended = time.monotonic()
                revival = Revival(name, ended - begun, ended)
                self.revivals.append(revival)
                self._revived(revival)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    def _lost(self, name: str) -> str:
        plan = self._placed[name]
        place = "a node" if plan.resource is None else f"a node that offers {plan.resource!r}"
        agents = ", ".join(spec.name for spec in plan.specs[:3]) + (" ..." if len(plan.specs) > 3 else "")
        return f"{name} ({agents}) died and was not back within {_REVIVAL_S:g} s; expected {place} with room for it"


async def recall(hosts: Mapping[str, Any], ledger: Path, domains: Mapping[str, str], now: datetime) -> None:
    """Who has no memory although the ledger shows that the site had begun is told what the ledger knows of it.

    Args:
        hosts: the actors just opened, by name.
        domains: of all agents, by name.
    """
    if not has_begun(ledger):
        return
    told = await answers([host.fresh.remote() for host in hosts.values()])
    fresh = dict(zip(hosts, told, strict=True))
    past = recollect(ledger, chain.from_iterable(fresh.values()), domains, now)
    parts = {name: {agent: past[agent] for agent in fresh[name] if agent in past} for name in hosts}
    await answers([hosts[name].recall.remote(encode(part)) for name, part in parts.items() if part])
