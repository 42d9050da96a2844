"""Who may call: every path asks for a bearer token (RFC 6750) or a session's cookie, except those in one table.

The operator's token opens everything, and so does an administrator's session. Each market party has a token of its own;
it opens what its role opens (`portal.auth.caller.ROLE_PATHS`), and there shows only what is the party's, as a session of its
users does. What acts by cookie must bring the session's CSRF token, and come from a page of this site.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from cim.platform.provisioning.rate import RateLimit, TooOften
from portal.auth.caller import Caller, shared
from portal.auth.cookie import cookie_header, session_cookie
from portal.auth.log_in import LogIn, caller_in
from portal.auth.sessions import Session

OPERATOR_NAME: Final = "operator"
# Exact paths and why anybody may see them. What is not here asks for the token, whether it exists or not.
OPEN: Final = {
    "/health": "a load balancer or watchdog must see whether the site lives; without the token it gets counts only",
    "/ready": "what starts a portal must see when it can be used; it says yes or no",
    "/login": "who logs in has neither session nor token yet; it shows a form and nothing of the site",
    "/login.css": "the style of the log-in page, which is shown to who has no session yet",
}
# Forms that work without scripts cannot send a header: these check the CSRF token in their fields.
FORMS: Final = frozenset({"/login", "/logout", "/password"})
# What somebody opens whose password was given by somebody else.
FIRST_LOG_IN: Final = frozenset({"/login", "/login.css", "/logout", "/password", "/session"})

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",  # a site's state belongs in no proxy
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # answers are data, never pages
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with none at all a browser does not say whose form it sends
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OWN_WORDS: Final = ("Cache-Control", "Content-Security-Policy")  # a page of ours may say otherwise
_HSTS = "max-age=31536000"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

LARGEST_BODY: Final = 65_536  # bytes
_MIN_TOKEN = 32  # characters; 32 random bytes make 43


@dataclass(frozen=True, slots=True)
class _Found:
    """Who calls; `answer` where it is refused."""

    caller: Caller | None = None
    session: Session | None = None
    answer: Response | None = None


class Rates:
    """How often each may call.

    Args:
        callers: who is known, by name.
        strangers: who is refused, by address: nobody tries many tokens.
    """

    def __init__(self, callers: RateLimit | None = None, strangers: RateLimit | None = None) -> None:
        self.callers = callers or RateLimit(2000, 500.0, what="portal")
        self.strangers = strangers or RateLimit(200, 5.0, what="portal")


class Guard:
    """ASGI middleware: checks who calls before anything else runs, and sets the security headers on every answer.

    Leaves in `scope["state"]` the `caller` (`portal.auth.caller.caller_of`; None at open paths only) and its `session` (None of a
    token); beside, `known`: whether it is the operator or an administrator, and `party`: whose rows it sees, None for those.

    Args:
        token: the operator's.
        parties: by the token of each market party, its domain.
        roles: by domain, what a party is; of one that is not here the token opens `PARTY_PATHS`.
        log_in: the site's; without it there are tokens only.
        services: by the token of each service (`SERVICE_PATHS`), its name.
        rates: how often each may call.

    Raises:
        BadInput: the token is too short to be one.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        parties: Mapping[str, str] = MappingProxyType({}),
        roles: Mapping[str, Role] = MappingProxyType({}),
        log_in: LogIn | None = None,
        services: Mapping[str, str] = MappingProxyType({}),
        rates: Rates | None = None,
    ) -> None:
        check_token(token)
        for own in (*parties, *services):
            check_token(own)
        self._app, self._log_in, self._rates = app, log_in, rates or Rates()
        self._digest = _digest(token)
        callers = [(own, Caller(domain, roles.get(domain), domain)) for own, domain in parties.items()]
        callers += [(own, Caller(name, None, name, service=True)) for own, name in services.items()]
        self._parties = tuple((_digest(own), caller) for own, caller in callers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        found = self._in_time(self._found(scope, headers), scope)
        sealed = self._sealed(scope, send, found.session)
        if found.answer is not None:
            await _refuse(found.answer, scope, receive, sealed)
            return
        caller = found.caller
        scope.setdefault("state", {}).update(
            caller=caller,
            session=found.session,
            known=caller is not None and caller.all_seeing,
            party=None if caller is None else caller.party,
        )
        await self._app(scope, _bounded(receive), sealed)

    def _in_time(self, found: _Found, scope: Scope) -> _Found:
        """The same, or 429: who is known has a rate of its own, strangers who are refused one by their address."""
        try:
            if found.caller is not None:
                self._rates.callers.take(found.caller.name)
            elif found.answer is not None and found.session is None:
                client = scope.get("client")
                self._rates.strangers.take(client[0] if client else "unknown")
        except TooOften as error:
            return _Found(answer=JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(error.wait_s)}))
        return found

    def _found(self, scope: Scope, headers: Headers) -> _Found:
        open_ = scope["type"] == "http" and scope["path"] in OPEN
        if shown := headers.getlist("authorization"):
            # A wrong token is told so even at an open path: who shows one wants the long answer.
            return self._by_token(_digest_shown(shown[0]) if len(shown) == 1 else b"", scope["path"])
        if self._log_in is not None and (token := session_cookie(headers, _secure(scope))) is not None:
            session = self._log_in.sessions.read(token)
            if session is not None:
                return _by_session(session, scope, headers)
        if not open_:
            return _Found(answer=self._unknown(scope, headers))
        if scope["method"] not in _SAFE and not _same_site(headers):
            return _Found(answer=JSONResponse({"detail": _ELSEWHERE}, 403))
        return _Found()

    def _by_token(self, given: bytes, path: str) -> _Found:
        known = hmac.compare_digest(given, self._digest)
        # All are compared, so that the time taken says nothing about which one was close.
        parties = [caller for own, caller in self._parties if hmac.compare_digest(given, own)]
        if known:
            return _Found(Caller(OPERATOR_NAME, Role.ADMINISTRATOR, None))
        if not parties:
            return _Found(answer=_unauthorized("the token does not fit", ', error="invalid_token"'))
        if not parties[0].opens(path) and (parties[0].service or not shared(path)):
            words = f"the token of {parties[0].name} opens {parties[0].opened} only; expected the operator's"
            return _Found(answer=JSONResponse({"detail": words}, 403))
        return _Found(parties[0])

    def _unknown(self, scope: Scope, headers: Headers) -> Response:
        """A browser is led to the log-in; others are told what is needed."""
        asks = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if self._log_in is not None and asks:
            query = scope.get("query_string", b"").decode("latin-1")
            to = scope["path"] + (f"?{query}" if query else "")
            return RedirectResponse(f"/login?next={quote(to, safe='/')}", 303)
        return _unauthorized("a token is needed", "")

    def _sealed(self, scope: Scope, send: Send, session: Session | None) -> Send:
        """Sends with the security headers, and with a new cookie where the session's gets old."""

        async def sealed(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in SECURITY_HEADERS.items():
                    if name not in _OWN_WORDS or name not in headers:
                        headers[name] = value
                if _secure(scope):
                    headers["Strict-Transport-Security"] = _HSTS
                if session is not None and self._log_in is not None and "set-cookie" not in headers:
                    token = self._log_in.sessions.renewed(session)
                    if token is not None:
                        headers.append("Set-Cookie", cookie_header(token, _secure(scope)))
            await send(message)

        return sealed


def _by_session(session: Session, scope: Scope, headers: Headers) -> _Found:
    caller, path = caller_in(session), scope["path"]
    acts = scope["type"] == "websocket" or scope["method"] not in _SAFE
    if acts and not _same_site(headers):
        return _Found(answer=JSONResponse({"detail": _ELSEWHERE}, 403))
    if acts and scope["type"] == "http" and path not in FORMS and not path.startswith("/_nicegui/"):
        given = headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), caller.csrf.encode()):
            words = "what acts by a log-in needs the header X-CSRF-Token; expected `csrf` of GET /session"
            return _Found(answer=JSONResponse({"detail": words}, 403))
    if caller.one_time and path not in FIRST_LOG_IN:
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return _Found(session=session, answer=RedirectResponse("/password", 303))
        words = "the password was given by somebody else; expected it to be changed at /password first"
        return _Found(answer=JSONResponse({"detail": words}, 403))
    if not (caller.opens(path) or shared(path) or path in OPEN):
        words = f"a {caller.role} opens {caller.opened} only; expected the log-in of somebody who may"
        return _Found(answer=JSONResponse({"detail": words}, 403))
    return _Found(caller, session)


