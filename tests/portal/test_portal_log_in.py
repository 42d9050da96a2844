"""People log in with a password, by a form that works without scripts; what acts by their session comes from this site."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import jwt
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from experiments.cli.main import _mount
from experiments.cli.main import app as iles
from portal.app import create_app
from portal.auth.caller import Caller, caller_of
from portal.auth.ended import FILE as ENDED
from portal.auth.ended import EndedSessions
from portal.auth.lock_out import FREE, LockOut
from portal.auth.log_in import LogIn
from portal.auth.routes import _inside
from portal.auth.sessions import LIFE_S, LONGEST_S, RENEW_S
from portal.auth.users import FILE, FIRST, UserBook, one_time_password
from tests.worlds.doubles import BEARER, TOKEN, FakeSite
from tests.worlds.log_ins import CHEAP, PASSWORDS, Clock, Door, browser, enter

ROLES = {"farm.example": Role.PROSUMER, "dso.example": Role.DSO}
TOKENS = {"f" * 43: "farm.example", "d" * 43: "dso.example"}


def portal(door: Door) -> FastAPI:
    """A portal with a route that acts, and one that says who calls."""
    app = create_app(FakeSite(), TOKEN, parties=TOKENS, roles=ROLES, log_in=door.log_in)

    @app.post("/dso/act")
    async def act(request: Request) -> str:
        caller = caller_of(request)
        return caller.name if caller else "nobody"

    @app.get("/pages/who")
    async def who(request: Request) -> Caller | None:
        return caller_of(request)

    return app


def talk(door: Door, talking: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """One conversation of a browser with the portal."""

    async def run() -> None:
        async with browser(portal(door)) as caller:
            await talking(caller)

    asyncio.run(run())


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """Three users who have passwords of their own."""
    return Door(tmp_path)


def test_a_browser_is_led_to_the_form_and_from_there_to_where_it_wanted(door: Door) -> None:
    """303 to the log-in with the way back; a client that asks for JSON is told 401 as before."""

    async def talking(caller: httpx.AsyncClient) -> None:
        sent = await caller.get("/dso/state?x=1")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/dso/state%3Fx%3D1")
        form = await caller.get(sent.headers["location"])
        assert '<input type="hidden" name="next" value="/dso/state?x=1">' in form.text
        assert "script" not in form.text
        assert (await caller.get("/dso/state", headers={"Accept": "application/json"})).status_code == 401
        entered = await enter(caller, "ada", to="/dso/state?x=1")
        assert (entered.status_code, entered.headers["location"]) == (303, "/dso/state?x=1")
        assert (await caller.get("/dso/state")).status_code == 200

    talk(door, talking)


def test_the_cookie_is_for_no_script_and_no_other_site(door: Door) -> None:
    """HttpOnly, SameSite=Strict, all paths; over TLS also Secure and bound to the host."""

    async def talking(caller: httpx.AsyncClient) -> None:
        kept = (await enter(caller, "ada")).headers["set-cookie"]
        assert kept.startswith("iles-session=")
        assert kept.endswith("; Path=/; Max-Age=900; HttpOnly; SameSite=Strict")
        secure = await caller.post(
            "https://portal.test/login",
            data={"name": "ada", "password": PASSWORDS["ada"]},
            headers={"Origin": "https://portal.test"},
        )
        assert secure.headers["set-cookie"].startswith("__Host-iles-session=")
        assert secure.headers["set-cookie"].endswith("; HttpOnly; SameSite=Strict; Secure")

    talk(door, talking)


@pytest.mark.parametrize(
    ("name", "opened", "closed"),
    [
        (FIRST, ["/dso/state", "/market/assets", "/openapi.json", "/health"], []),
        ("ada", ["/dso/state", "/market/assets", "/health", "/pages/who"], ["/openapi.json"]),
        ("farmer", ["/market/assets", "/health", "/pages/who"], ["/dso/state", "/openapi.json"]),
    ],
)
def test_a_session_opens_what_its_role_opens(door: Door, name: str, opened: list[str], closed: list[str]) -> None:
    """200 there, 403 elsewhere, whether that exists or not."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, name)
        assert [(await caller.get(path)).status_code for path in opened] == [200] * len(opened)
        assert [(await caller.get(path)).status_code for path in closed] == [403] * len(closed)

    talk(door, talking)


