"""A connection that a simulated device makes itself: to its CSMS or CEM, or to its broker; made again when it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod


class Outgoing(ABC):
    """Runs one simulated device over such a connection; what is said over it is the subclasses' own.

    Args:
        backoff_s: the first pause before connecting again, s; doubled up to `backoff_max_s`.

    Attributes:
        refusal: why the last attempt failed.
    """

    def __init__(self, backoff_s: float, backoff_max_s: float) -> None:
        self.refusal = ""
        self._backoff = (backoff_s, backoff_max_s)
        self._pause_s = backoff_s
        self._changed = asyncio.Event()
        self._speaking = asyncio.Lock()  # frames of one batch stay together
        self._task: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def connected(self) -> bool:
        """True while the connection is open."""

    @abstractmethod
    async def say(self, frames: list[str]) -> None:
        """Send what the machine made; while cut off nobody hears it."""

    @abstractmethod
    async def at_rest(self, timeout_s: float) -> bool:
        """Wait until what was said is answered; False when it was cut off or that took too long."""

    @abstractmethod
    async def _session(self) -> bool:
        """Connect, say `_arrived`, and talk until the connection ends; whether to connect again."""

    @abstractmethod
    def _failures(self) -> tuple[type[Exception], ...]:
        """What an attempt fails with."""

    def dial(self) -> None:
        """Begin to connect, until `hang_up`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def hang_up(self) -> None:
        """Stop; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _arrived(self) -> None:
        """The connection is open."""
        self._pause_s, self.refusal = self._backoff[0], ""

    async def _run(self) -> None:
        while True:
            try:
                if not await self._session():
                    return
            except self._failures() as error:
                self.refusal = f"{type(error).__name__}: {error}"
                self._changed.set()
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, self._backoff[1])
