"""Members' sessions as they end, with the private models behind them, read from their states once a day.

A member keeps the sessions of its running day, so nothing of them is lost between two readings, and its state does not grow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from agents.roles.prosumer.member_session import MemberSession
from agents.roles.prosumer.vpp_member import VppMember, VppMemberState
from agents.runtime.scheduler import WorldClock
from cim.codec.codec import decode
from cim.model.intervals import LocalDay

EndedSessions = dict[str, dict[str, MemberSession]]  # session -> member -> its side of it


async def read(ended: EndedSessions, members: tuple[str, ...], snapshot: Callable[[str], Awaitable[bytes]]) -> None:
    """Add the sessions that have ended since the last reading, from each member's snapshot."""
    for name in members:
        states: dict[str, VppMemberState] = decode(await snapshot(name))[2]
        for identity, session in states[VppMember.__name__].past_sessions.items():
            ended.setdefault(identity, {})[name] = session


class DayByDay:
    """The world, and what is to be done at the end of each local day before it goes on."""

    def __init__(self, world: WorldClock, first: LocalDay, then: Callable[[], Awaitable[None]]) -> None:
        self._world, self._day, self._then = world, first, then

    async def advance(self, to: datetime) -> None:
        """Move on; all that happened on a day is over when its end is reached."""
        if to >= self._day.end:
            await self._then()
        while to >= self._day.end:
            self._day = self._day.next()
        await self._world.advance(to)