def test_tokens_open_what_their_role_opens(door: Door) -> None:
    """The DSO's token opens the DSO's pages, a farm's does not; the session's cookie of somebody else changes nothing."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, FIRST)
        for letter, status in (("d", 200), ("f", 403), ("x", 401)):
            shown = {"Authorization": f"Bearer {letter * 43}"}
            assert (await caller.get("/dso/state", headers=shown)).status_code == status

    talk(door, talking)


def test_pages_and_routes_are_told_who_calls(door: Door) -> None:
    """`caller_of` and `/session` say name, role and party, of a user as of a token."""

    async def talking(caller: httpx.AsyncClient) -> None:
        operator = (await caller.get("/session", headers=BEARER)).json()
        assert operator == {
            "name": "operator", "role": "administrator", "party": None, "csrf": "", "one_time": False, "until": None,
        }  # fmt: skip
        await enter(caller, "farmer")
        told = (await caller.get("/session")).json()
        assert (told["name"], told["role"], told["party"]) == ("farmer", "prosumer", "farm.example")
        assert told["until"] == "1970-01-12T14:01:40Z"
        assert (await caller.get("/pages/who")).json()["csrf"] == told["csrf"]

    talk(door, talking)


def test_what_acts_needs_the_sessions_own_token(door: Door) -> None:
    """Without X-CSRF-Token, with another session's, or from another site's page: 403; with it 200; a bearer token needs none."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, FIRST)
        foreign = (await caller.get("/session")).json()["csrf"]
        await enter(caller, "ada")
        own = (await caller.get("/session")).json()["csrf"]
        assert own != foreign
        for headers in ({}, {"X-CSRF-Token": foreign}, {"X-CSRF-Token": own.upper()}):
            refused = await caller.post("/dso/act", headers=headers)
            assert refused.status_code == 403
            assert "X-CSRF-Token" in refused.json()["detail"]
        for says in ({"Origin": "http://evil.test"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}):
            assert (await caller.post("/dso/act", headers={"X-CSRF-Token": own, **says})).status_code == 403
        assert (await caller.post("/dso/act", headers={"X-CSRF-Token": own})).json() == "ada"
        assert (await caller.post("/dso/act", headers={"Authorization": f"Bearer {'d' * 43}"})).json() == "dso.example"

    talk(door, talking)


def test_another_sites_page_cannot_log_anybody_in_or_out(door: Door) -> None:
    """The forms check where they come from, and that they are this session's."""

    async def talking(caller: httpx.AsyncClient) -> None:
        evil = {"Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"}
        fields = {"name": "ada", "password": PASSWORDS["ada"]}
        assert (await caller.post("/login", data=fields, headers=evil)).status_code == 403
        await enter(caller, "ada")
        for path in ("/logout", "/password"):
            assert (await caller.post(path, data={"csrf": "0" * 64})).status_code == 403
        assert (await caller.get("/session")).status_code == 200

    talk(door, talking)


