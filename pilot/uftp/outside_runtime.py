"""The site's runtime with one host more: that of the parties elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agents.runtime.envelope import Outcome, Task
from agents.runtime.scheduler import AgentRuntime
from pilot.uftp.outside import HOST, OutsideHost


class OutsideRuntime:
    """An `AgentRuntime` around another.

    Args:
        inner: where the site's agents live.
        outside: the parties elsewhere.
    """

    def __init__(self, inner: AgentRuntime, outside: OutsideHost) -> None:
        self._inner, self._outside = inner, outside

    @property
    def host_of(self) -> Mapping[str, str]:
        """The host of each agent, here and elsewhere."""
        return self._inner.host_of

    async def open(self, now: datetime) -> None:
        """As the inner one."""
        await self._inner.open(now)

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """Everybody's."""
        return {**await self._inner.resume(), HOST: self._outside.resume()}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """One round of all."""
        here = {name: task for name, task in tasks.items() if name != HOST}
        outcomes = await self._inner.work(now, here) if here else {}
        return {**outcomes, HOST: self._outside.work(now, tasks[HOST])} if HOST in tasks else outcomes

    async def overdue(self) -> dict[str, Outcome]:
        """As the inner one."""
        return await self._inner.overdue()

    async def missed(self) -> tuple[str, ...]:
        """As the inner one."""
        return await self._inner.missed()
