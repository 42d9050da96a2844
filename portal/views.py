"""What the portal needs of a running site, and how it looks at one without getting in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import structlog

from cim.model.errors import IlesError
from portal.market import MarketRows
from portal.models import DsoState, Health

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class SiteView(Protocol):
    """A running site, as the portal sees it; whoever starts the site fills it."""

    async def health(self) -> Health:
        """How its agents, devices and journal are."""
        ...

    async def dso_state(self) -> DsoState:
        """The grid and the market as its DSO sees them."""
        ...

    async def market_rows(self) -> MarketRows:
        """What the store holds of the market."""
        ...


class ViewError(IlesError):
    """A view gave no answer: the route answers 503 with this sentence, which may name agents."""


class SharedAnswer(Generic[T]):
    """One answer of the site, given to all who ask while it is fresh: further callers cost the site nothing.

    Args:
        ask: asks the site.
        what: is asked for; opens the sentences of errors.
        patience_s: how long the site may take.
        fresh_s: how long its result is shown.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], what: str, patience_s: float, fresh_s: float) -> None:
        self._ask_site, self._what = ask, what
        self._patience_s, self._fresh_s = patience_s, fresh_s
        self._task: asyncio.Task[T] | None = None
        self._until = 0.0

    async def __call__(self) -> T:
        """The answer.

        Raises:
            ViewError: nothing; in one sentence why.
        """
        now = asyncio.get_running_loop().time()
        if self._task is None or (self._task.done() and now >= self._until):
            self._task = asyncio.create_task(self._ask())
            # Fetched even where every caller has hung up, else asyncio complains of it.
            self._task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Shielded: that one caller hangs up must not end the wait of the others.
        return await asyncio.shield(self._task)

    async def _ask(self) -> T:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._ask_site()
        except TimeoutError:
            raise ViewError(f"{self._what}: the site gave no answer within {self._patience_s:g} s") from None
        except IlesError as error:
            raise ViewError(f"{self._what}: {error}") from error
        except Exception as error:  # a fault of ours must not become a traceback in the answer; it stands in the log
            _log.exception("view failed", view=self._what)
            raise ViewError(f"{self._what}: looking at the site failed ({type(error).__name__})") from error
        finally:
            self._until = asyncio.get_running_loop().time() + self._fresh_s
