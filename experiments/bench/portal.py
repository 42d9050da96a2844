"""`iles bench portal`: how soon a portal with 10,000 agents answers, tells 2,000 listeners, and paints its first page."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from experiments.bench.figures import Figures
from experiments.bench.portal_comings import figures
from experiments.bench.portal_site import AGENTS, TOKEN, serve_bench
from experiments.bench.portal_year import measure_year

PER_SECOND = 200  # requests for the state
LISTENERS = 2_000
_PUBLISHED = 50  # publications a second meanwhile
_COMING_S = 6  # in which all listeners come
_CALLERS = 24  # connections that ask
_HEADERS = f"Authorization: Bearer {TOKEN}\r\nHost: bench\r\n"


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """The figures of issue 18; where no Chromium is installed there is no `first_paint_ms`.

    Args:
        full: a minute of each instead of seven seconds, and each page over a year of data in a browser (`portal_year.py`).
        tell: is told what goes on.
    """
    seconds = 60 if full else 7
    with tempfile.TemporaryDirectory() as place, _served(Path(place)) as (url, process):
        tell(f"asking for the state, {PER_SECOND} times a second")
        before = _cpu_s(process)
        state, size, oldest_s = asyncio.run(_ask(url, seconds))
        state_cpu = (_cpu_s(process) - before) / seconds
        tell(f"{LISTENERS:,} listeners")
        before = _cpu_s(process)
        heard, missed = asyncio.run(_listen(url, LISTENERS, seconds))
        listener_cpu = (_cpu_s(process) - before) / (seconds + _COMING_S)
        tell("painting, and updates")
        paint = _painted(url, 20 if full else 4)
    tell("a thousand clients of each kind that come and go")
    with tempfile.TemporaryDirectory() as place:
        left = figures(Path(place), 1_000)
    return {
        "agents": AGENTS,
        "state_per_s": PER_SECOND,
        "state_p99_ms": _p99(state),
        "state_median_ms": statistics.median(state),
        "state_oldest_s": oldest_s,
        "state_bytes": size,
        "state_cpu_share": state_cpu,
        "listeners": LISTENERS - missed,
        "listener_p99_ms": _p99(heard),
        "listener_median_ms": statistics.median(heard),
        "listener_cpu_share": listener_cpu,
        **paint,
        **left,
        **(measure_year(tell) if full else {}),
    }


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, int]]:
    """The portal in a process of its own, on one core: its address, and its process's number."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve_bench, args=(folder, there, _PUBLISHED), daemon=True
    )
    process.start()
    if not here.poll(120):
        process.kill()
        raise RuntimeError("bench: the portal did not start within two minutes")
    try:
        yield here.recv(), process.pid or 0
    finally:
        here.send("over")
        process.join(10)
        if process.is_alive():
            process.kill()


