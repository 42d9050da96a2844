"""A finished run's folder behind the portal: what it published, and its data, each to whom it belongs."""

from __future__ import annotations

import asyncio
import json
import shlex
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.access.consents import Purpose
from cim.platform.access.principals import Handover
from cim.platform.orchestrator.filing import file_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.provisioning.definition import Definition, read_definition
from cim.platform.provisioning.provision import Page
from cim.platform.publications.agreements import ConnectionSwitched
from cim.platform.publications.incidents import HandlingFailed
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.published import PublishedTables
from cim.platform.search.document import Search
from cim.platform.store import values
from experiments.cli import portal as command
from experiments.cli.main import app as iles
from experiments.cli.portal import finished_app
from portal.callers import principals_path
from portal.data_site import open_data_site
from portal.finished import FinishedRun
from portal.live_data import LiveData
from portal.server import serve
from portal.views import ViewError
from tests.worlds.data_folders import NOON, SITE, run_folder
from tests.worlds.doubles import client

WHOLE = replace(SITE, parties={"farm.example": "farm", "agr.example": "agr-east", "dso.example": "dso"}, dso="dso")
QUERY = {"name": "power", "title": "Power of connections", "attributes": ["usage_point", "begin", "value"]}
PARTIES = (Party("farm", "farm.example"), Party("dso", "dso.example"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small run that is over, with a researcher and a tenant; an agent failed at a message."""
    run_folder(tmp_path)
    store = ParquetStore(tmp_path, keep=True)
    points = (WatchedPoint("lv", "line-1", 95.0),)
    store.put("small", SiteDescribed(NOON, "small", "Europe/Vienna", 15, "dso.example", PARTIES, points))
    store.put("farm", HandlingFailed(NOON + timedelta(hours=3), "uftp.FlexOrder", "dso", "KeyError: 'x'"))
    store.close()
    file_run(tmp_path, WHOLE, NOON)
    principals_path(tmp_path).parent.mkdir()
    others = {"researchers": {"lab": "study"}, "occupants": {"farm": ["tenant"]}}
    principals_path(tmp_path).write_text(json.dumps(others))
    return tmp_path


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize(("who", "hours"), [("agr-east", (0, 1)), ("agr-west", (1, 2)), ("farm", (0, 2))])
def test_a_home_that_changed_its_aggregator_shows_each_its_own_time(
    tmp_path: Path, who: str, hours: tuple[int, int], planned: bool
) -> None:
    """Planned by the site, or agreed while it lived: through documents and index to the answer, rows of its own time alone."""
    farm, point = WHOLE.connections
    begins, folder = NOON + timedelta(hours=1), run_folder(tmp_path)
    parties = {**WHOLE.parties, "west.example": "agr-west"}
    facts = replace(
        WHOLE, parties=parties, connections=(replace(farm, handovers=(Handover(begins, "agr-west"),)), point)
    )
    if not planned:
        facts, store = replace(WHOLE, parties=parties), ParquetStore(folder, keep=True)
        told = ConnectionSwitched(NOON, "ean:farm", "farm.example", "agr.example", "west.example", NOON.date(), begins)
        store.put("iles", told)
        store.close()
    file_run(folder, facts, NOON)
    data = open_data_site(tmp_path, lambda: NOON + timedelta(hours=2))
    query = Definition(name="rows", attributes=("begin",))
    begins = {row["begin"] for row in data.provision.ask(who, query, {}, Page()).table.to_pylist()}
    assert begins == {NOON + timedelta(minutes=15 * k) for k in range(4 * hours[0], 4 * hours[1])}
    found = data.search(who, Search(hits=50), Purpose.OPERATION).hits
    assert {one.owner for one in found if one.kind == "dataset"} == {"farm"}


def test_the_lines_of_the_docs_are_answered(folder: Path) -> None:
    """Each curl of docs/data.md on a run's folder, in its order, as the operator: found, and something in it."""
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text().split("## The same through HTTP")[1]
    lines = [shlex.split(line) for line in text.split("```")[1].splitlines() if line.startswith("curl")]
    query = (Path(__file__).parents[2] / "docs" / "data" / "power.json").read_bytes()
    app, operator, answers = finished_app(folder), token(folder), list[httpx.Response]()

    async def ask() -> None:
        async with client(app) as caller:
            for _, _, header, *words in lines:
                assert header == "Authorization: Bearer $TOKEN"
                (address,) = (word for word in words if word.startswith("http://127.0.0.1:8080/"))
                sent = query if "@docs/data/power.json" in words else b""
                method = words[words.index("-X") + 1] if "-X" in words else "GET"
                path = address.removeprefix("http://127.0.0.1:8080")
                answers.append(await caller.request(method, path, headers=operator, content=sent))

    asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [200] * 9
    assert answers[0].json()["count"] == 6
    assert answers[1].json()["hits"][0]["device"] == "pv"
    assert answers[2].json()["role"] == "administrator"
    assert answers[4].text.startswith('"usage_point",')
    assert answers[5].json()["rows"] == []  # the small run is of another day
    assert answers[6].json()["tables"][0]["rows"] == 48
    assert answers[7].json() == []
    assert "define" in {entry["act"] for entry in answers[8].json()}


def token(folder: Path, name: str | None = None) -> dict[str, str]:
    """The header with the token of a party, the operator's otherwise."""
    path = folder / "portal.token" if name is None else folder / "portal.parties" / f"{name}.token"
    return {"Authorization": f"Bearer {path.read_text().strip()}"}


def get(app: FastAPI, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """One request, without a socket."""

    async def ask() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.slow
def test_a_finished_run_is_served_over_real_http(folder: Path) -> None:
    """Health is 200 for anybody; DSO, market and data want tokens; a query that is offered answers each its own at once."""

    async def run() -> None:
        async with serve(finished_app(folder), port=0) as server, httpx.AsyncClient(base_url=server.url) as caller:
            health = await caller.get("/health")
            assert (health.status_code, health.json()["status"], health.json()["site"]) == (200, "finished", "small")
            operator, farm, dso = token(folder), token(folder, "farm.example"), token(folder, "dso.example")
            for path in ("/dso/state", "/market/assets", "/data/queries", "/data/status"):
                assert (await caller.get(path)).status_code == 401
                assert (await caller.get(path, headers=operator)).status_code == 200
            assert (await caller.get("/dso/state", headers=farm)).status_code == 403
            told = await caller.put("/data/queries/power", headers=operator, content=json.dumps(QUERY))
            assert told.status_code == 200
            counts = [
                len((await caller.get("/data/q/power", headers=who)).json()["rows"]) for who in (farm, dso, operator)
            ]
            assert counts == [32, 32, 48]

    asyncio.run(run())


def test_health_of_a_finished_run_says_that_it_is_over(folder: Path) -> None:
    """No agent is alive, no time passes; the instant is its last, and what agents failed at is told to the operator alone."""
    app = finished_app(folder)
    told = get(app, "/health", token(folder)).json()
    assert (told["status"], told["speed"], told["agents"]) == ("finished", None, [])
    assert told["now"] == "2026-05-20T13:00:00Z"
    assert [(one["agent"], one["kind"]) for one in told["failed_events"]] == [("farm", "uftp.FlexOrder")]
    assert "KeyError" not in get(app, "/health").text


def test_the_dsos_view_is_that_of_the_end(folder: Path) -> None:
    """With the points that the run's DSO watched; a run that did not say what site it is answers 503 with that reason."""
    assert [one["branch"] for one in get(finished_app(folder), "/dso/state", token(folder)).json()["points"]] == [
        "line-1"
    ]
    for part in (folder / "publications").glob("site_described-*"):
        part.unlink()
    told = get(finished_app(folder), "/dso/state", token(folder))
    assert (told.status_code, told.json()["detail"]) == (503, "dso state: the site has not been described yet")


def test_each_caller_has_a_token_in_a_file_of_its_own(folder: Path) -> None:
    """Market parties by domain, researcher and tenant by name; only their owner may read the files; the farm sees its asset."""
    app = finished_app(folder)
    files = sorted((folder / "portal.parties").iterdir())
    assert [path.stem for path in files] == ["agr.example", "dso.example", "farm.example", "lab", "tenant"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert get(app, "/data/access", token(folder, "tenant")).json()["role"] == "occupant"
    assert get(app, "/data/access", token(folder, "lab")).json()["denied"] == "no policy permits it"


@pytest.mark.parametrize("name", ["../lab", "", ".lab", "a/b", "lab:1", "x" * 101])
def test_a_name_that_is_no_files_name_is_refused(folder: Path, name: str) -> None:
    """A token's file lies in its folder, whoever is named in the principals."""
    principals_path(folder).write_text(json.dumps({"researchers": {name: "study"}}))
    with pytest.raises(BadInput, match="researchers"):
        finished_app(folder)
    assert not (folder / "portal.parties").exists()


def test_a_folder_of_nothing_is_one_sentence(tmp_path: Path) -> None:
    """Neither a folder without a run nor one without its data is served."""
    with pytest.raises(BadInput, match="expected the folder of a finished run"):
        finished_app(tmp_path)
    with pytest.raises(BadInput, match=r"documents: .* is not there"):
        finished_app(run_folder(tmp_path))


def test_the_command_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its help says where the tokens lie and how one is shown; the port goes to the server."""
    monkeypatch.setenv("COLUMNS", "200")
    from experiments.cli.main import _mount

    _mount()
    said = CliRunner().invoke(iles, ["portal", "--help"]).stdout
    assert "portal.parties" in said
    assert "Authorization: Bearer" in said
    assert "playground" in said
    assert command.portal.__doc__


def test_tables_are_read_as_the_store_reads_them(folder: Path) -> None:
    """The same publications with the same numbers, cut by time and key as a store cuts them; the last instant is known."""
    tables, store = PublishedTables(folder), ParquetStore(folder, keep=True)
    for since in (None, NOON, NOON + timedelta(days=1)):
        assert tables.told(HandlingFailed, since) == store.told(HandlingFailed, since)
        assert tables.told(SiteDescribed, None, since) == store.told(SiteDescribed, None, since)
    assert values(tables, SiteDescribed, key={"dso": "other"}) == []
    assert tables.newest() == FinishedRun(folder).end == NOON + timedelta(hours=3)
    store.close()


def test_data_is_opened_again_when_there_is_more(folder: Path) -> None:
    """The same while nothing changes; a fill and a new researcher are there at the next request; the index has offered
    queries when it is made again, too."""
    see = LiveData(folder, lambda: datetime(2026, 6, 1, tzinfo=UTC), make_index=True)
    first = see()
    assert see() is first
    more = replace(WHOLE.connections[0], usage_point="barn", meters={"barn.meter": "meter"})
    file_run(folder, replace(WHOLE, connections=(*WHOLE.connections, more)), NOON)
    assert see() is not first
    assert "barn" in {point.usage_point for point in see().access.book.usage_points}
    assert see().access.who("barn", "read", "readings").role == "prosumer"
    principals_path(folder).write_text(json.dumps({"researchers": {"other-lab": "study"}}))
    assert see().access.book.principal("other-lab").project == "study"
    with pytest.raises(BadInput):
        see().access.book.principal("lab")
    see().definitions.put(read_definition(json.dumps(QUERY)), "operator", NOON)
    found = get(finished_app(folder), "/data/search?field=kind:query", token(folder)).json()
    assert [hit["title"] for hit in found["hits"]] == ["Power of connections: /data/q/power"]


def test_a_site_without_data_yet_answers_503(tmp_path: Path) -> None:
    """Whoever asks before the first fill is told to come again."""
    with pytest.raises(ViewError, match="nothing has been filed yet"):
        LiveData(tmp_path, lambda: NOON, make_index=False)()


def test_how_often_one_may_ask_outlives_a_fill(folder: Path) -> None:
    """Opening the data again gives nobody new tries."""
    see = LiveData(folder, lambda: NOON, make_index=True)
    rate = see().provision
    principals_path(folder).write_text("{}")
    assert see().provision is not rate
    assert see().provision._rate is rate._rate
