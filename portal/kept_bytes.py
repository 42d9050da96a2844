"""An answer of the site as bytes, made once for all who ask within a second, and begun anew before it is too old."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from portal.views import SharedAnswer

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Packed(Generic[M]):
    """A model as JSON, and the same packed by gzip."""

    model: M
    plain: bytes
    packed: bytes


class KeptBytes(Generic[M]):
    """A model of the site as JSON for many callers.

    While one answer is half as old as it may be, the next is made beside it, so that hardly anybody waits for one; nobody
    is shown one that is older than `fresh_s`. It is written out in a thread: the site's rounds go on meanwhile.

    Args:
        ask, what, patience_s: see `SharedAnswer`.
        fresh_s: how old an answer may be that is shown.
        seconds: a clock that only goes forward.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[M]],
        what: str,
        patience_s: float,
        fresh_s: float = 1.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._fresh_s, self._seconds = ask, fresh_s, seconds
        self._next = SharedAnswer(self._made, what, patience_s, 0.0)
        self._kept: Packed[M] | None = None
        self._begun = 0.0
        self._task: asyncio.Task[Packed[M]] | None = None

    async def __call__(self, request: Request) -> Response:
        """The answer to a request.

        Raises:
            ViewError: nothing; in one sentence why.
        """
        kept = await self._newest()
        packs = "gzip" in request.headers.get("accept-encoding", "") and len(kept.plain) > 1_000
        headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packs else {})
        return Response(kept.packed if packs else kept.plain, media_type="application/json", headers=headers)

    async def model(self) -> M:
        """The same as a model.

        Raises:
            ViewError: nothing; in one sentence why.
        """
        return (await self._newest()).model

    async def _newest(self) -> Packed[M]:
        age = self._seconds() - self._begun
        kept = self._kept
        if kept is None or age >= self._fresh_s:
            kept = await self._next()
        elif age >= self._fresh_s / 2 and not self.under_way:
            self._task = asyncio.ensure_future(self._next())
            self._task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return kept

    @property
    def under_way(self) -> bool:
        """Whether the next answer is being made beside the one that is shown."""
        return self._task is not None and not self._task.done()

    async def _made(self) -> Packed[M]:
        begun = self._seconds()
        found = await self._ask()
        kept = await asyncio.to_thread(_packed, found)
        self._kept, self._begun = kept, begun
        return kept


def _packed(found: M) -> Packed[M]:
    plain = found.model_dump_json(by_alias=True).encode()
    return Packed(found, plain, gzip.compress(plain, 1))
