"""Nobody passes the door without the token, except where one table says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Route

from cim.model.errors import BadInput
from portal.app import create_app
from portal.guard import OPEN, Guard
from tests.worlds.doubles import BEARER, TOKEN, FakeSite, client, get

APP = create_app(FakeSite(), TOKEN)
LOG_IN = {"/login", "/login.css"}  # routes of a portal with users: `test_portal_log_in`


def test_every_route_asks_for_the_token_unless_the_table_gives_a_reason() -> None:
    """All methods of all routes answer 401 without it; open ones are named, exist, and say why they are."""

    async def knock() -> Mapping[str, set[int]]:
        codes: dict[str, set[int]] = {}
        async with client(APP) as caller:
            for route in APP.routes:
                assert isinstance(route, Route), f"{route}: this test knows only plain routes; teach it, do not skip it"
                for method in sorted(route.methods or {"GET"}):
                    answer = await caller.request(method, route.path)
                    codes.setdefault(route.path, set()).add(answer.status_code)
        return codes

    codes = asyncio.run(knock())
    assert {"/health", "/dso/state"} <= set(codes)
    assert {path for path, seen in codes.items() if seen != {401}} == set(OPEN) - LOG_IN
    assert all(len(reason.split()) >= 5 for reason in OPEN.values())


@pytest.mark.parametrize("path", ["/nowhere", "/", "/health/", "/HEALTH", "/docs", "/openapi.json", "/dso/state/"])
def test_what_does_not_exist_asks_for_the_token_too(path: str) -> None:
    """Nobody learns which paths there are; with the token a missing one is missing."""
    assert asyncio.run(get(path)).status_code == 401
    assert asyncio.run(get(path, BEARER)).status_code == (200 if path == "/openapi.json" else 404)


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"bearer{TOKEN}",
        f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN.upper()}",
    ],
)  # fmt: skip
def test_a_wrong_token_is_told_so_also_at_an_open_path(header: str) -> None:
    """401 with the challenge of RFC 6750, section 3."""
    for path in ("/dso/state", "/health"):
        answer = asyncio.run(get(path, {"Authorization": header}))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="iles", error="invalid_token"'
        assert TOKEN not in answer.text


def test_no_token_is_asked_for_one() -> None:
    """The challenge then names no error."""
    answer = asyncio.run(get("/dso/state"))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="iles"')
    assert "Authorization: Bearer TOKEN" in answer.json()["detail"]


def test_the_scheme_is_not_case_sensitive() -> None:
    """RFC 9110, section 11.1."""
    assert asyncio.run(get("/dso/state", {"Authorization": f"bEARER  {TOKEN}"})).status_code == 200


async def _pass(headers: list[tuple[bytes, bytes]], kind: str = "http", path: str = "/x") -> tuple[bool, list[Any]]:
    passed, sent = [], []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "path": path, "headers": headers, "method": "GET"}
    await Guard(inner, TOKEN)(scope, receive, send)
    return bool(passed), sent


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"x"]), st.binary(max_size=60)), max_size=4))
def test_no_headers_but_the_right_one_pass(headers: list[tuple[bytes, bytes]]) -> None:
    """Whatever bytes are sent, the door neither opens nor breaks."""
    passed, sent = asyncio.run(_pass(headers))
    assert not passed
    assert sent[0]["status"] == 401


def test_two_tokens_are_one_too_many() -> None:
    """A request with two Authorization headers is ambiguous: it is refused, though one of them fits."""
    right = (b"authorization", f"Bearer {TOKEN}".encode())
    assert asyncio.run(_pass([right]))[0]
    assert not asyncio.run(_pass([right, right]))[0]


def test_a_websocket_needs_the_token_also_at_an_open_path() -> None:
    """It is closed before it is accepted."""
    passed, sent = asyncio.run(_pass([], "websocket", "/health"))
    assert not passed
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "token needed"}]


@pytest.mark.parametrize("token", ["", "short", "t" * 31, "t" * 42 + " t", "ü" * 43, "t" * 42 + "\n"])
def test_a_weak_token_is_refused(token: str) -> None:
    """No portal is made with a token that could be guessed or cannot be sent."""
    with pytest.raises(BadInput, match="portal token"):
        create_app(FakeSite(), token)


def test_routes_are_plain() -> None:
    """The schema's route is the only one FastAPI adds: no page that loads scripts from elsewhere."""
    paths = sorted(
        route.path for route in APP.routes if isinstance(route, Route | BaseRoute) and hasattr(route, "path")
    )
    pages = ("assets", "baselines", "contracts", "disputes", "payments", "register", "settlements", "templates")
    market = [f"/market/{page}" for page in pages]
    assert paths == ["/dso/state", "/health", *market, "/metrics", "/openapi.json", "/ready"]
