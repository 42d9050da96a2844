"""Passwords of devices that dial in: HTTP Basic authentication or a bearer token (OCPP 2.0.1 part 2, A00; RFC 7617, RFC 6750).

What is kept of a password may be a salted hash instead of itself: `scrypt$<salt>$<hash>`, as `hashed` makes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

Authenticate = Callable[[str, str], bool]  # user, password

_SCHEME = "scrypt"
_COST, _BLOCK, _LANES, _BYTES = 1 << 12, 8, 1, 32  # RFC 7914; 4 MB and some 10 ms: the password is long and drawn


def known_passwords(passwords: Mapping[str, str]) -> Authenticate:
    """Check a user against a table of passwords or their hashes, in constant time.

    A hash is worked out once for each password that fits; a storm of reconnects then costs a digest each.
    """
    key = secrets.token_bytes(32)
    proven: dict[str, bytes] = {}

    def authenticate(user: str, password: str) -> bool:
        known = passwords.get(user) or ""
        if not known.startswith(f"{_SCHEME}$"):
            return hmac.compare_digest(known.encode(), password.encode()) and bool(known)
        digest = hmac.digest(key, f"{user}\0{password}".encode(), "sha256")
        if hmac.compare_digest(proven.get(user, b""), digest):
            return True
        fits = _fits(known, password)
        if fits:
            proven[user] = digest
        return fits

    return authenticate


def hashed(password: str) -> str:
    """What may be kept instead of a password: `scrypt$<salt>$<hash>`, both in hexadecimal digits."""
    salt = secrets.token_bytes(16)
    return f"{_SCHEME}${salt.hex()}${_hash(password, salt).hex()}"


def is_hash(text: str) -> bool:
    """Whether a text is what `hashed` makes."""
    scheme, *parts = text.split("$")
    try:
        sizes = [len(bytes.fromhex(part)) for part in parts]
    except ValueError:
        return False
    return scheme == _SCHEME and sizes == [16, _BYTES]


def _fits(known: str, password: str) -> bool:
    if not is_hash(known):
        return False
    _, salt, expected = known.split("$")
    return hmac.compare_digest(_hash(password, bytes.fromhex(salt)), bytes.fromhex(expected))


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=_BYTES)


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
