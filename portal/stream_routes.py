"""`/data/stream/TOPIC`: messages as they come, over a WebSocket, to whom they may be shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import structlog
from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from cim.model.errors import BadInput
from cim.platform.access.consents import Purpose
from cim.platform.access.control import AccessControl
from cim.platform.access.secured import Denied
from cim.platform.access.streams import StreamSight
from cim.platform.broker.channel import BrokerServer, sequence_of
from cim.platform.broker.consumer import Received, Replay
from cim.platform.broker.errors import BrokerError
from cim.platform.broker.outside import Form, Told, check_form, rows_of, told_publication, told_readings, written
from cim.platform.broker.schemas import READINGS
from cim.platform.broker.topic import Topic
from cim.platform.readings.errors import NotStored
from portal.data import OPERATOR

T = TypeVar("T", bound=StrEnum)

_log = structlog.get_logger(__name__)
_MESSAGES = 50  # read at once
_PAUSE_S = 0.25  # between looks at a topic in which nothing is new
_CLOSE_S = 1.0
_GAP = "messages behind the one that was asked for are not kept any more"
_ASKED = ("format", "after", "since", "purpose")


@dataclass(frozen=True)
class StreamSite:
    """The topics of a site as callers of the portal reach them.

    Attributes:
        slow_s: a listener that does not take a message for so long is dropped.
        most: listeners at once.
    """

    access: AccessControl
    server: BrokerServer
    topics: Mapping[str, Topic]
    slow_s: float = 10.0
    most: int = 32


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a listener's address says."""

    topic: Topic
    form: Form
    after: str | datetime | None
    purpose: Purpose


class _Refused(Exception):
    """A listener is not let in: HTTP status and sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def add_stream_routes(app: FastAPI, site: StreamSite) -> None:
    """Add it; whose token was shown (`portal.guard`) decides what is seen."""
    listeners: set[int] = set()

    @app.websocket("/data/stream/{topic}")
    async def stream(socket: WebSocket, topic: str) -> None:
        """Messages of a topic: `format` (json, msgpack, cim), `after` an id or `since` an instant, `purpose`."""
        if len(listeners) >= site.most:
            await _refuse(socket, _Refused(503, f"{site.most} listen already; try again later"))
            return
        listeners.add(id(socket))  # before anything is waited for, or more could come in at once than may
        try:
            await _let_in(site, socket, topic)
        finally:
            listeners.discard(id(socket))


async def _let_in(site: StreamSite, socket: WebSocket, topic: str) -> None:
    """From the request to the end of the connection; what was sent is in the audit log afterwards."""
    party: str | None = socket.state.party
    try:
        asked = _asked(site, topic, dict(socket.query_params))
        sight = await run_in_threadpool(
            StreamSight, site.access, OPERATOR if party is None else party, topic, asked.purpose
        )
    except (BadInput, Denied, NotStored, _Refused) as error:
        await _refuse(socket, error)
        return
    await socket.accept()
    listener = _Listener(socket, site, asked, sight)
    try:
        await listener.listen()
    finally:
        try:
            await run_in_threadpool(sight.ended, listener.sent)
        except NotStored as error:  # nobody is there any more to be told; that it began is in the log
            _log.warning("a listener's end is not in the audit log", topic=topic, rows=listener.sent, reason=str(error))


async def _refuse(socket: WebSocket, error: Exception) -> None:
    """An HTTP answer in place of the connection."""
    if isinstance(error, _Refused):
        status = error.status
    else:
        status = 503 if isinstance(error, NotStored) else 403 if isinstance(error, Denied) else 422
    await socket.send_denial_response(JSONResponse({"detail": str(error)}, status))


class _Listener:
    """One connection, from its first message to its end."""

    def __init__(self, socket: WebSocket, site: StreamSite, asked: _Asked, sight: StreamSight) -> None:
        self._socket, self._site, self._asked, self._sight = socket, site, asked, sight
        self.sent = 0

    async def listen(self) -> None:
        """Send what comes until the other side goes, is too slow, or the broker fails."""
        gone = asyncio.create_task(self._until_gone())
        server = self._site.server.beside()
        try:
            replay = await run_in_threadpool(Replay, server, self._asked.topic, self._asked.after)
            while not gone.done():
                if not await self._pass_on(replay):
                    await asyncio.wait({gone}, timeout=_PAUSE_S)
        except TimeoutError:
            await self._close(
                1013, f"too slow: a message was not taken for {self._site.slow_s:g} s; resume after its id"
            )
        except (BadInput, BrokerError) as error:
            await self._close(1011, str(error))
        except (WebSocketDisconnect, RuntimeError):
            pass  # it went while something was being sent
        finally:
            gone.cancel()
            server.close()

    async def _pass_on(self, replay: Replay) -> bool:
        """Send what is new; whether something was."""
        found = await run_in_threadpool(replay.next, _MESSAGES)
        if found.gap:
            await self._send({"gap": _GAP, "topic": self._asked.topic.name})
        for told in await run_in_threadpool(lambda: list(self._seen(found.messages))):
            await self._send(told)
        return bool(found.messages)

    def _seen(self, messages: tuple[Received, ...]) -> Iterator[Told]:
        """Of messages what may be seen."""
        topic = self._asked.topic.name
        whole = topic != READINGS and bool(messages) and self._sight.whole()
        for one in messages:
            if one.message is None:
                continue
            if topic == READINGS:
                rows = self._sight.rows(rows_of(one))
                if rows:
                    self.sent += len(rows)
                    yield told_readings(one.id, rows)
            elif whole:
                self.sent += 1
                yield told_publication(topic, one)

    async def _send(self, told: Told) -> None:
        data = written(told, self._asked.form)
        sending = self._socket.send_text(data) if isinstance(data, str) else self._socket.send_bytes(data)
        await asyncio.wait_for(sending, self._site.slow_s)

    async def _until_gone(self) -> None:
        """Whatever the other side says is passed over; nothing is asked of it."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while (await self._socket.receive())["type"] != "websocket.disconnect":
                pass

    async def _close(self, code: int, reason: str) -> None:
        words = reason.encode()[:120].decode("utf-8", "ignore")  # what a close frame can carry (RFC 6455, 5.5)
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(self._socket.close(code, words), _CLOSE_S)


def _asked(site: StreamSite, name: str, given: Mapping[str, str]) -> _Asked:
    """What an address says.

    Raises:
        BadInput: a parameter that does not fit.
        _Refused: there is no such topic.
    """
    if unknown := sorted(set(given) - set(_ASKED)):
        raise BadInput(f"parameter {unknown[0][:60]!r}; expected one of {', '.join(_ASKED)}")
    topic = site.topics.get(name)
    if topic is None:
        raise _Refused(404, f"topic {name[:80]!r}; expected one of {', '.join(sorted(site.topics))}")
    form = _one_of(Form, "format", given.get("format", Form.JSON.value))
    check_form(name, form)
    purpose = _one_of(Purpose, "purpose", given.get("purpose", Purpose.OPERATION.value))
    after, since = given.get("after"), given.get("since")
    if after is not None and since is not None:
        raise BadInput("after and since; expected one of them")
    if after is not None:
        sequence_of(after)
    return _Asked(topic, form, after if since is None else _instant(since), purpose)


def _one_of(kind: type[T], name: str, text: str) -> T:
    try:
        return kind(text)
    except ValueError:
        raise BadInput(f"{name} {text[:60]!r}; expected one of {', '.join(kind)}") from None


def _instant(text: str) -> datetime:
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    raise BadInput(f"since {text[:60]!r}; expected an instant such as 2026-05-20T12:00:00Z")
