"""`/data/...`: each token its own rows, queries that become endpoints, consents, search, and a page that loads nothing."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI

from cim.platform.access.control import AccessControl
from cim.platform.access.groups import groups_for
from cim.platform.access.odrl import to_odrl
from cim.platform.access.principals import Principal, PrincipalBook, Role
from cim.platform.provisioning.definitions import DefinitionBook
from cim.platform.search.document import SearchDocument
from cim.platform.search.index import SearchWriter
from portal.app import create_app
from portal.data import DataSite
from portal.guard import OPEN, SECURITY_HEADERS
from portal.screens.frame import STATIC
from tests.worlds.access import HOMES, NOW, OTHERS, consent, point, provision
from tests.worlds.doubles import TOKEN, FakeSite, client

T = TypeVar("T")

OWNER, AGGREGATOR, DSO, LAB = (letter * 43 for letter in "oadl")
PARTIES = {OWNER: "owner-0", AGGREGATOR: "agr-east", DSO: "dso-1", LAB: "lab"}
ROWS = {"name": "rows", "title": "Rows", "attributes": ["usage_point", "begin", "value"]}
ONE = {
    "name": "one-home", "attributes": ["begin", "value"], "parameters": [{"name": "home", "type": "text"}],
    "filters": [{"column": "usage_point", "test": "==", "value": "$home"}],
}  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """A portal over the district's data."""
    book = PrincipalBook([point(n) for n in range(8)], [*OTHERS, Principal("operator", Role.ADMINISTRATOR)])
    access = AccessControl.open(tmp_path, book, lambda: NOW)
    with SearchWriter(tmp_path / "search") as writer:
        writer.put(
            SearchDocument(
                home,
                "dataset",
                home,
                place="east" if n < 6 else "west",
                groups=groups_for(point(n), device=False, first=NOW, last=NOW),
            )
            for n, home in enumerate(HOMES)
        )
    site = DataSite(provision(tmp_path, access), DefinitionBook(tmp_path / "queries.sqlite"), tmp_path / "search")
    return create_app(FakeSite(), TOKEN, parties=PARTIES, data=lambda: site)


def call(app: FastAPI, method: str, path: str, token: str | None = TOKEN, body: object = None) -> httpx.Response:
    """One request with a token."""

    async def ask(caller: httpx.AsyncClient) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await caller.request(method, path, headers=headers, content=None if body is None else json.dumps(body))

    return with_client(app, ask)


