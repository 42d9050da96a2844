"""What goes: sealed, posted, tried again with growing pauses; for each peer in order.

Final are 200 and those 4xx that only another message could change; everything else (no connection, 5xx, 404, 419, 429)
is tried again for hours. A message that a peer keeps refusing in that way holds the others up for a few tries only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import httpx
import structlog

from cim.model.errors import BadInput
from market.uftp.header import UftpMessage
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Waiting
from pilot.uftp.parties import OurParty, Peer
from pilot.uftp.sealing import sealed

FIRST_S, LONGEST_S = 1.0, 600.0  # pauses: doubled after each try
_FINAL = frozenset({400, 401, 403, 405, 410, 411, 413, 415, 422})
_IN_ORDER = 5  # tries for which the others wait
_TIMEOUT_S = 30.0

_log = structlog.get_logger("iles.uftp")


class Posts(Protocol):
    """Posts a body; returns the HTTP status and what came with it. Raises `httpx.HTTPError`, `OSError`."""

    async def __call__(self, url: str, body: bytes) -> tuple[int, str]:
        """One POST."""
        ...


class HttpPosts:
    """Posts over HTTP; redirects are followed only where they leave the body as it is (307, 308)."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)

    async def __call__(self, url: str, body: bytes) -> tuple[int, str]:
        """One POST, with at most two redirects."""
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        for _ in range(3):
            response = await self._client.post(url, content=body, headers=headers)
            if response.status_code not in (307, 308) or "location" not in response.headers:
                break
            url = str(response.url.join(response.headers["location"]))
        return response.status_code, response.text[:300]

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


@dataclass(frozen=True)
class Undelivered:
    """A message that is given up."""

    recipient: str
    message: UftpMessage
    reason: str


class Sender:
    """Delivers what waits in the log.

    Args:
        now: the wall's clock.
        retry_for: how long a message is tried again.
        gave_up: told of each message that will not be delivered.
    """

    def __init__(
        self,
        ours: tuple[OurParty, ...],
        peers: tuple[Peer, ...],
        log: MessageLog,
        post: Posts,
        now: Callable[[], datetime],
        retry_for: timedelta,
        gave_up: Callable[[Undelivered], None] = lambda _: None,
    ) -> None:
        self._ours: Mapping[str, OurParty] = {party.domain: party for party in ours}
        self._peers = peers
        self._messages, self._post, self._now = log, post, now
        self._retry_for, self._gave_up = retry_for, gave_up
        self._news = {peer.domain: asyncio.Event() for peer in peers}
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """There may be something new to send."""
        for event in self._news.values():
            event.set()

    def start(self) -> None:
        """Deliver in the background."""
        self._tasks = [asyncio.create_task(self._serve(peer)) for peer in self._peers]

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, peer: Peer) -> None:
        news = self._news[peer.domain]
        while True:
            news.clear()
            pause_s = await self.deliver(peer)
            try:
                await asyncio.wait_for(news.wait(), pause_s)
            except TimeoutError:
                continue

    async def deliver(self, peer: Peer) -> float | None:
        """Try all that is due for a peer; returns how many seconds until the next is, None where nothing waits."""
        pause_s: float | None = None
        for one in self._messages.waiting(peer.domain):
            left_s = (one.next_at - self._now()).total_seconds()
            done = left_s <= 0 and await self._try(one, peer)
            if done:
                continue
            if left_s <= 0:
                left_s = _pause_s(one.attempts)
            pause_s = left_s if pause_s is None else min(pause_s, left_s)
            if one.attempts < _IN_ORDER:
                return pause_s
        return pause_s if pause_s is not None or not self._messages.waiting(peer.domain, 1) else 0.0

    async def _try(self, one: Waiting, peer: Peer) -> bool:
        """Whether that message is over."""
        header, number = one.message.header, one.number
        party = self._ours.get(header.sender_domain)
        try:
            if party is None:
                raise BadInput(f"SenderDomain: {header.sender_domain}; expected a party here")
            body = sealed(one.message, party.role, party.key)
        except BadInput as error:
            self._give_up(one, str(error))
            return True
        try:
            status, text = await self._post(peer.url, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            status, text = 0, f"{type(error).__name__}: {error}"
        if status == 200:
            self._messages.delivered([number])
            return True
        reason = text.strip() if status == 0 else f"HTTP {status}: {text.strip()}"
        if status in _FINAL or self._now() - one.since > self._retry_for:
            self._give_up(one, reason)
            return True
        pause = timedelta(seconds=_pause_s(one.attempts))
        self._messages.again(number, self._now() + pause, reason[:500])
        _log.info(
            "uftp message to be sent again", recipient=peer.domain, message=header.message_id, reason=reason[:200]
        )
        return False

    def _give_up(self, one: Waiting, reason: str) -> None:
        self._messages.failed(one.number, reason[:500])
        kind = type(one.message).__name__
        _log.warning("uftp message not delivered", recipient=one.recipient, kind=kind, reason=reason[:500])
        self._gave_up(Undelivered(one.recipient, one.message, reason))


def _pause_s(attempts: int) -> float:
    return float(min(LONGEST_S, FIRST_S * 2 ** min(attempts, 30)))
