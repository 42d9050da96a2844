"""Who may dial in: HTTP Basic authentication or a bearer token (OCPP 2.0.1 part 2, A00; RFC 7617, RFC 6750)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping

Authenticate = Callable[[str, str], bool]  # user, password


def known_passwords(passwords: Mapping[str, str]) -> Authenticate:
    """Check a user against a table of passwords, in constant time."""

    def authenticate(user: str, password: str) -> bool:
        known = passwords.get(user)
        return hmac.compare_digest((known or "").encode(), password.encode()) and bool(known)

    return authenticate


def credentials(header: str | None, device: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; a bearer token stands for the password of `device`."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return device, value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (user, password) if colon else None
