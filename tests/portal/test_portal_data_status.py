"""`/data/status` and `/data/quarantine`: the data platform's state and what it holds back, for the operator alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cim.mapping.engine.frame import Reject
from cim.platform.ingestion.opened import quarantine_of
from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.filing import file_run
from cim.platform.orchestrator.service import run_once
from cim.platform.orchestrator.site_tasks import upkeep_tasks
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
    return create_app(FakeSite(), TOKEN, parties=parties, data_folder=tmp_path)


def asked(app: FastAPI, token: str | None, path: str = "/data/status") -> httpx.Response:
    """One request."""

    async def ask() -> httpx.Response:
        async with client(app) as caller:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return await caller.get(path, headers=headers)

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


@pytest.mark.parametrize("what", ["status", "quarantine"])
def test_nobody_else_does(app: FastAPI, what: str) -> None:
    """A market party's token is refused, as is no token, without a name or count."""
    party, none = asked(app, PARTY, f"/data/{what}"), asked(app, None, f"/data/{what}")
    assert (party.status_code, none.status_code) == (403, 401)
    assert party.json() == {"detail": f"the data platform's {what} is the operator's; expected the operator's token"}


def test_the_operator_sees_what_is_held_and_why(app: FastAPI, tmp_path: Path) -> None:
    """Whole deliveries, then records in their order, with reason and text; of one source; none where nothing was ever held."""
    assert asked(app, TOKEN, "/data/quarantine").json() == []
    whole = tmp_path / "broken.csv"
    whole.write_text("?")
    with quarantine_of(tmp_path) as held:
        held.hold("meters", 3, [Reject(n, f"value {n}", f"row {n}") for n in (5, 7)], "v1", NOON)
        held.hold("others", 1, [Reject(2, "no time", "x")], "v1", NOON)
        held.hold_whole("others", 2, whole, "no header", "v1", NOON)
    rows = asked(app, TOKEN, "/data/quarantine").json()
    assert [(row["source"], row["delivery"], row["line"], row["reason"], row["record"]) for row in rows] == [
        ("others", 2, None, "no header", ""),
        ("meters", 3, 5, "value 5", "row 5"),
        ("meters", 3, 7, "value 7", "row 7"),
        ("others", 1, 2, "no time", "x"),
    ]
    assert {row["recorded"] for row in rows} == {"2026-05-20T10:00:00Z"}
    assert asked(app, TOKEN, "/data/quarantine?source=meters&rows=1").json() == rows[1:2]
    assert asked(app, TOKEN, "/data/quarantine?source=nobody").json() == []
    assert asked(app, TOKEN, "/data/quarantine?rows=0").status_code == 422