def test_a_session_ends_with_disuse_and_lasts_with_use(door: Door) -> None:
    """A token lives a quarter of an hour, is renewed when it is used, and the whole no longer than twelve hours."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, "ada")
        begun, renewals = door.clock.now, 0
        while door.clock.now < begun + LONGEST_S - RENEW_S - 1:
            door.clock.now += RENEW_S + 1
            answer = await caller.get("/session")
            assert answer.status_code == 200
            renewals += "set-cookie" in answer.headers
        assert renewals == (LONGEST_S - 1) // (RENEW_S + 1)
        door.clock.now = begun + LONGEST_S
        assert (await caller.get("/session")).status_code == 303
        await enter(caller, "ada")
        door.clock.now += LIFE_S
        assert (await caller.get("/session", headers={"Accept": "*/*"})).status_code == 401

    talk(door, talking)


@pytest.mark.parametrize("change", ["removed", "password", "log-out", "role"])
def test_what_is_changed_of_a_user_holds_from_the_next_request_on(door: Door, change: str) -> None:
    """A removed user, another password or a log-out end all tokens at once, also a copy that somebody else kept."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, "ada")
        kept = dict(caller.cookies)
        users = UserBook(door.folder / FILE, CHEAP)  # as another process has it
        if change == "removed":
            users.remove("ada")
        elif change == "password":
            users.set_password("ada", "quite another one", one_time=False)
        elif change == "log-out":
            csrf = (await caller.get("/session")).json()["csrf"]
            left = await caller.post("/logout", data={"csrf": csrf})
            assert (left.status_code, left.headers["location"]) == (303, "/login")
            assert "iles-session" not in caller.cookies
        else:
            users.remove("ada")
            users.add("ada", Role.PROSUMER, "farm.example", PASSWORDS["ada"], one_time=False)
        caller.cookies.clear()
        caller.cookies.update(kept)
        assert (await caller.get("/dso/state")).status_code == 303

    talk(door, talking)


def test_a_forged_token_is_none(door: Door) -> None:
    """Without our key: of no algorithm, of another key, of another claim, or garbage."""
    user = door.log_in.users.get("ada")
    assert user is not None
    right = door.log_in.sessions.begin("ada", user)
    assert door.log_in.sessions.read(right) is not None
    claims = jwt.decode(right, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, b"0" * 32, "HS256"),
        jwt.encode(claims, b"0" * 64, "HS512"),
        right[:-2] + ("AA" if right[-2:] != "AA" else "BB"),
        right.replace(".", ".e30", 1),
        "",
        "a.b.c",
        "\xff",
    ]
    assert [door.log_in.sessions.read(token) for token in forged] == [None] * len(forged)


@given(st.text(max_size=80))
def test_no_text_is_a_session(text: str) -> None:
    """Whatever a cookie holds, reading it does not break."""
    users = UserBook(Path("nowhere") / FILE, CHEAP)
    from portal.auth.sessions import Sessions

    assert Sessions(b"k" * 32, users, EndedSessions(Path("nowhere") / ENDED)).read(text) is None


def test_a_log_out_is_remembered_by_another_process_and_after_a_restart(door: Door) -> None:
    """A copy of the token is none for another log-in of the same folder, before and after; what has ended by itself is dropped."""
    user = door.log_in.users.get("ada")
    assert user is not None
    beside = LogIn(door.folder, CHEAP, door.clock, door.clock)
    tokens = [door.log_in.sessions.begin("ada", user) for _ in range(2)]
    read = [door.log_in.sessions.read(token) for token in tokens]
    assert read[0] is not None
    assert beside.sessions.read(tokens[0]) is not None
    door.log_in.leave(read[0])
    again = LogIn(door.folder, CHEAP, door.clock, door.clock)
    for log_in in (door.log_in, beside, again):
        assert log_in.sessions.read(tokens[0]) is None
        assert log_in.sessions.read(tokens[1]) is not None
    path = door.folder / ENDED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    door.clock.now += LIFE_S
    late = again.sessions.read(again.sessions.begin("ada", user))
    assert late is not None
    again.leave(late)
    assert list(json.loads(path.read_text())) == [late.identity]


@pytest.mark.parametrize("text", ["", "[]", '{"a": "soon"}', "{"])
def test_log_outs_that_cannot_be_read_let_nobody_in(door: Door, text: str) -> None:
    """Nobody is let in by guessing: one sentence that names the file; so is one that others may write."""
    user = door.log_in.users.get("ada")
    assert user is not None
    token = door.log_in.sessions.begin("ada", user)
    path = door.folder / ENDED
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="is no list of sessions"):
        door.log_in.sessions.read(token)
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(BadInput, match="mode 0644"):
        door.log_in.sessions.read(token)