async def _ask(url: str, seconds: int) -> tuple[list[float], int, float]:
    """Milliseconds from when each request was due until its last byte; the answer's bytes; how old a state was at most."""
    due: asyncio.Queue[float] = asyncio.Queue()
    spent: list[float] = []
    sizes, ages = [0], [0.0]

    async def caller() -> None:
        reader, writer = await _connect(url)
        request = f"GET /dso/state HTTP/1.1\r\n{_HEADERS}Accept-Encoding: gzip\r\n\r\n".encode()
        while (at := await due.get()) >= 0:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"bench: the portal answered {head[:60]!r}")
            body = await reader.readexactly(_length(head))
            if at > begun + 2:  # the first ones find nothing kept
                spent.append((time.perf_counter() - at) * 1000)
                sizes[0] = len(body)
        writer.close()

    async def watcher() -> None:
        import gzip
        import json

        reader, writer = await _connect(url)
        request = f"GET /dso/state HTTP/1.1\r\n{_HEADERS}Accept-Encoding: gzip\r\n\r\n".encode()
        while time.perf_counter() < begun + seconds:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            now = datetime.now(UTC)
            told = json.loads(gzip.decompress(body))["now"]
            if time.perf_counter() > begun + 2:
                ages.append((now - datetime.fromisoformat(told)).total_seconds())
            await asyncio.sleep(0.37)
        writer.close()

    begun = time.perf_counter()
    tasks = [asyncio.create_task(caller()) for _ in range(_CALLERS)] + [asyncio.create_task(watcher())]
    for number in range(seconds * PER_SECOND):
        at = begun + number / PER_SECOND
        if (wait := at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait(at)
    for _ in range(_CALLERS):
        due.put_nowait(-1.0)
    await asyncio.gather(*tasks)
    return spent, sizes[0], max(ages)


class _Hearing(asyncio.Protocol):
    """A listener that notes, as bytes come, how long each event was on its way; nothing else waits in between."""

    def __init__(self, spent: list[float], measuring: asyncio.Event) -> None:
        self._spent, self._measuring = spent, measuring
        self._before = b""
        self.heard = 0
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = transport
        request = f"GET /live HTTP/1.1\r\n{_HEADERS}Accept: text/event-stream\r\n\r\n"
        transport.write(request.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Look at the whole lines."""
        at = datetime.now(UTC)
        lines = (self._before + data).split(b"\n")
        self._before = lines.pop()
        if not self._measuring.is_set():
            return
        for line in lines:
            if line.startswith(b"data: "):
                told = datetime.fromisoformat(line[len(b'data: {"now": "') :].split(b'"', 1)[0].decode())
                self._spent.append((at - told).total_seconds() * 1000)
                self.heard += 1


async def _listen(url: str, count: int, seconds: int) -> tuple[list[float], int]:
    """Milliseconds from when each event was made until each listener had it; and how many listeners heard nothing."""
    spent: list[float] = []
    measuring, parts = asyncio.Event(), urlsplit(url)
    listeners: list[_Hearing] = []
    for number in range(count):
        _, one = await asyncio.get_running_loop().create_connection(
            lambda: _Hearing(spent, measuring), parts.hostname or "", parts.port or 0
        )
        listeners.append(one)
        if number % 100 == 99:
            await asyncio.sleep(0.1)
    await asyncio.sleep(_COMING_S / 2)
    measuring.set()
    await asyncio.sleep(seconds)
    for one in listeners:
        if one.transport is not None:
            one.transport.close()
    return spent, sum(not one.heard for one in listeners)


# Notes of each alarm that comes into the page how many milliseconds ago it was told; those that stand there are passed over.
_WATCH = """() => {
  const known = new Set(), main = document.getElementById("main");
  window.spent = [];
  const look = (note) => {
    for (const [, told] of main.textContent.matchAll(/seen-(\\d+)/g)) {
      if (known.has(told)) continue;
      known.add(told);
      if (note) window.spent.push(Date.now() - Number(told));
    }
  };
  look(false);
  new MutationObserver(() => look(true)).observe(main, { subtree: true, childList: true, characterData: true });
}"""


def _painted(url: str, seconds: int) -> Figures:
    """From the call of a page to what can be read of it, and to its chart: the median of three calls in a fresh browser.

    And for so many seconds from each publication of an alarm to where it stands in a page that is looked at: the longest.
    """
    binary = shutil.which("chromium")
    if binary is None:
        return {}
    from playwright.sync_api import sync_playwright

    painted = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        for _ in range(3):
            page = browser.new_context(extra_http_headers={"Authorization": f"Bearer {TOKEN}"}).new_page()
            page.goto(f"{url}/dso/pages/points")
            page.wait_for_selector("[data-chart] svg")
            first = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            painted.append((page.evaluate(first), page.evaluate("performance.now()")))
            page.context.close()
        page = browser.new_context(extra_http_headers={"Authorization": f"Bearer {TOKEN}"}).new_page()
        page.goto(f"{url}/dso/pages/alarms")
        page.wait_for_selector("#live-state:has-text('live')")
        page.evaluate(_WATCH)
        page.wait_for_timeout(1000 * seconds)
        updates = page.evaluate("window.spent")
        browser.close()
    if not updates:
        raise RuntimeError(f"bench: no alarm came into the page within {seconds} s")
    return {
        "updates": len(updates),
        "update_s": max(updates) / 1000,
        "update_median_s": statistics.median(updates) / 1000,
        "first_paint_ms": statistics.median(first for first, _ in painted),
        "charts_drawn_ms": statistics.median(drawn for _, drawn in painted),
    }


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("bench: an answer has no length")


def _cpu_s(process: int) -> float:
    """CPU seconds that a process has used; of one core, as the portal has one."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p99(values: list[float]) -> float:
    return sorted(values)[max(0, len(values) * 99 // 100 - 1)]
