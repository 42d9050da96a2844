"""The route: POST /shapeshifter/api/v3/message, as an application for the portal's server.

Messages that arrive while others are being judged are made durable together, in one transaction, before any of them is
answered; so a flood of them costs few writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Instants
from pilot.uftp.parties import PATH
from pilot.uftp.reception import BAD_REQUEST, OK, Reception, Verdict
from pilot.uftp.xml import LONGEST

LENGTH_REQUIRED, TOO_LARGE, TOO_MANY, AWAY = 411, 413, 429, 503
_MOST = 4 * LONGEST // 3 + 1_000  # bytes of a body: base 64 and its wrapper
_BURST_S = 10.0  # a peer may save up so many seconds' messages
_CALLERS = 10_000  # addresses whose rate is remembered

_log = structlog.get_logger("iles.uftp")


class Rates:
    """How many messages each address has sent lately (a token bucket each).

    Args:
        per_second: on average; a burst of ten seconds' worth may come at once.
        clock: seconds that only grow.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = per_second, clock
        self._known: dict[str, tuple[float, float]] = {}

    def allows(self, caller: str) -> bool:
        """Whether one more may come from there now."""
        now, most = self._clock(), max(1.0, self._rate * _BURST_S)
        left, last = self._known.pop(caller, (most, now))
        left = min(most, left + (now - last) * self._rate)
        while len(self._known) >= _CALLERS:
            self._known.pop(next(iter(self._known)))  # who has been quiet for longest
        self._known[caller] = (left - 1 if left >= 1 else left, now)
        return left >= 1


_Key = tuple[str, str] | int
_Judged = tuple[Verdict, "asyncio.Future[None]"]


class Inbox:
    """Judges bodies and makes what they led to durable.

    Args:
        written: called after messages were made durable: there may be something to hand on or to send.
    """

    def __init__(
        self, reception: Reception, log: MessageLog, now: Callable[[], Instants], written: Callable[[], None]
    ) -> None:
        self._reception, self._messages, self._now, self._written = reception, log, now, written
        self._waiting: dict[_Key, _Judged] = {}
        self._being_written: dict[_Key, _Judged] = {}
        self._count = 0
        self._writer = ThreadPoolExecutor(1, "uftp-log")
        self._writing: asyncio.Task[None] | None = None

    async def take(self, body: bytes) -> Verdict:
        """Judge a body; returns when all that it led to is durable."""
        verdict = self._reception.judge(body)
        while verdict.arrival is not None and (same := self._pending(verdict.arrival.key)) is not None:
            await asyncio.shield(same)  # one of that identifier is about to be known
            verdict = self._reception.judge(body)
        if verdict.arrival is None and verdict.answer is None:
            return verdict
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._waiting[self._count if verdict.arrival is None else verdict.arrival.key] = verdict, done
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(done)
        return verdict

    def _pending(self, key: _Key) -> asyncio.Future[None] | None:
        known = self._waiting.get(key) or self._being_written.get(key)
        return None if known is None else known[1]

    async def _write(self) -> None:
        """Write what waits, and what came meanwhile, until there is nothing; others are judged meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._being_written = self._waiting
            self._waiting = {}
            arrivals = [v.arrival for v, _ in batch.values() if v.arrival is not None]
            answers = [v.answer for v, _ in batch.values() if v.answer is not None]
            try:
                await loop.run_in_executor(self._writer, self._messages.keep, arrivals, answers, self._now())
                fault = None
            except Exception as error:  # whatever it is, nobody may be told that it was kept
                fault = error
            self._being_written = {}
            for _, done in batch.values():
                if fault is None:
                    done.set_result(None)
                else:
                    done.set_exception(fault)
                    done.exception()  # seen, even where the caller has gone
            if fault is None:
                self._written()

    async def close(self) -> None:
        """Returns when nothing is being written."""
        if self._writing is not None:
            await self._writing
        self._writer.shutdown()


class MessageRoute:
    """The ASGI endpoint."""

    def __init__(self, inbox: Inbox, rates: Rates) -> None:
        self._inbox, self._rates = inbox, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, reason = await self._status(Request(scope, receive))
        text = "" if status == OK else f"{reason}\n"
        await PlainTextResponse(text, status, {"Cache-Control": "no-store"})(scope, receive, send)

    async def _status(self, request: Request) -> tuple[int, str]:
        caller = "" if request.client is None else request.client.host
        if not self._rates.allows(caller):
            _log.warning("uftp message refused", status=TOO_MANY, caller=caller)
            return TOO_MANY, "too many messages; expected fewer in a second"
        kind, _, rest = request.headers.get("content-type", "").partition(";")
        charset = rest.strip().lower().removeprefix("charset=").strip('"')
        if kind.strip().lower() != "text/xml" or charset not in ("", "utf-8"):
            return BAD_REQUEST, "Content-Type: expected text/xml; charset=utf-8"
        length = request.headers.get("content-length")
        if length is None:
            return LENGTH_REQUIRED, "Content-Length: missing; expected the number of bytes"
        if not length.isascii() or not length.isdigit() or int(length[:12]) > _MOST:
            return TOO_LARGE, f"Content-Length: expected at most {_MOST}"
        try:
            verdict = await self._inbox.take(await request.body())
        except ClientDisconnect:
            return BAD_REQUEST, "body: it ended too soon"
        except Exception as error:  # what was not made durable must come again
            _log.exception("uftp message not taken", reason=str(error))
            return AWAY, "not taken; expected to be sent again later"
        return verdict.status, verdict.reason


def message_app(inbox: Inbox, rates: Rates) -> FastAPI:
    """The application with that one route, for `portal.server.serve`; a message's signature says who its sender is."""
    app = FastAPI(title="UFTP", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.router.routes.append(Route(PATH, MessageRoute(inbox, rates), methods=["POST"]))
    app.state.authenticated = True
    return app
