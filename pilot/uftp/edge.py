"""A running UFTP edge: the log, the route, the sender, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from market.uftp.checks import MarketScope, ReplayWindow
from market.uftp.header import UftpMessage
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Instants
from pilot.uftp.parties import Parties
from pilot.uftp.reception import Reception
from pilot.uftp.route import Inbox, Rates, message_app
from pilot.uftp.sender import HttpPosts, Sender, Undelivered
from portal.server import Tls, serve

_KEPT = timedelta(days=40)  # a settlement of a month refers to what was said in it


class Edge:
    """What is running.

    Attributes:
        url: where the route listens.
    """

    def __init__(self, url: str, log: MessageLog, sender: Sender, wall: Callable[[], datetime]) -> None:
        self.url, self.log, self._sender, self._wall = url, log, sender, wall

    def send(self, messages: Iterable[tuple[str, UftpMessage]]) -> None:
        """Messages to (recipient's domain): durable when this returns, sent soon."""
        self.log.put(messages, self._wall())
        self._sender.wake()


@asynccontextmanager
async def running_edge(
    parties: Parties,
    scope: MarketScope,
    folder: Path,
    *,
    here: Callable[[], datetime],
    wall: Callable[[], datetime],
    window: ReplayWindow | None = None,
    answers_itself: bool = False,
    arrived: Callable[[], None] = lambda: None,
    gave_up: Callable[[Undelivered], None] = lambda _: None,
) -> AsyncIterator[Edge]:
    """Run the edge of some parties.

    Args:
        folder: keeps `uftp.db`.
        here: the site's clock, by which messages are dated.
        wall: the wall's clock.
        window: which TimeStamps are taken.
        answers_itself: accept what is taken, where no agent answers.
        arrived: called when something may have arrived.
        gave_up: told of each message that will not be delivered.

    Raises:
        BadInput: the log cannot be opened, or the port not be had.
    """
    log, window = MessageLog(folder / "uftp.db"), window or ReplayWindow()

    def now() -> Instants:
        return Instants(here(), wall())

    posts = HttpPosts()
    try:
        kept = max(_KEPT, 2 * (window.back + window.ahead))
        log.prune(Instants(here() - kept, wall() - kept))
        sender = Sender(parties.ours, parties.peers, log, posts, wall, parties.retry_for, gave_up)
        reception = Reception(parties.ours, parties.peers, scope, log, now, window, answers_itself)

        def written() -> None:
            sender.wake()
            arrived()

        door = parties.listening
        tls = None if door.certificate is None or door.key is None else Tls(door.certificate, door.key)
        inbox = Inbox(reception, log, now, written)
        app = message_app(inbox, Rates(parties.per_second, monotonic))
        try:
            async with serve(app, door.host, door.port, tls, door.behind_tls) as server:
                sender.start()
                try:
                    yield Edge(server.url, log, sender, wall)
                finally:
                    await sender.stop()
        finally:
            await inbox.close()
    finally:
        await posts.close()
        log.close()
