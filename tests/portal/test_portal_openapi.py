"""The OpenAPI document says the truth: nobody gets an answer that it does not name, and nobody comes past the guard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute

from experiments.faults.portal_fuzz import fuzz
from experiments.faults.portal_site import DSO, ENGINEER, FARM, LAB, PASSWORD, FuzzedSite, fuzzed_site
from portal.app import create_app
from portal.auth.caller import ROLE_PATHS, SHARED_PATHS
from portal.auth.sessions import LIFE_S
from portal.guard import OPEN, Rates
from tests.worlds.doubles import BEARER, TOKEN, FakeSite, client
from tests.worlds.log_ins import Clock, Door, browser, enter

ERRORS = {"400", "401", "403", "422", "429", "503"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> FuzzedSite:
    """A small site with all routes of the portal but topics."""
    return fuzzed_site(tmp_path_factory.mktemp("site"))


def endless(path: str) -> bool:
    """Whether a route sends events until its listener goes, once it is let in."""
    return path == "/live"


def walked(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path, also those that the document does not have; a parameter is some word."""
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            continue
        assert isinstance(route, Route), f"{route}: this test knows only plain routes; teach it, do not skip it"
        path = re.sub(r"{[\w:]+}", "something", route.path)
        yield from ((method, path) for method in sorted(route.methods or {"GET"}) if method != "HEAD")


def ask(
    app: FastAPI, headers: dict[str, str], cookies: dict[str, str] | None = None, *, let_in: bool = False
) -> dict[tuple[str, str], int]:
    """Every route, called so; who is let in does not listen to what has no end."""

    async def run() -> dict[tuple[str, str], int]:
        found = {}
        async with client(app) as caller:
            caller.cookies.update(cookies or {})
            for method, path in walked(app):
                if let_in and endless(path):
                    continue
                body = {"content": b"{}"} if method in ("POST", "PUT") else {}
                answer = await caller.request(method, path, headers=headers, **body)  # type: ignore[arg-type]
                found[method, path] = answer.status_code
        return found

    return asyncio.run(run())