def test_who_fails_often_waits_longer_each_time_and_so_does_who_is_not_there(door: Door) -> None:
    """Five tries in a row; then 30 s, 60 s and so on; the right password does not help meanwhile, a success forgets."""

    async def talking(caller: httpx.AsyncClient) -> None:
        for name in ("ada", "nobody"):
            door.clock.now += 1000
            for _ in range(FREE - 1):
                failed = await enter(caller, name, "wrong password")
                assert failed.status_code == 401
                assert "name and password do not fit" in failed.text
            told = await enter(caller, name, "wrong password")
            assert "wait 30 s" in told.text
            assert "wait 30 s" in (await enter(caller, name)).text
            door.clock.now += 31
            assert "wait 60 s" in (await enter(caller, name, "wrong password")).text
        door.clock.now += 61
        assert (await enter(caller, "ada")).status_code == 303
        assert "name and password do not fit" in (await enter(caller, "ada", "wrong password")).text

    talk(door, talking)


def test_one_address_cannot_try_many_names(door: Door) -> None:
    """Twenty at once, then one in two seconds: 429 says when to come again."""

    async def talking(caller: httpx.AsyncClient) -> None:
        codes = [(await enter(caller, f"name-{number}", "wrong password")).status_code for number in range(21)]
        assert codes == [401] * 20 + [429]
        assert (await enter(caller, "ada")).headers["retry-after"] == "2"

    talk(door, talking)


def test_the_lock_out_remembers_no_more_than_it_can_hold() -> None:
    """A flood of names neither grows without end nor forgets the newest."""
    lock_out = LockOut(Clock())
    for number in range(20_000):
        lock_out.failed(f"name-{number}")
    assert len(lock_out._failed) == 10_000
    for _ in range(FREE - 1):
        lock_out.failed("name-19999")
    assert lock_out.wait_s("name-19999") == 30


def test_the_first_password_is_shown_once_and_must_be_changed(tmp_path: Path) -> None:
    """Nothing opens but the form to change it; then everything does, and the one-time password is none any more."""
    log_in = LogIn(tmp_path, CHEAP)
    first = log_in.users.first_start()
    assert first is not None
    assert log_in.users.first_start() is None
    assert first not in (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    app = create_app(FakeSite(), TOKEN, log_in=log_in)

    async def talking() -> None:
        async with browser(app) as caller:
            assert (await enter(caller, FIRST, first)).headers["location"] == "/password"
            assert (await caller.get("/dso/state")).headers["location"] == "/password"
            refused = await caller.get("/dso/state", headers={"Accept": "*/*"})
            assert (refused.status_code, "/password" in refused.json()["detail"]) == (403, True)
            csrf = (await caller.get("/session")).json()["csrf"]
            assert csrf in (await caller.get("/password")).text
            fields = {"csrf": csrf, "current": first, "new": "a much better one", "again": "a much better one"}
            for wrong, status in (({"again": "x" * 12}, 422), ({"new": "short", "again": "short"}, 422),
                                  ({"new": first, "again": first}, 422), ({"current": "not this one"}, 401)):  # fmt: skip
                assert (await caller.post("/password", data=fields | wrong)).status_code == status
            assert (await caller.post("/password", data=fields)).headers["location"] == "/"
            assert (await caller.get("/dso/state")).status_code == 200
            assert (await enter(caller, FIRST, first)).status_code == 401

    asyncio.run(talking())


def test_every_log_in_is_written_down(door: Door) -> None:
    """Who, from where, whether it was let in and why not; never a password; and the record is found unchanged."""

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, "ada", "wrong password")
        await enter(caller, "ada")
        csrf = (await caller.get("/session")).json()["csrf"]
        await caller.post("/logout", data={"csrf": csrf})

    talk(door, talking)
    log = door.log_in.audit
    assert [(one.who, one.role, one.act, one.allowed, one.reason, one.asked) for one in log.entries()] == [
        ("ada", "", "log-in", False, "wrong name or password", ("from 192.0.2.1",)),
        ("ada", "dso", "log-in", True, "", ("from 192.0.2.1",)),
        ("ada", "dso", "log-out", True, "", ()),
    ]
    assert log.check() == 3
    raw = (door.folder / "data" / "audit" / "portal.sqlite").read_bytes()
    assert PASSWORDS["ada"].encode() not in raw
    assert b"wrong password" not in raw


