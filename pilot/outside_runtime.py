"""The site's runtime with one host more: that of parties elsewhere, or of what people ask through the portal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import structlog

from agents.runtime.envelope import Outcome, Task
from agents.runtime.scheduler import AgentRuntime
from cim.platform.readings.errors import NotStored

_AGAIN_S = 1.0
_log = structlog.get_logger("iles")


class OutsideWorker(Protocol):
    """A host that lives in this process and takes part in the site's rounds."""

    def resume(self) -> tuple[Outcome, ...]:
        """What may not have reached its receivers; the last says how far it is."""
        ...

    def work(self, now: datetime, task: Task) -> Outcome:
        """One round; the same again does what is left of it. Raises NotStored where its disk is full."""
        ...


class OutsideRuntime:
    """An `AgentRuntime` around another.

    Args:
        inner: where the site's agents live.
        host: the name of the host beside them, in `inner.host_of` for those who live there.
        outside: that host.
    """

    def __init__(self, inner: AgentRuntime, host: str, outside: OutsideWorker) -> None:
        self._inner, self._host, self._outside = inner, host, outside

    @property
    def host_of(self) -> Mapping[str, str]:
        """The host of each agent, here and elsewhere."""
        return self._inner.host_of

    async def open(self, now: datetime) -> None:
        """As the inner one."""
        await self._inner.open(now)

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """Everybody's."""
        return {**await self._inner.resume(), self._host: self._outside.resume()}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round of all."""
        here = {name: task for name, task in tasks.items() if name != self._host}
        outcomes = await self._inner.work(now, here) if here else {}
        return {**outcomes, self._host: await self._surely(now, tasks[self._host])} if self._host in tasks else outcomes

    async def _surely(self, now: datetime, task: Task) -> Outcome:
        """Its round, as soon as the disk takes what it keeps; what it had kept before it failed, it passes over."""
        is_told = False
        while True:
            try:
                return self._outside.work(now, task)
            except NotStored as error:
                if not is_told:
                    is_told = True
                    _log.warning("full disk", reason=str(error), so="the site stands still until there is room")
                await asyncio.sleep(_AGAIN_S)

    async def overdue(self) -> dict[str, Outcome]:
        """As the inner one."""
        return await self._inner.overdue()

    async def missed(self) -> tuple[str, ...]:
        """As the inner one."""
        return await self._inner.missed()
