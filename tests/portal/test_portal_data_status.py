"""`/data/status`: the data platform's state, for the operator alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.filing import file_run
from cim.platform.orchestrator.service import run_once
from cim.platform.orchestrator.site_tasks import upkeep_tasks
from cim.platform.orchestrator.status import status_of
from portal.app import create_app
from tests.worlds.data_folders import NOON, SITE, run_folder
from tests.worlds.doubles import TOKEN, FakeSite, client

PARTY = "p" * 43


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """A portal beside a folder in which compaction and retention have run."""
    file_run(run_folder(tmp_path), SITE, NOON)
    run_once(tmp_path, upkeep_tasks(tmp_path), ThreadExecutor(), NOON + timedelta(hours=1))
    parties = {PARTY: "agr-east"}
    return create_app(FakeSite(), TOKEN, parties=parties, data_status=lambda: status_of(tmp_path))


def asked(app: FastAPI, token: str | None) -> httpx.Response:
    """One request."""

    async def ask() -> httpx.Response:
        async with client(app) as caller:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return await caller.get("/data/status", headers=headers)

    return asyncio.run(ask())


def test_the_operator_sees_modules_with_their_history(app: FastAPI) -> None:
    """State, what each said, its runs, and the tables' size."""
    found = asked(app, TOKEN)
    assert found.status_code == 200
    body = found.json()
    modules = {one["name"]: one for one in body["modules"]}
    names = ("telemetry", "compaction", "documents", "retention")
    assert {name: one["state"] for name, one in modules.items()} == dict.fromkeys(names, "ok")
    assert [run["state"] for run in modules["compaction"]["history"]] == ["done", "done"]
    assert {one["name"]: one["rows"] for one in body["tables"]}["readings"] == 48
    assert body["queue"] == []


def test_nobody_else_does(app: FastAPI) -> None:
    """A market party's token is refused, as is no token, without a name or count."""
    party, none = asked(app, PARTY), asked(app, None)
    assert (party.status_code, none.status_code) == (403, 401)
    assert party.json() == {"detail": "the data platform's status is the operator's; expected the operator's token"}
