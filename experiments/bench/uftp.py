"""How many UFTP messages a second a service takes: ours, durable and checked, beside the published one, in the same minutes.

Both get the same bodies, D-Prognoses of a day with 96 ISPs that differ, sealed before the clock starts, over loopback
connections that stay open. Ours counts when the answer says that it is on disk; the published one when its own code has
been given the last of them. Its logging of every message is turned off.
"""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from agents.assembly.free_port import free_port
from cim.model.errors import BadInput
from experiments.bench.figures import Figures
from experiments.bench.uftp_reference.environment import SERVICE, reference_python

Progress = Callable[[str], None]

_POINT, _ZONE, _DAY = "ea1.2016-01.at.strem:lv-rural1", "Europe/Vienna", date(2026, 5, 21)
_NOW = datetime(2026, 5, 20, 10, tzinfo=UTC)
_AGR, _DSO, _CONNECTIONS = "agr.example", "dso.example", 64
_WARM = 32  # messages before the clock starts
_PATIENCE_S, _REFUSED = 120.0, 20
PLACE = Path(".reference") / "uftp"


def measure(full: bool, progress: Progress) -> Figures:
    """Messages a second of ours, and where its environment can be made, of the published service and the ratio of both.

    Each is measured several times, in turns, so that what else the machine does meets both; the best of each counts.
    """
    count, rounds = (1_000, 5) if full else (300, 3)
    progress("UFTP: sealing")
    bodies = _bodies(count * rounds + _WARM)
    warm, parts = bodies[:_WARM], [bodies[_WARM + k * count :][:count] for k in range(rounds)]
    with ExitStack() as running:
        port = running.enter_context(_ours())
        asyncio.run(_posted(port, warm, 1))
        try:
            python = reference_python(PLACE)
        except BadInput as error:
            print(f"bench: UFTP is measured alone: {error}", file=sys.stderr)
            progress("UFTP: ours")
            return {"uftp_per_s": round(max(asyncio.run(_timed(port, part, lambda: 0, 0)) for part in parts), 1)}
        their_port, counted = running.enter_context(_theirs(python))
        asyncio.run(_posted(their_port, warm, 1))
        _until(counted, _WARM)
        ours, theirs, sent = [], [], _WARM
        for part in parts:
            progress("UFTP: ours")
            ours.append(asyncio.run(_timed(port, part, lambda: 0, 0)))
            progress("UFTP: the published service")
            sent += len(part)
            theirs.append(asyncio.run(_timed(their_port, part, counted, sent)))
    return {
        "uftp_per_s": round(max(ours), 1),
        "uftp_reference_per_s": round(max(theirs), 1),
        "ratios": {"uftp_vs_reference": round(max(ours) / max(theirs), 2)},
    }


def _bodies(count: int) -> list[bytes]:
    from market import uftp
    from pilot.uftp.sealing import SealingKey, sealed

    key, found = SealingKey(b"\1" * 32), []
    for k in range(count):
        number = f"00000000-0000-4000-8000-{k:012d}"
        header = uftp.Header(_AGR, _DSO, _NOW, number, number)
        powers = tuple(-40_000 + 37 * isp + k for isp in range(96))
        found.append(sealed(uftp.DPrognosis(header, _DAY, _POINT, k + 1, powers, _ZONE), uftp.UsefRole.AGR, key))
    return found


async def _timed(port: int, bodies: list[bytes], counted: Callable[[], int], last: int) -> float:
    begun = time.perf_counter()
    await _posted(port, bodies)
    _until(counted, last)
    return len(bodies) / (time.perf_counter() - begun)


def _until(counted: Callable[[], int], wanted: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    while counted() < wanted:
        if time.monotonic() > end:
            raise BadInput(f"bench: {counted()} of {wanted} messages were handled; expected all of them")
        time.sleep(0.005)


async def _posted(port: int, bodies: list[bytes], connections: int = _CONNECTIONS) -> None:
    """Post all, over some connections that stay open; every answer must be 200.

    The published service reads in several threads with one parser, which now and then refuses what is good: it may be
    posted again, as its own client would.
    """
    waiting, refused, told = iter(bodies), list[bytes](), 0

    def again(first: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal told
        yield from first
        while told < len(refused):
            told += 1
            yield refused[told - 1]

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in again(waiting):
            head = (
                f"POST /shapeshifter/api/v3/message HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.partition(b"\r\n")[0]:
                refused.append(body)
                if len(refused) > _REFUSED:
                    raise BadInput(f"bench: {answer.decode(errors='replace')[:200]}; expected 200")
            lengths = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].partition(b":")[2]) if lengths else 0)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(min(connections, len(bodies)))))


@contextmanager
def _ours() -> Iterator[int]:
    """Our edge in a process of its own, as a site's would be."""
    context, port = multiprocessing.get_context("spawn"), free_port()
    here, there = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_serve, args=(port, folder, there), daemon=True)
        process.start()
        try:
            if not here.poll(_PATIENCE_S) or here.recv() != "listening":
                raise BadInput("bench: our UFTP edge did not start; expected it to listen")
            yield port
        finally:
            here.send("end")
            process.join(20)


def _serve(port: int, folder: str, pipe: Connection) -> None:
    from market.uftp.checks import MarketScope
    from market.uftp.exchange import UsefRole
    from pilot.uftp.edge import running_edge
    from pilot.uftp.parties import Listening, OurParty, Parties, Peer
    from pilot.uftp.sealing import SealingKey

    scope = MarketScope(_ZONE, 15, "EUR", frozenset({_POINT}))
    peer = Peer("agr", _AGR, UsefRole.AGR, "http://127.0.0.1:9", SealingKey(b"\1" * 32).public)
    us = OurParty("dso", _DSO, UsefRole.DSO, SealingKey(b"\2" * 32))
    parties = Parties(Listening("127.0.0.1", port, None, None, False), (us,), (peer,), timedelta(hours=1), 1e9, scope)

    async def run() -> None:
        async with running_edge(parties, scope, Path(folder), here=lambda: _NOW, wall=lambda: datetime.now(UTC)):
            pipe.send("listening")
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


@contextmanager
def _theirs(python: Path) -> Iterator[tuple[int, Callable[[], int]]]:
    from pilot.uftp.sealing import SealingKey

    port = free_port()
    config = {
        "domain": _DSO,
        "key": SealingKey(b"\2" * 32).text,
        "port": port,
        "peer": "http://127.0.0.1:9",
        "public_key": base64.b64encode(SealingKey(b"\1" * 32).public).decode(),
    }
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        with subprocess.Popen(  # noqa: S603 - our own words
            [str(python), str(SERVICE), str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean,
        ) as process:  # fmt: skip
            asking, answering, errors = process.stdin, process.stdout, process.stderr
            if asking is None or answering is None or errors is None:
                raise BadInput("bench: the published service has no pipes; expected three")

            def counted() -> int:
                asking.write("?\n")
                asking.flush()
                return int(answering.readline())

            if not any(line.strip() == "listening" for line in errors):
                raise BadInput("bench: the published service did not start; expected it to listen")
            try:
                yield port, counted
            finally:
                process.kill()