@pytest.mark.parametrize(
    "to",
    ["//evil.test", "https://evil.test", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)", "evil", "", "/login", "/logout",
     "/\t/evil.test", "///evil.test", "/login?next=/login", "/x\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_a_log_in_never_leads_to_another_site(to: str) -> None:
    """What is not a path of this site leads home."""
    assert _inside(to, "/") == "/"


def test_a_form_that_is_none_is_a_sentence(door: Door) -> None:
    """Too large: 413; too many fields or no text: 422; markup in a name is shown as text."""

    async def talking(caller: httpx.AsyncClient) -> None:
        assert (await caller.post("/login", content=b"a" * 9000)).status_code == 413
        assert (await caller.post("/login", content=b"&".join([b"a=1"] * 30))).status_code == 422
        assert (await caller.post("/login", content=b"\xff\xfe")).status_code == 422
        told = await enter(caller, '"><script>alert(1)</script>', "x")
        assert "<script" not in told.text
        assert "&lt;script&gt;" in told.text

    talk(door, talking)


def test_the_users_file_is_guarded(tmp_path: Path) -> None:
    """Others may not read it; a wrong field is named; the last administrator stays."""
    users = UserBook(tmp_path / FILE, CHEAP)
    users.add(FIRST, Role.ADMINISTRATOR, "", one_time_password())
    with pytest.raises(BadInput, match="last administrator"):
        users.remove(FIRST)
    with pytest.raises(BadInput, match="there is one already"):
        users.add(FIRST, Role.ADMINISTRATOR, "", one_time_password())
    with pytest.raises(BadInput, match="12 to 256"):
        users.add("b", Role.ADMINISTRATOR, "", "short")
    with pytest.raises(BadInput, match="expected a party"):
        users.add("b", Role.DSO, "", one_time_password())
    with pytest.raises(BadInput, match="expected a name"):
        users.add("a b", Role.ADMINISTRATOR, "", one_time_password())
    with pytest.raises(BadInput, match="expected one of administrator"):
        users.set_password("b", one_time_password(), one_time=True)
    assert list(users.all()) == [FIRST]
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(BadInput, match="mode 0644"):
        users.all()
    (tmp_path / FILE).chmod(0o600)
    (tmp_path / FILE).write_text(json.dumps({"users": {"ada": {"role": "king"}}}))
    with pytest.raises(BadInput, match=r"users\.ada\.role"):
        users.all()


def test_users_come_and_go_by_the_command_line(tmp_path: Path) -> None:
    """Add, list, another password, remove; what was printed logs in."""
    _mount()
    run = CliRunner()
    added = run.invoke(iles, ["portal", "users", "add", str(tmp_path), "root"])
    assert added.exit_code == 0, added.output
    users = UserBook(tmp_path / FILE)
    assert users.check("root", added.output.split()[-1]) is not None
    given = run.invoke(
        iles, ["portal", "users", "password", str(tmp_path), "root", "--stdin"], input="my own password\n"
    )
    assert given.exit_code == 0
    assert users.check("root", "my own password") is not None
    assert "root" in run.invoke(iles, ["portal", "users", "list", str(tmp_path)]).output
    run.invoke(iles, ["portal", "users", "add", str(tmp_path), "second"])
    assert run.invoke(iles, ["portal", "users", "remove", str(tmp_path), "root"]).exit_code == 0
    assert list(users.all()) == ["second"]
