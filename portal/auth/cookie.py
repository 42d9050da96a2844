"""The session's cookie: no script reads it, no other site's page sends it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from portal.auth.sessions import LIFE_S

# A browser takes a cookie of the first name only over TLS, from this host itself, for all paths (RFC 6265bis, 4.1.3.2).
_SECURE: Final = "__Host-iles-session"
_PLAIN: Final = "iles-session"


def cookie_name(secure: bool) -> str:
    """Its name, over TLS or in clear."""
    return _SECURE if secure else _PLAIN


def set_cookie(answer: Response, token: str, secure: bool) -> None:
    """Give a browser its session."""
    answer.headers.append("Set-Cookie", cookie_header(token, secure))


def clear_cookie(answer: Response, secure: bool) -> None:
    """Take it away."""
    answer.headers.append("Set-Cookie", cookie_header("", secure, 0))


def cookie_header(token: str, secure: bool, age_s: int = LIFE_S) -> str:
    """The value of Set-Cookie."""
    flags = "; Secure" if secure else ""
    return f"{cookie_name(secure)}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{flags}"


def session_cookie(headers: Headers, secure: bool) -> str | None:
    """The token that a request brings; None where there is none, or more than one."""
    name, found = cookie_name(secure), []
    for header in headers.getlist("cookie"):
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                found.append(value)
    return found[0] if len(found) == 1 else None