def closed(codes: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Without the routes that are open, each for its reason."""
    return {route: status for route, status in codes.items() if route[1] not in OPEN}


def test_without_or_with_a_wrong_token_every_route_is_401(site: FuzzedSite) -> None:
    """All methods of all routes; there are dozens."""
    for headers in ({}, {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Basic YTpi"}):
        codes = closed(ask(site.app, headers))
        assert len(codes) > 30
        assert set(codes.values()) == {401}


def test_with_an_expired_session_every_route_is_401(tmp_path: Path) -> None:
    """Also of a user who is there, with the right signature."""
    door = Door(tmp_path)
    app = create_app(FakeSite(), TOKEN, log_in=door.log_in)
    user = door.log_in.users.get("ada")
    assert user is not None
    cookie = {"iles-session": door.log_in.sessions.begin("ada", user)}
    assert 200 in closed(ask(app, {}, cookie)).values()
    door.clock.now += LIFE_S
    assert set(closed(ask(app, {}, cookie)).values()) == {401}


@pytest.mark.parametrize("who", [FARM, DSO, LAB, "metrics"])
def test_with_another_roles_token_every_route_outside_is_403(site: FuzzedSite, who: str) -> None:
    """What a role does not open is 403, and what it opens is never 401."""
    roles = {FARM: "prosumer", DSO: "dso", LAB: "researcher"}
    opened = ("/metrics", "/session") if who == "metrics" else (
        *next(paths for role, paths in ROLE_PATHS.items() if role == roles[who]), "/session",
    )  # fmt: skip
    codes = closed(ask(site.app, {"Authorization": f"Bearer {site.tokens[who]}"}, let_in=True))
    pages = who != "metrics"  # each checks the role by itself, and shows nothing of another's
    outside = {
        route: status
        for route, status in codes.items()
        if not route[1].startswith(opened) and not (pages and (route[1] == "/" or route[1].startswith("/pages/")))
    }
    assert len(outside) > 5
    assert set(outside.values()) == {403}
    assert 401 not in codes.values()


def test_a_session_that_does_not_say_its_csrf_token_acts_nowhere(site: FuzzedSite) -> None:
    """Every POST, PUT and DELETE by cookie alone is 403."""

    async def cookies() -> dict[str, str]:
        async with browser(site.app) as caller:
            await enter(caller, ENGINEER, PASSWORD)
            return dict(caller.cookies)

    codes = closed(ask(site.app, {}, asyncio.run(cookies()), let_in=True))
    acting = {route: status for route, status in codes.items() if route[0] in ("POST", "PUT", "PATCH", "DELETE")}
    assert len(acting) > 8
    assert set(acting.values()) == {403}


def test_every_operation_names_every_answer(site: FuzzedSite) -> None:
    """Errors with their shape on all of them, 413 where there is a body, 404 where there is a name, and how to authenticate."""
    document = site.app.openapi()
    paths = {route.path for route in site.app.routes if isinstance(route, Route) and route.include_in_schema}
    assert paths - {"/openapi.json"} <= set(document["paths"])
    assert "HTTPValidationError" not in str(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"]
            wanted = ERRORS - ({"401", "403"} if path in OPEN else set())
            wanted |= {"413"} if "requestBody" in operation else set()
            wanted |= {"404"} if "{" in path else set()
            assert wanted <= set(answers), f"{method} {path}"
            assert ("security" in operation) == (path not in OPEN)
            for status in wanted - {"503"}:
                shape = answers[status]["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/Problem"}, f"{method} {path} {status}"
    assert document["components"]["schemas"]["Problem"]["required"] == ["detail"]


@pytest.mark.slow
def test_a_fuzz_finds_no_5xx_and_nothing_undocumented(site: FuzzedSite) -> None:
    """Five calls of each operation, by everybody; `iles faults --portal N` makes more."""
    report = fuzz(site, 5)
    assert report.failures == {}
    assert len(report.calls) > 25
    assert {200, 401, 403, 422} <= set(report.statuses)
    assert max(report.statuses) < 500


def test_the_fuzz_finds_what_it_should(tmp_path: Path) -> None:
    """A route that fails, and one that answers otherwise than it says, are both found."""
    whole = fuzzed_site(tmp_path)

    @whole.app.get("/market/broken")
    async def broken() -> int:
        raise RuntimeError("broken")

    @whole.app.get("/market/undocumented")
    async def undocumented() -> int:
        from fastapi import HTTPException

        raise HTTPException(418, "a teapot")

    found = fuzz(whole, 3, paths="^/market/(broken|undocumented)$").failures
    assert set(found) == {"GET /market/broken", "GET /market/undocumented"}


def test_a_body_that_is_too_large_is_413_on_every_route_that_takes_one(site: FuzzedSite) -> None:
    """However it comes; nothing larger is kept in memory."""

    async def run() -> dict[str, int]:
        found = {}
        async with client(site.app) as caller:
            for method, path in walked(site.app):
                if method in ("POST", "PUT") and path not in ("/logout", "/password"):
                    headers = {"Content-Type": "application/json"}
                    if path != "/login":
                        headers["Authorization"] = f"Bearer {site.tokens['operator']}"
                    answer = await caller.request(method, path, headers=headers, content=b"[" * 70_000)
                    found[path] = answer.status_code
        return found

    codes = asyncio.run(run())
    assert len(codes) >= 6
    assert set(codes.values()) == {413}


def test_who_calls_too_often_is_429_and_nobody_else_is() -> None:
    """A caller has its rate; strangers who are refused have one by address, and known callers from there are served."""
    from cim.platform.provisioning.rate import RateLimit

    clock = Clock()
    rates = Rates(RateLimit(3, 1.0, clock, "portal"), RateLimit(2, 1.0, clock, "portal"))
    app = create_app(FakeSite(), TOKEN, parties={"d" * 43: DSO}, rates=rates)

    async def run() -> None:
        async with client(app) as caller:
            codes = [(await caller.get("/dso/state")).status_code for _ in range(3)]
            assert codes == [401, 401, 429]
            codes = [(await caller.get("/dso/state", headers=BEARER)).status_code for _ in range(4)]
            assert codes == [200, 200, 200, 429]
            party = {"Authorization": f"Bearer {'d' * 43}"}
            assert (await caller.get("/market/assets", headers=party)).status_code == 200
            assert (await caller.get("/health")).status_code == 200
            clock.now += 1
            answer: httpx.Response = await caller.get("/dso/state", headers=BEARER)
            assert answer.status_code == 200

    asyncio.run(run())


def test_shared_paths_are_of_no_role() -> None:
    """What everybody who is logged in opens shows no data of the site by itself: no prefix of the API is among them."""
    assert not [one for one in SHARED_PATHS if one.startswith(("/dso", "/market", "/data", "/metrics", "/openapi"))]