_ELSEWHERE = "the request comes from a page of another site; expected one of this site"


def _same_site(headers: Headers) -> bool:
    """Whether a browser says that a page of this site sent it; a client that is none says nothing, and is believed."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin != "null":
        return urlsplit(origin).netloc == headers.get("host")
    return origin is None if site is None else site == "same-origin"


def _bounded(receive: Receive) -> Receive:
    """Receives a body no larger than one of ours can be.

    Raises:
        HTTPException: 413, where it is read.
    """
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b"")) if message["type"] == "http.request" else 0
        if size > LARGEST_BODY:
            raise HTTPException(413, f"body: more than {LARGEST_BODY} bytes; expected fewer")
        return message

    return bounded


def _secure(scope: Scope) -> bool:
    return scope.get("scheme") in ("https", "wss")


def _unauthorized(words: str, error: str) -> Response:
    return JSONResponse(
        {"detail": f"{words}; expected the header Authorization: Bearer TOKEN, or a log-in at /login"},
        401,
        {"WWW-Authenticate": f'Bearer realm="iles"{error}'},
    )


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        reason = "token needed" if answer.status_code in (401, 303) else "forbidden"
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    await answer(scope, receive, send)


def check_token(token: str) -> None:
    """Raises BadInput where a token is too short, or has signs that a header cannot carry."""
    if len(token) < _MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput(
            f"portal token: it has {len(token)} characters; expected at least {_MIN_TOKEN}, printable ASCII without spaces"
        )


def _digest_shown(header: str) -> bytes:
    """Of the token in an Authorization header; of one length, so comparing takes the same time whatever was sent."""
    scheme, _, given = header.partition(" ")
    return _digest(given.strip()) if scheme.lower() == "bearer" else b""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
