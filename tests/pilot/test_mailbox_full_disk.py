"""Requests, consents and accesses on a full disk: refused in a sentence, or waited for; nothing half kept, nothing twice."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from agents.runtime.envelope import Task
from cim.platform.access.audit import Access, AuditLog
from cim.platform.mailbox.mailbox import LetterState, Mailbox
from cim.platform.mailbox.requests import FlexibilityWanted
from cim.platform.readings.errors import NotStored
from pilot import outside_runtime
from pilot.mailbox import HOST, MailboxHost
from pilot.outside_runtime import OutsideRuntime
from portal.errors import add_answers_to_errors
from tests.worlds.data_folders import NOON
from tests.worlds.full_disk import room_for

WANTED = FlexibilityWanted("number-1", "ada", "ea1.point", date(2016, 5, 20), 48, 52, -20_000)


def test_a_request_without_room_is_refused_and_can_be_sent_again(tmp_path: Path) -> None:
    """Who asked is told to try again; nothing of it is kept, and the same number is taken when there is room."""
    box = Mailbox(tmp_path / "m.sqlite")
    with room_for(0), pytest.raises(NotStored, match=r"mailbox: .* took nothing \(.*\); try again"):
        box.put("dso.example", WANTED, NOON)
    assert box.newest(5) == []
    assert box.put("dso.example", WANTED, NOON).state is LetterState.WAITING


class Nobody:
    """A runtime in which nobody lives."""

    host_of = {"dso": "there"}  # noqa: RUF012 - never changed


def test_a_round_waits_for_the_mailbox_and_deals_each_request_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site stands still, then the same round deals the request with the one place that it has in its channel."""
    monkeypatch.setattr(outside_runtime, "_AGAIN_S", 0.01)
    box = Mailbox(tmp_path / "m.sqlite")
    box.put("dso.example", WANTED, NOON)
    inner: Any = Nobody()
    runtime = OutsideRuntime(inner, HOST, MailboxHost(box, {"dso.example": "dso"}, inner.host_of, sealed=False))

    async def rounds() -> list[Any]:
        with capture_logs() as told, room_for(0):
            working = asyncio.create_task(runtime.work(NOON, {HOST: Task(7, (), 0)}))
            await asyncio.sleep(0.05)
            assert not working.done()
        assert [line["so"] for line in told] == ["the site stands still until there is room"]
        return [await working, await runtime.work(NOON, {HOST: Task(8, (), 7)})]

    first, second = asyncio.run(rounds())
    assert [envelope.message for envelope in first[HOST].mail["there"]] == [WANTED]
    assert second[HOST].mail == {}


def test_an_access_that_cannot_be_noted_is_not_answered(tmp_path: Path) -> None:
    """The answer is 503 with the sentence, as what is asked of whom must be in the log first."""
    app, log = FastAPI(), AuditLog(tmp_path / "audit.sqlite")
    add_answers_to_errors(app)

    @app.get("/")
    def asked() -> None:
        with room_for(0):
            log.add(Access(NOON, "ada", "dso", "read", "readings", allowed=True, rows=3))

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
            return await client.get("/")

    found = asyncio.run(answer())
    assert (found.status_code, found.headers["Retry-After"], log.entries()) == (503, "60", [])
    assert "took nothing" in found.json()["detail"]
