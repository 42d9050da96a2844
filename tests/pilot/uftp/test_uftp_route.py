"""Over HTTP: what is before a message is a status of the specification's table; two edges speak with each other."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from agents.assembly.free_port import free_port
from pilot.uftp.message_log import MessageLog
from pilot.uftp.parties import PATH
from pilot.uftp.route import Inbox, Rates, message_app
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import Desk, body

GOOD = {"Content-Type": "text/xml; charset=utf-8"}


def posted(desk: Desk, calls: list[tuple[bytes, dict[str, str]]], per_second: float = 1e6) -> list[int]:
    """The statuses of some POSTs, one after the other."""

    async def run() -> list[int]:
        inbox = Inbox(desk.reception, desk.log, desk.instants, lambda: None)
        app = message_app(inbox, Rates(per_second, lambda: 0.0))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return [(await client.post(PATH, content=text, headers=head)).status_code for text, head in calls]

    return asyncio.run(run())


def test_statuses_are_the_tables(tmp_path: Path) -> None:
    """400 type, character set and XML, 401 signature, 411 no length, 413 too long, 419 no key, 200 what is one."""
    desk, good = Desk(tmp_path), body(examples.prognosis())
    strange = good.replace(b"agr.example", b"who.example")
    forged = good.replace(b'Body="', b'Body="AAAA')
    calls = [
        (good, {"Content-Type": "application/json"}), (good, {"Content-Type": "text/xml; charset=latin-1"}),
        (b"<a/>", GOOD), (strange, GOOD), (forged, GOOD), (good, {**GOOD, "Content-Length": "x"}),
        (good, {**GOOD, "Content-Length": "99999999"}), (good, GOOD), (good, {"Content-Type": 'TEXT/XML;charset="UTF-8"'}),
    ]  # fmt: skip
    assert posted(desk, calls) == [400, 400, 400, 419, 401, 413, 413, 200, 200]
    assert [message for _, message in desk.log.unhanded()] == [examples.prognosis()]


def test_a_body_without_its_length_is_refused(tmp_path: Path) -> None:
    """411: chunked transfers have none."""
    desk = Desk(tmp_path)

    async def run() -> int:
        app = message_app(Inbox(desk.reception, desk.log, desk.instants, lambda: None), Rates(10, lambda: 0.0))

        async def chunks() -> Any:
            yield body(examples.prognosis())

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return (await client.post(PATH, content=chunks(), headers=GOOD)).status_code

    assert asyncio.run(run()) == 411


def test_who_sends_too_much_is_told_so(tmp_path: Path) -> None:
    """429 after ten seconds' worth at once; another address, and time, are let in."""
    desk = Desk(tmp_path)
    assert posted(desk, [(b"", GOOD)] * 22, per_second=2) == [400] * 20 + [429] * 2
    now = [0.0]
    rates = Rates(2, lambda: now[0])
    assert [rates.allows("a") for _ in range(21)] == [True] * 20 + [False]
    assert rates.allows("b")
    now[0] = 1.0
    assert [rates.allows("a") for _ in range(3)] == [True, True, False]


def test_what_cannot_be_kept_is_not_acknowledged(tmp_path: Path) -> None:
    """503: the disk failed, so the sender sends it again later."""
    desk = Desk(tmp_path)
    desk.log.close()
    desk.log = MessageLog(desk.path)
    desk.reception._log = desk.log

    class Full(MessageLog):
        def keep(self, *args: Any) -> None:
            raise OSError("no space left")

    full = Full(tmp_path / "full.db")

    async def run() -> int:
        app = message_app(Inbox(desk.reception, full, desk.instants, lambda: None), Rates(10, lambda: 0.0))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return (await client.post(PATH, content=body(examples.prognosis()), headers=GOOD)).status_code

    assert asyncio.run(run()) == 503


def test_the_same_message_many_times_at_once_is_taken_once(tmp_path: Path) -> None:
    """Fifty copies in one breath, and another message under the same number: one is taken, all are answered 200."""
    desk = Desk(tmp_path)
    bodies = [body(examples.prognosis())] * 50 + [body(examples.prognosis(power_w=-1))]

    async def run() -> set[int]:
        app = message_app(Inbox(desk.reception, desk.log, desk.instants, lambda: None), Rates(1e6, lambda: 0.0))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            posts = [client.post(PATH, content=text, headers=GOOD) for text in bodies]
            return {answer.status_code for answer in await asyncio.gather(*posts)}

    assert asyncio.run(run()) == {200}
    assert len(desk.log.unhanded()) == 1
    told = {one.message.rejection_reason for one in desk.log.waiting(examples.AGR)}
    assert told == {"Already Submitted", f"Duplicate Identifier: {examples.number(1)} was used for another message"}


FILE = """
listen: {{port: {port}}}
ours: [{{name: {me}, domain: {me}.example, role: {role}, key: {me}.key}}]
peers: [{{name: {peer}, domain: {peer}.example, role: {other}, url: "http://127.0.0.1:{theirs}{path}", public_key: {key}}}]
market: {{timezone: Europe/Vienna, points: ["{point}"]}}
"""


@pytest.mark.slow
def test_two_edges_by_hand_speak_with_each_other(tmp_path: Path) -> None:
    """`iles uftp serve` at the DSO, `iles uftp send` at the aggregator: the test is answered Accepted."""
    import subprocess
    import sys

    from pilot.uftp.parties import write_key

    ports = {"dso": free_port(), "agr": free_port()}
    keys = {me: base64.b64encode(write_key(tmp_path / f"{me}.key")).decode() for me in ports}
    for me, peer in (("dso", "agr"), ("agr", "dso")):
        text = FILE.format(port=ports[me], theirs=ports[peer], me=me, peer=peer, role=me.upper(), other=peer.upper(),
                           key=keys[peer], path=PATH, point=examples.POINT)  # fmt: skip
        (tmp_path / f"{me}.yaml").write_text(text)
    iles = [sys.executable, "-m", "experiments.cli.main", "uftp"]
    serve = [*iles, "serve", str(tmp_path / "dso.yaml"), "--folder", str(tmp_path / "dso"), "--seconds", "60"]
    send = [*iles, "send", str(tmp_path / "agr.yaml"), "--to", "dso", "--folder", str(tmp_path / "agr")]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            assert "listening" in serving.stdout.readline()
            sent = subprocess.run(send, capture_output=True, text=True, timeout=60, check=False)
        finally:
            serving.terminate()
    assert sent.returncode == 0, sent.stderr
    assert "<TestMessageResponse " in sent.stdout
    assert 'Result="Accepted"' in sent.stdout
