"""`/login`, `/logout`, `/password`, `/session`: how a browser gets a session, and who it is."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from cim.platform.provisioning.rate import TooOften
from portal.auth.caller import Caller, caller_of
from portal.auth.cookie import clear_cookie, set_cookie
from portal.auth.log_in import LogIn, Refused
from portal.auth.pages import POLICY, STYLE, log_in_page, log_out_page, password_page
from portal.auth.sessions import Session
from portal.models.base import Instant, Shown

_LARGEST = 8192  # bytes of a form
HOME: Final = "/"


class SessionTold(Shown):
    """Who is logged in, or whose token was shown.

    Attributes:
        party: whose rows are seen; None: everybody's.
        csrf: to be sent back in the header X-CSRF-Token with everything that acts; empty for tokens.
        one_time: the password must be changed first.
        until: when the session ends if it is not used; None: a token does not end.
    """

    name: str
    role: Role | None
    party: str | None
    csrf: str
    one_time: bool
    until: Instant | None


def add_log_in(app: FastAPI, log_in: LogIn, home: str = HOME) -> None:
    """Add them.

    Args:
        home: where a log-in leads that was not sent from a page.
    """

    @app.get("/login.css", include_in_schema=False)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css; charset=utf-8")

    @app.get("/login", include_in_schema=False)
    async def form(request: Request) -> Response:
        to = _inside(request.query_params.get("next", ""), home)
        return _html(log_in_page(to))

    @app.post("/login", include_in_schema=False)
    async def enter(request: Request) -> Response:
        given = await _form(request)
        name, to = given.get("name", ""), _inside(given.get("next", ""), home)
        try:
            token, user = await run_in_threadpool(log_in.enter, name, given.get("password", ""), address_of(request))
        except Refused as error:
            return _html(log_in_page(to, str(error), name), 401)
        except TooOften as error:
            return _html(log_in_page(to, str(error), name), 429, {"Retry-After": str(error.wait_s)})
        answer = RedirectResponse("/password" if user.one_time else to, 303)
        set_cookie(answer, token, request.url.scheme == "https")
        return answer

    @app.get("/logout", include_in_schema=False)
    async def leaving(request: Request) -> Response:
        session = _session(request)
        return _html(log_out_page(session.name, session.csrf))

    @app.post("/logout", include_in_schema=False)
    async def leave(request: Request) -> Response:
        session = _session(request)
        _check_csrf(session, await _form(request))
        await run_in_threadpool(log_in.leave, session)
        answer = RedirectResponse("/login", 303)
        clear_cookie(answer, request.url.scheme == "https")
        return answer

    @app.get("/password", include_in_schema=False)
    async def password(request: Request) -> Response:
        session = _session(request)
        return _html(password_page(session.name, session.csrf, session.user.one_time))

    @app.post("/password", include_in_schema=False)
    async def change(request: Request) -> Response:
        session, given = _session(request), await _form(request)
        _check_csrf(session, given)

        def again(told: str, status: int) -> Response:
            return _html(password_page(session.name, session.csrf, session.user.one_time, told), status)

        current, new = given.get("current", ""), given.get("new", "")
        if new != given.get("again", ""):
            return again("The new password stands there in two ways; expected it twice the same.", 422)
        try:
            token = await run_in_threadpool(log_in.change, session, current, new, address_of(request))
        except Refused as error:
            return again(str(error), 401)
        except TooOften as error:
            return again(str(error), 429)
        except BadInput as error:
            return again(str(error), 422)
        answer = RedirectResponse(home, 303)
        set_cookie(answer, token, request.url.scheme == "https")
        return answer

    @app.get("/session")
    async def session(request: Request) -> SessionTold:
        """Who is logged in, or whose token was shown. Asking renews a session, as every request does."""
        caller = caller_of(request)
        if caller is None:
            raise HTTPException(401, "a log-in or a token is needed")
        found: Session | None = request.state.session
        until = None if found is None else datetime.fromtimestamp(found.until, UTC)
        return _told(caller, until)


def _told(caller: Caller, until: datetime | None) -> SessionTold:
    return SessionTold(
        name=caller.name,
        role=caller.role,
        party=caller.party,
        csrf=caller.csrf,
        one_time=caller.one_time,
        until=until,
    )


def address_of(request: Request) -> str:
    """Where a request comes from, as the socket says; nobody in between is believed."""
    return request.client.host if request.client else "unknown"


def _session(request: Request) -> Session:
    found: Session | None = request.state.session
    if found is None:
        raise HTTPException(403, "a token has no session; expected a log-in")
    return found


def _check_csrf(session: Session, given: dict[str, str]) -> None:
    if not hmac.compare_digest(given.get("csrf", "").encode(), session.csrf.encode()):
        raise HTTPException(403, "the form is not of this session; expected the page to be loaded again")


async def _form(request: Request) -> dict[str, str]:
    """A form's fields; of one that stands twice the first."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise HTTPException(413, f"form: more than {_LARGEST} bytes; expected fewer")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HTTPException(422, "form: it cannot be read; expected fields in the way of a browser") from None
    return {name: values[0] for name, values in fields.items()}


def _inside(to: str, home: str) -> str:
    """A path of this site, whatever an address asked to be led to."""
    # A browser reads a backslash as a slash, and passes over control characters.
    if not to.isprintable() or "\\" in to or not to.startswith("/") or to.startswith("//"):
        return home
    return home if urlsplit(to).path in ("/login", "/logout") else to


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(text, status, {"Content-Security-Policy": POLICY, **(headers or {})})
