"""What has changed, told to everybody who listens: by numbers, so that a slow listener costs no more than a quick one.

Nobody gets a queue, a task or a timer: a listener remembers the number it was told last, and what it is told next covers all
since then. One task goes round; an event is made once for all who had the same number.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Generator
from datetime import datetime
from time import monotonic
from types import coroutine

PAUSE_S = 0.6  # at least, between two rounds of telling
MOST = 2_500  # listeners at once
PATIENCE_S = 10.0  # that one event may take to be taken
_SILENCE_S = 15.0  # after which a comment keeps the connection open
_AT_ONCE = 50  # listeners that are told before others in this loop have their turn

Take = Callable[[bytes], Coroutine[object, object, None]]


class TooMany(Exception):
    """There are as many listeners as may be."""


class Listener:
    """One who listens.

    Attributes:
        over: is done when it should be let go: it takes nothing, its connection is broken, or the server stops.
        had: the number that its last event covers.
    """

    def __init__(self, take: Take, had: int) -> None:
        self._take, self.had = take, had
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taking: asyncio.Task[None] | None = None
        self._begun = monotonic()

    def tell(self, message: bytes) -> None:
        """Send it; what its connection does not take at once goes on beside, and it is told nothing meanwhile."""
        self._begun = monotonic()
        sending = self._take(message)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except OSError:  # the connection broke; that is nobody's fault here
            self.let_go()
            return
        self._taking = asyncio.ensure_future(_go_on(sending, waits_for))
        self._taking.add_done_callback(self._taken)

    def _taken(self, done: asyncio.Task[None]) -> None:
        self._taking = None
        if not done.cancelled() and done.exception() is not None:
            self.let_go()

    def quiet_for(self, now: float) -> float | None:
        """Seconds since it was told something; None while it has not taken that."""
        if self._taking is None:
            return now - self._begun
        if now - self._begun > PATIENCE_S:
            self.let_go()
        return None

    def let_go(self) -> None:
        """It is told nothing more."""
        if not self.over.done():
            self.over.set_result(None)
        if self._taking is not None:
            self._taking.cancel()


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
        self._listeners: dict[Listener, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._over = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def tell(self, family: str) -> None:
        """Something of a family was published; from the loop that listeners are served by."""
        self._number += 1
        self._last[family] = self._number

    def stop(self) -> None:
        """Let all listeners go, as the server is being stopped."""
        self._over = True
        for listener in self._listeners:
            listener.let_go()

    def since(self, identity: str | None) -> int:
        """The number behind an event's identity; of another start 0, as everything may have changed."""
        epoch, _, number = (identity or "").partition("-")
        return int(number) if epoch == self._epoch and number.isdecimal() and len(number) < 16 else 0

    def event(self, since: int) -> bytes:
        """One event (text/event-stream) that covers everything behind a number."""
        changed = ",".join(f'"{name}"' for name, number in sorted(self._last.items()) if number > since)
        return (
            f"id: {self._epoch}-{self._number}\nevent: changed\n"
            f'data: {{"now": "{self._now().isoformat()}", "changed": [{changed}]}}\n\n'
        ).encode()

    async def listen(self, identity: str | None, take: Take, gone: Callable[[], Awaitable[None]]) -> None:
        """Tell one listener, until it goes or is let go.

        Args:
            identity: of the event that it had last; None: of none, so the first event says what there is.
            take: sends bytes to it; whatever it waits for must not depend on the task that it is called in.
            gone: waits until it has gone.

        Raises:
            TooMany: at once, before anything is sent.
        """
        if len(self._listeners) >= MOST:
            raise TooMany
        listener = Listener(take, self.since(identity))
        leaves = asyncio.ensure_future(gone())
        self._listeners[listener] = None
        if self._task is None:
            self._task = asyncio.create_task(self._rounds())
        try:
            if not self._over:
                first, listener.had = self.event(listener.had), self._number
                listener.tell(b"retry: 2000\n\n" + first)
                await asyncio.wait((leaves, listener.over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            listener.let_go()
            leaves.cancel()
            del self._listeners[listener]
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _rounds(self) -> None:
        """Tell all who listen, as often as there is news, but not more often than once in a while."""
        while True:
            await asyncio.sleep(PAUSE_S)
            now, told = monotonic(), dict[int, tuple[bytes, int]]()
            for place, listener in enumerate(tuple(self._listeners)):
                quiet_s = listener.quiet_for(now)
                if listener.over.done() or quiet_s is None:
                    continue
                if self._ticks or listener.had != self._number:
                    if listener.had not in told:
                        told[listener.had] = self.event(listener.had), self._number
                    message, listener.had = told[listener.had]
                    listener.tell(message)
                elif quiet_s > _SILENCE_S:
                    listener.tell(b": still here\n\n")
                if place % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)  # control goes on in the same loop


@coroutine
def _go_on(begun: Coroutine[object, object, None], waits_for: object) -> Generator[object, object, None]:
    """The rest of a coroutine that was begun outside of a task, and waits for something."""
    while True:
        fault: BaseException | None = None
        came: object = None
        try:
            came = yield waits_for
        except BaseException as error:
            fault = error
        try:
            waits_for = begun.send(came) if fault is None else begun.throw(fault)
        except StopIteration:
            return
