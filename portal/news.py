"""What has changed, told to everybody who listens: by numbers, so that a slow listener costs no more than a quick one.

Nobody gets a queue: a listener remembers the number it was told last, and what it is told next covers all since then.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from datetime import datetime

PAUSE_S = 1.0  # at least, between two rounds of telling
MOST = 2_500  # listeners at once
_SILENCE_S = 15.0  # after which a comment keeps the connection open


class TooMany(Exception):
    """There are as many listeners as may be."""


class News:
    """The numbers of what was published, by family, and who waits for more.

    Args:
        now: the site's own time, UTC.
        ticks: whether readings come without publications, so that there is news every round.
    """

    def __init__(self, now: Callable[[], datetime], ticks: bool = False) -> None:
        self._now, self._ticks = now, ticks
        self._epoch = secrets.token_hex(4)  # numbers begin anew with each start
        self._number = 0
        self._last: dict[str, int] = {}
        self._round, self._rounds_told = asyncio.Event(), 0
        self._told: dict[int, bytes] = {}
        self._task: asyncio.Task[None] | None = None
        self._listeners, self._over = 0, False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listeners

    def tell(self, family: str) -> None:
        """Something of a family was published; from the loop that listeners are served by."""
        self._number += 1
        self._last[family] = self._number

    def stop(self) -> None:
        """Let all listeners go, as the server is being stopped."""
        self._over = True
        self._round.set()

    def since(self, identity: str | None) -> int:
        """The number behind an event's identity; of another start 0, as everything may have changed."""
        epoch, _, number = (identity or "").partition("-")
        return int(number) if epoch == self._epoch and number.isdecimal() and len(number) < 16 else 0

    def event(self, since: int) -> bytes:
        """One event (text/event-stream) that covers everything behind a number; the same for all who had that number."""
        if since not in self._told:
            changed = ",".join(f'"{name}"' for name, number in sorted(self._last.items()) if number > since)
            self._told[since] = (
                f"id: {self._epoch}-{self._number}\nevent: changed\n"
                f'data: {{"now": "{self._now().isoformat()}", "changed": [{changed}]}}\n\n'
            ).encode()
        return self._told[since]

    async def listen(self, identity: str | None) -> AsyncGenerator[bytes, None]:
        """What to send to one listener, for as long as it takes it.

        Args:
            identity: of the event that it had last; None: of none, so the first event says what there is.

        Raises:
            TooMany: at once, before anything is sent.
        """
        if self._listeners >= MOST:
            raise TooMany
        self._listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._rounds())
        had = self.since(identity)
        try:
            self._told.clear()
            heard = self._rounds_told
            message, had = self.event(had), self._number
            yield b"retry: 2000\n\n" + message
            while True:
                if heard == self._rounds_told:  # else a round went by while it took its last event
                    try:
                        async with asyncio.timeout(_SILENCE_S):
                            await self._round.wait()
                    except TimeoutError:
                        yield b": still here\n\n"
                        continue
                heard = self._rounds_told
                if self._over:
                    return
                if self._ticks or had != self._number:
                    message, had = self.event(had), self._number
                    yield message
        finally:
            self._listeners -= 1
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _rounds(self) -> None:
        """Wake all who wait, as often as there is news, but not more often than once in a while."""
        told = -1  # what came before the first listener may be news to the second
        while True:
            await asyncio.sleep(PAUSE_S)
            if self._ticks or self._number != told:
                told = self._number
                self._told.clear()
                self._rounds_told += 1
                waiting, self._round = self._round, asyncio.Event()
                waiting.set()
