"""A living site whose disk is full waits: nothing goes on that could not be kept, and it goes on when there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from agents.runtime.scheduler import WorldClock
from cim.platform.store import Store
from devices.simulators.recording_log import LogFailed

_AGAIN_S = 1.0
_log = structlog.get_logger("iles")


class PatientWorld:
    """A simulated world whose log may find no room: it is asked again, since what was not logged did not happen.

    Args:
        stopped: whether the site is to end, and nobody waits any more.
    """

    def __init__(self, world: WorldClock, stopped: Callable[[], bool]) -> None:
        self._world, self._stopped = world, stopped

    async def advance(self, to: datetime) -> None:
        """Move on to an instant, as soon as the disk lets it."""
        is_told = False
        while True:
            try:
                return await self._world.advance(to)
            except LogFailed as error:
                if self._stopped():
                    raise
                if not is_told:
                    is_told = True
                    _log.warning("full disk", reason=str(error), so="the devices stand still until there is room")
                await asyncio.sleep(_AGAIN_S)


async def until_kept(store: Store, stopped: Callable[[], bool]) -> bool:
    """Wait until a store has kept all that was put; False where the site is to end before."""
    why = store.unkept
    if why is None:
        return True
    _log.warning("full disk", reason=why, so="the site stands still until there is room")
    while why is not None:
        if stopped():
            return False
        await asyncio.sleep(_AGAIN_S)
        store.retry()
        why = store.unkept
    _log.info("room again", so="the site goes on")
    return True
