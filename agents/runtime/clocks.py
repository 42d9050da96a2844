"""When an instant has come: at once in simulated time, when the wall clock says so in a pilot."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


def wall_time() -> datetime:
    """UTC now."""
    return datetime.now(UTC)


class Clock(Protocol):
    """Time as the scheduler keeps it."""

    @property
    def waits(self) -> bool:
        """Whether to reach an instant takes time in which something may happen."""
        ...

    async def reach(self, at: datetime) -> datetime | None:
        """Wait for an instant; returns the instant it is then (`at` or later), or None when interrupted."""
        ...

    def interrupt(self) -> None:
        """End a wait."""
        ...


class SimClock:
    """Every instant has come as soon as it is asked for."""

    waits = False

    async def reach(self, at: datetime) -> datetime | None:
        """At once."""
        return at

    def interrupt(self) -> None:
        """Nobody waits."""


class PacedClock:
    """Simulated time at a pace: `speed` simulated seconds in each second, never faster.

    The world waits with it, so an instant that is reached late is still that instant.
    """

    waits = True

    def __init__(self, start: datetime, speed: float) -> None:
        self._start, self._speed = start, speed
        self._begun = time.monotonic()
        self._stop = asyncio.Event()

    def restart(self, now: datetime) -> None:
        """It is `now`; the start-up took no time of the site."""
        self._start, self._begun = now, time.monotonic()

    def now(self) -> datetime:
        """What the clock on the wall of the simulated site shows."""
        return self._start + timedelta(seconds=(time.monotonic() - self._begun) * self._speed)

    async def reach(self, at: datetime) -> datetime | None:
        """Wait until it is `at`."""
        seconds = (at - self.now()).total_seconds() / self._speed
        return at if await _waited(self._stop, seconds) else None

    def interrupt(self) -> None:
        """End the wait."""
        self._stop.set()


class WallClock:
    """The machine's clock, for real devices: what was slept through is over."""

    waits = True

    def __init__(self) -> None:
        self._stop = asyncio.Event()

    def now(self) -> datetime:
        """UTC now."""
        return wall_time()

    async def reach(self, at: datetime) -> datetime | None:
        """Wait until it is `at`; later when the wait took longer (a suspended machine, a long round)."""
        seconds = (at - self.now()).total_seconds()
        return max(at, self.now()) if await _waited(self._stop, seconds) else None

    def interrupt(self) -> None:
        """End the wait."""
        self._stop.set()


async def _waited(stop: asyncio.Event, seconds: float) -> bool:
    """Whether the time passed without an interruption."""
    if stop.is_set():
        return False
    if seconds <= 0:
        return True
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return True
    return False
