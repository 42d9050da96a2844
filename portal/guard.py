"""Who may call: every path asks for a bearer token (RFC 6750), except those in one table.

The operator's token opens everything. Each market party has one of its own, which opens `/market/` and `/data/` alone, and
there shows only what is the party's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cim.model.errors import BadInput
from portal.data_page import PAGES, POLICY

# Exact paths and why anybody may see them. What is not here asks for the token, whether it exists or not.
OPEN: Final = {
    "/health": "a load balancer or watchdog must see whether the site lives; without the token it gets counts only",
    **dict.fromkeys(PAGES, "a page without data: a browser cannot send a token with the address that is typed in"),
}

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",  # a site's state belongs in no proxy
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # answers are data, never pages
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PARTY_PATHS: Final = ("/market/", "/data/")  # what a market party's own token opens
_HSTS = "max-age=31536000"

_MIN_TOKEN = 32  # characters; 32 random bytes make 43


class Guard:
    """ASGI middleware: checks the token before anything else runs, and sets the security headers on every answer.

    Leaves in `scope["state"]["known"]` whether the caller showed the operator's token (open paths only may be False), and in
    `["party"]` whose token it was: a market party's domain, None for the operator's.

    Args:
        token: the operator's.
        parties: by the token of each market party, its domain.

    Raises:
        BadInput: the token is too short to be one.
    """

    def __init__(self, app: ASGIApp, token: str, parties: Mapping[str, str] = MappingProxyType({})) -> None:
        check_token(token)
        for own in parties:
            check_token(own)
        self._app = app
        self._digest = _digest(token)
        self._parties = tuple((_digest(own), domain) for own, domain in parties.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers.update(SECURITY_HEADERS)
                if scope.get("path") in PAGES:
                    headers["Content-Security-Policy"] = POLICY
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        shown = Headers(scope=scope).getlist("authorization")
        given = _digest_shown(shown[0]) if len(shown) == 1 else b""
        known = hmac.compare_digest(given, self._digest)
        # All are compared, so that the time taken says nothing about which one was close.
        parties = [domain for own, domain in self._parties if hmac.compare_digest(given, own)]
        open_ = scope["type"] == "http" and scope["path"] in OPEN
        if parties and not known:
            if not scope["path"].startswith(PARTY_PATHS):
                await self._forbid(scope, receive, sealed)
                return
            scope.setdefault("state", {}).update(known=False, party=parties[0])
            await self._app(scope, receive, sealed)
            return
        if not known and (shown or not open_):
            # A wrong token is told so even at an open path: who shows one wants the long answer.
            await self._refuse(bool(shown), scope, receive, sealed)
            return
        scope.setdefault("state", {}).update(known=known, party=None)
        await self._app(scope, receive, sealed)

    async def _forbid(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "operator's token needed"})
            return
        words = f"a market party's token opens {' and '.join(PARTY_PATHS)} only; expected the operator's"
        await JSONResponse({"detail": words}, 403)(scope, receive, send)

    async def _refuse(self, wrong: bool, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "token needed"})
            return
        words = "the token does not fit" if wrong else "a token is needed"
        challenge = 'Bearer realm="iles"' + (', error="invalid_token"' if wrong else "")
        answer = JSONResponse(
            {"detail": f"{words}; expected the header Authorization: Bearer TOKEN"},
            401,
            {"WWW-Authenticate": challenge},
        )
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