def with_client(app: FastAPI, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """What some work with a client gives."""

    async def run() -> T:
        async with client(app) as caller:
            return await work(caller)

    return asyncio.run(run())


def test_a_query_is_an_endpoint_at_once_with_an_entry_of_its_own(app: FastAPI) -> None:
    """Defined by the operator, a query answers at once and stands in the schema; taken back, neither; its history stays."""
    assert call(app, "GET", "/data/q/rows").status_code == 422
    assert call(app, "PUT", "/data/queries/rows", body=ROWS).json() == {"version": 1}
    assert len(call(app, "GET", "/data/q/rows").json()["rows"]) == 64
    call(app, "PUT", "/data/queries/one-home", body=ONE)
    entry = call(app, "GET", "/openapi.json").json()["paths"]["/data/q/one-home"]["get"]
    assert [(one["name"], one["required"]) for one in entry["parameters"][:2]] == [("home", True), ("rows", False)]
    assert call(app, "PUT", "/data/queries/rows", body=ROWS | {"title": "Other"}).json() == {"version": 2}
    assert call(app, "DELETE", "/data/queries/rows").status_code == 204
    assert call(app, "GET", "/data/q/rows").status_code == 422
    assert "/data/q/rows" not in call(app, "GET", "/openapi.json").json()["paths"]
    titles = [(one["definition"] or {}).get("title") for one in call(app, "GET", "/data/queries/rows/history").json()]
    assert titles == ["Rows", "Other", None]


def test_the_same_endpoint_gives_each_token_its_own(app: FastAPI) -> None:
    """Owner, aggregator, DSO and operator are answered different rows; the researcher, without a consent, 403."""
    call(app, "PUT", "/data/queries/rows", body=ROWS)
    counts = {}
    for token in (OWNER, AGGREGATOR, DSO, TOKEN):
        counts[token] = len(call(app, "GET", "/data/q/rows", token).json()["rows"])
    assert counts == {OWNER: 8, AGGREGATOR: 48, DSO: 24, TOKEN: 64}
    assert call(app, "GET", "/data/q/rows?purpose=research", LAB).status_code == 403


def test_anothers_home_is_403_whether_it_is_there_or_not(app: FastAPI) -> None:
    """Another's home and one that is not there are answered alike, without a count or a name, and are in the log."""
    call(app, "PUT", "/data/queries/one-home", body=ONE)
    answers = [call(app, "GET", f"/data/q/one-home?home={home}", OWNER) for home in (HOMES[1], "nowhere")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text == answers[1].text
    log = call(app, "GET", "/data/audit?last=2", OWNER).json()
    assert [(one["who"], one["what"], one["allowed"]) for one in log] == [("owner-0", "one-home", False)] * 2


def test_only_the_operator_defines(app: FastAPI) -> None:
    """A party's token defines, takes back and reads histories of nothing."""
    for method, path in (
        ("PUT", "/data/queries/rows"),
        ("DELETE", "/data/queries/rows"),
        ("GET", "/data/queries/rows/history"),
    ):
        body = ROWS if method == "PUT" else None
        assert call(app, method, path, AGGREGATOR, body).status_code == 403
    assert call(app, "GET", "/data/queries").json() == []


def test_a_consent_given_and_withdrawn_over_http(app: FastAPI) -> None:
    """The owner's agreement opens its home to the other party until it is withdrawn; nobody gives another's."""
    given = to_odrl(consent(0, "dso-2"))
    assert call(app, "POST", "/data/consents", AGGREGATOR, given).status_code == 403
    assert call(app, "POST", "/data/consents", OWNER, given).json() == {"uid": "c-0-dso-2"}
    (kept,) = call(app, "GET", "/data/consents", OWNER).json()
    assert (kept["agreement"], kept["withdrawn"]) == (given, None)
    assert call(app, "DELETE", "/data/consents?uid=c-0-dso-2", AGGREGATOR).status_code == 422
    assert call(app, "DELETE", "/data/consents?uid=c-0-dso-2", OWNER).status_code == 204
    assert call(app, "GET", "/data/consents", OWNER).json()[0]["withdrawn"] == NOW.isoformat()


def test_search_and_its_facets_are_the_callers(app: FastAPI) -> None:
    """The DSO finds and counts the connections of its grid, the owner its own."""
    found = call(app, "GET", "/data/search?words=home", DSO).json()
    assert (found["count"], found["facets"]["place"]) == (6, {"east": 6})
    assert call(app, "GET", "/data/search?field=place:west", DSO).json()["count"] == 0
    assert [hit["title"] for hit in call(app, "GET", "/data/search", OWNER).json()["hits"]] == [HOMES[0]]
    assert call(app, "GET", "/data/search?field=groups:administrators", DSO).status_code == 422


def test_offered_queries_are_found_by_those_who_may_call_them(app: FastAPI) -> None:
    """Title, columns and parameters are words of a query; it is found at once, by its roles alone, until it is taken back."""
    for_grid = ROWS | {"name": "grid-power", "title": "Power at the feeder", "roles": ["dso"]}
    call(app, "PUT", "/data/queries/grid-power", body=for_grid)
    call(app, "PUT", "/data/queries/one-home", body=ONE)

    def titles(words: str, token: str) -> list[str]:
        found = call(app, "GET", f"/data/search?words={words}&field=kind:query", token).json()
        assert found["count"] == len(found["hits"])
        return [hit["title"] for hit in found["hits"]]

    assert titles("feeder", DSO) == titles("feeder", TOKEN) == ["Power at the feeder: /data/q/grid-power"]
    assert titles("feeder", OWNER) == titles("feeder", LAB) == []
    assert titles("home", OWNER) == titles("home", LAB) == ["one-home: /data/q/one-home"]
    call(app, "DELETE", "/data/queries/grid-power")
    assert titles("feeder", TOKEN) == []


def test_a_query_is_offered_while_another_writes_the_index(app: FastAPI, tmp_path: Path) -> None:
    """The definition is kept and answers; the index has it when it is made again."""
    with SearchWriter(tmp_path / "search"):
        assert call(app, "PUT", "/data/queries/rows", body=ROWS).json() == {"version": 1}
    assert len(call(app, "GET", "/data/q/rows").json()["rows"]) == 64
    assert call(app, "GET", "/data/search?field=kind:query").json()["count"] == 0


def test_without_an_index_search_is_503(app: FastAPI, tmp_path: Path) -> None:
    """The sentence says that it comes, and names no folder."""
    (tmp_path / "search" / "meta.json").unlink()
    told = call(app, "GET", "/data/search")
    assert told.status_code == 503
    assert "not been made yet" in told.json()["detail"]
    assert str(tmp_path) not in told.text


def test_what_may_i_see_shows_the_policy(app: FastAPI) -> None:
    """A caller is told its attributes, its condition over rows and the policies in words."""
    sight = call(app, "GET", "/data/access", DSO).json()
    assert "meter" not in sight["attributes"]
    assert [one["name"] for one in sight["policies"]] == ["dso-connections-of-its-grid"]
    assert "level" in sight["rows"]
    assert set(sight["values"].values()) == {"connection", "cp-1"}
    assert call(app, "GET", "/data/access", LAB).json()["denied"] == "no policy permits it"


def test_formats_and_pages(app: FastAPI) -> None:
    """The same rows in JSON, CSV and Arrow; a page says where the next begins, the last does not."""
    call(app, "PUT", "/data/queries/rows", body=ROWS)
    rows = call(app, "GET", "/data/q/rows", OWNER).json()["rows"]
    arrow = call(app, "GET", "/data/q/rows?format=arrow", OWNER)
    table = pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all()
    assert [row["value"] for row in table.to_pylist()] == [row["value"] for row in rows]
    lines = call(app, "GET", "/data/q/rows?format=csv", OWNER).text.splitlines()
    assert (lines[0], len(lines)) == ('"usage_point","begin","value"', 9)
    assert lines[1].startswith(f'"{rows[0]["usage_point"]}","{rows[0]["begin"]}"')
    page = call(app, "GET", "/data/q/rows?rows=5&start=0", OWNER)
    assert (page.headers["x-next-start"], page.json()["next_start"]) == ("5", 5)
    last = call(app, "GET", "/data/q/rows?rows=5&start=5", OWNER)
    assert page.json()["rows"] + last.json()["rows"] == rows
    assert "x-next-start" not in last.headers


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/data/try", {"definition": ROWS | {"dataset": "secrets"}}, 422),
        ("POST", "/data/try", {"definition": ROWS | {"attributes": ["salary"]}}, 422),
        ("POST", "/data/try", {"definition": ROWS | {"sql": "DROP"}}, 422),
        ("POST", "/data/try", {"definition": ROWS | {"attributes": ["value; DROP TABLE rows"]}}, 422),
        ("POST", "/data/try", {"definition": ONE}, 422),
        ("POST", "/data/try", {"definition": ONE, "parameters": {"home": "x' OR 1=1 --"}}, 403),
        ("POST", "/data/try", {"definition": ONE, "parameters": {"home": 5}}, 422),
        ("POST", "/data/try", [1], 422),
        ("POST", "/data/try", "x" * 70_000, 413),
        ("PUT", "/data/queries/other", ROWS, 422),
        ("PUT", "/data/queries/rows", ROWS | {"parameters": [{"name": "rows", "type": "integer"}]}, 422),
        ("POST", "/data/consents", {"@type": "Agreement"}, 422),
        ("GET", "/data/audit?last=0", None, 422),
        ("GET", "/data/search?hits=1000", None, 422),
        ("GET", "/data/access?dataset=secrets", None, 422),
        ("GET", "/data/access?purpose=marketing", None, 422),
    ],
)
def test_bad_requests_are_a_sentence(app: FastAPI, method: str, path: str, body: object, code: int) -> None:
    """Whatever does not fit is refused with a reason and never a crash."""
    answer = call(app, method, path, body=body)
    assert answer.status_code == code
    assert answer.json()["detail"]


def test_without_a_token_there_is_nothing(app: FastAPI) -> None:
    """Every data path answers 401 without a token, and none is in the table of open paths."""
    assert not any(path.startswith("/data") for path in OPEN)
    for path in (
        "/data/queries",
        "/data/q/rows",
        "/data/search",
        "/data/access",
        "/data/consents",
        "/data/audit",
        "/data/",
    ):
        assert call(app, "GET", path, token=None).status_code == 401


def test_the_playground_loads_nothing_from_elsewhere(app: FastAPI) -> None:
    """Its script names no other host and puts no text in as HTML; data paths keep the strictest policy."""
    text = (STATIC / "playground.html").read_text() + (STATIC / "playground.js").read_text()
    assert not re.search(r"https?://|//[a-z]+\.|<script>| on[a-z]+=|style=|innerHTML|eval\(", text)
    other = call(app, "GET", "/data/queries").headers["content-security-policy"]
    assert other == SECURITY_HEADERS["Content-Security-Policy"]
