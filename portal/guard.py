"""Who may call: every path asks for the bearer token (RFC 6750), except those in one table."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cim.model.errors import BadInput

# Exact paths and why anybody may see them. What is not here asks for the token, whether it exists or not.
OPEN: Final = {
    "/health": "a load balancer or watchdog must see whether the site lives; without the token it gets counts only",
}

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",  # a site's state belongs in no proxy
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # answers are data, never pages
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000"

_MIN_TOKEN = 32  # characters; 32 random bytes make 43


class Guard:
    """ASGI middleware: checks the token before anything else runs, and sets the security headers on every answer.

    Leaves in `scope["state"]["known"]` whether the caller showed the token (open paths only may be False).

    Args:
        token: that callers must show.

    Raises:
        BadInput: the token is too short to be one.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        check_token(token)
        self._app = app
        self._digest = _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers.update(SECURITY_HEADERS)
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        shown = Headers(scope=scope).getlist("authorization")
        known = len(shown) == 1 and self._fits(shown[0])
        open_ = scope["type"] == "http" and scope["path"] in OPEN
        if not known and (shown or not open_):
            # A wrong token is told so even at an open path: who shows one wants the long answer.
            await self._refuse(bool(shown), scope, receive, sealed)
            return
        scope.setdefault("state", {})["known"] = known
        await self._app(scope, receive, sealed)

    def _fits(self, header: str) -> bool:
        scheme, _, given = header.partition(" ")
        # Digests have one length, so comparing takes the same time whatever was sent.
        return hmac.compare_digest(_digest(given.strip()), self._digest) and scheme.lower() == "bearer"

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


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
