"""Clients that come and go, by HTTP, server-sent events and WebSocket: what of them is left in the portal afterwards."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from agents.assembly.journal_server.embedded import EmbeddedRedis
from cim.platform.access.control import AccessControl
from cim.platform.access.principals import Principal, PrincipalBook, Role
from cim.platform.broker.channel import BrokerServer
from cim.platform.broker.schemas import site_topics
from experiments.bench.figures import Figures
from experiments.bench.portal_site import TOKEN, BenchSite
from pilot.page_sources import sources_of
from portal.app import create_app
from portal.news import News
from portal.server import serve
from portal.stream_routes import StreamSite

_TOPIC = "order_placed"
_AT_ONCE = 8
_SETTLE_S = 1.5
_SETTLINGS = 20  # at most: a busy machine closes connections late


@dataclass(frozen=True, slots=True)
class Tally:
    """What a portal's process holds: asyncio's tasks and timers, listeners, open files, Python's objects, resident megabytes."""

    tasks: int
    timers: int
    listeners: int
    files: int
    objects: int
    memory_mb: float


def comings(folder: Path, times: int) -> tuple[Tally, Tally]:
    """What the portal holds after a first few dozen clients, and after `times` more of each kind.

    Args:
        folder: for what it writes; empty.
        times: of each kind: requests on a connection of its own, listeners of `/live`, WebSockets of a topic.
    """
    with _served(folder) as (url, line):
        asyncio.run(_come_and_go(url, max(times // 10, 30)))
        before = _tally(line)
        asyncio.run(_come_and_go(url, times))
        return before, _tally(line)


def figures(folder: Path, times: int) -> Figures:
    """What is left of so many of each kind, as the bench prints it."""
    before, after = comings(folder, times)
    return {"comings": times} | {
        f"comings_{name}_left": value - getattr(before, name) for name, value in asdict(after).items()
    }


def _tally(line: Connection) -> Tally:
    line.send("tally")
    if not line.poll(60):
        raise RuntimeError("bench: the portal does not say what it holds")
    found = line.recv()
    assert isinstance(found, Tally)  # noqa: S101 - the other end sends nothing else
    return found


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, Connection]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, there), daemon=True)
    with EmbeddedRedis(folder / "broker") as redis:
        process.start()
        here.send(redis.url)
        if not here.poll(120):
            process.kill()
            raise RuntimeError("bench: the portal did not start within two minutes")
        try:
            yield here.recv(), here
        finally:
            here.send("over")
            process.join(10)
            if process.is_alive():
                process.kill()


def _serve(folder: Path, line: Connection) -> None:
    asyncio.run(_live(folder, line))


async def _live(folder: Path, line: Connection) -> None:
    site, broker = BenchSite(), BrokerServer(line.recv(), "bench")
    news = News(lambda: datetime.now(UTC), ticks=True)
    book = PrincipalBook([], [Principal("operator", Role.ADMINISTRATOR)])
    access = AccessControl.open(folder / "access", book, lambda: datetime.now(UTC))
    streams = StreamSite(access, broker, site_topics(), most=1_000)
    sources = sources_of(folder, None, "The bench has no network")
    app = create_app(site, TOKEN, sources=sources, news=news, streams=streams)
    first: Tally | None = None
    async with serve(app, port=0) as server:
        line.send(server.url)
        while True:
            await asyncio.sleep(0.05)
            if not line.poll():
                continue
            if line.recv() == "over":
                return
            for _ in range(_SETTLINGS):
                await asyncio.sleep(_SETTLE_S if first else 2 * _SETTLE_S)  # what is compared with is at rest
                now = _held(news)
                first = first or now
                if (now.tasks, now.timers) <= (first.tasks, first.timers):
                    break
            line.send(now)


def _held(news: News) -> Tally:
    gc.collect()
    timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
    alive = sum(1 for timer in timers if not timer.cancelled())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    files = len(list(Path("/proc/self/fd").iterdir()))
    return Tally(len(asyncio.all_tasks()), alive, news.listeners, files, len(gc.get_objects()), megabytes)


async def _come_and_go(url: str, times: int) -> None:
    room, parts = asyncio.Semaphore(_AT_ONCE), urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    head = f"Authorization: Bearer {TOKEN}\r\nHost: {host}:{port}\r\n"
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    asked = (
        (f"GET /dso/state HTTP/1.1\r\n{head}Accept-Encoding: gzip\r\n\r\n", b"HTTP/1.1 200"),
        (f"GET /live HTTP/1.1\r\n{head}Accept: text/event-stream\r\n\r\n", b"HTTP/1.1 200"),
        (f"GET /data/stream/{_TOPIC} HTTP/1.1\r\n{head}{upgrade}\r\n", b"HTTP/1.1 101"),
    )

    async def client(request: str, expected: bytes, tries: int = 20) -> None:
        async with room:
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
            writer.write(request.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            busy = answer.startswith(b"HTTP/1.1 503")  # its record's disk is slow: it says so, and is asked again
            if not (busy and tries) and not answer.startswith(expected):
                raise RuntimeError(f"bench: the portal answered {answer[:60]!r}; expected {expected!r}")
            writer.transport.abort()  # gone without a word, as a phone is
        if busy:
            await asyncio.sleep(0.5)
            await client(request, expected, tries - 1)

    await asyncio.gather(*(client(*one) for _ in range(times) for one in asked))
